"""The simulated servers keep their own books, and each SIA's share is near to their truth."""

import random
import re
import subprocess
import sys
from array import array
from pathlib import Path

import msgspec
import pytest

from exporters.gateway import dialects
from exporters.twin.load import requests
from exporters.twin.serving import rehearsal, speaking, variants, web
from exporters.twin.serving.asking import Asked, asked
from exporters.twin.serving.counters import Pair
from exporters.twin.serving.engine import Served, serve
from exporters.twin.serving.judging import IS_SIA, Row, together
from exporters.twin.serving.plan import (
    CONSUMERS,
    DIRECT,
    GENERATED_UNITS,
    HEALTH,
    LARGE,
    MODELS,
    ServedPlan,
)
from exporters.twin.serving.speaking import Style
from footprint import codes
from footprint.token_fit import SCALE, Fit
from tests.running import get, samples
from tests.tools import require_tool
from tests.twin.serving_run import rehearsed

pytestmark = pytest.mark.slow

PLAN = ServedPlan(seconds=5400, page_seconds=300)
KEY = bytes(16)
BEYOND = 0.01
"""Of its true energy: how far the truth may be outside of a range that other weights span. That of
a SIA whose mix is the server's mean is all but a point, and the day's prices move it by more."""


@pytest.fixture(scope="module")
def load() -> rehearsal.Load:
    """An hour and a half of requests, answered."""
    return rehearsal.load(PLAN)


@pytest.fixture(scope="module")
def day() -> list[variants.Variant]:
    """A day of the split alone, without an agent: both servers as they are planned."""
    return list(variants.judged("as planned", rehearsal.load(ServedPlan()).served))


def test_every_microjoule_of_a_server_is_some_consumers(load: rehearsal.Load) -> None:
    """What each consumer caused adds up to what the cards and the processor drew."""
    for model, served in zip(MODELS, load.served, strict=True):
        assert sum(served.energy_uj) == sum(map(sum, served.cards_uj)) > 0
        processor_uj = sum(served.busy_us) * model.processor_watts
        assert processor_uj == sum(map(sum, served.processor_uj))
        assert max(served.busy_us) <= 100_000


def test_every_request_is_answered_with_its_own_tokens(load: rehearsal.Load) -> None:
    """What the servers counted is what was asked for, to the last token."""
    for served in load.served:
        wanted = [done.asked for done in served.done]
        assert sum(served.generated) == sum(one.generated for one in wanted)
        assert sum(served.cached) == sum(one.cached for one in wanted) > 0
        assert sum(served.computed) == sum(one.prompt - one.cached for one in wanted)
    assert sum(len(served.done) for served in load.served) == load.requests


def test_the_trace_s_tokens_are_not_changed() -> None:
    """Each request of a team is one of the trace, whole; its cache holds whole blocks."""
    chance = random.Random(7)
    trace, _ = requests(chance)
    shapes = {(prompt, generated) for _, prompt, generated in trace}
    found = [one for one in asked(PLAN, trace, chance) if one.consumer != HEALTH]
    assert len(found) > 5000
    assert {(one.prompt, one.generated) for one in found} <= shapes
    assert all(one.cached % 16 == 0 and one.cached < one.prompt for one in found)


def test_a_generated_token_costs_seven_prompt_tokens_in_the_same_step() -> None:
    """Two sequences of one step are charged in proportion to what each adds at the margin."""
    writing = Asked(0, 0, 0, 0, prompt=1, cached=0, generated=2)
    reading = Asked(1, 1, 0, 0, prompt=700, cached=0, generated=1)
    served = serve(LARGE, [writing, reading], 10)
    alone = serve(LARGE, [writing], 10)
    first_uj = alone.caused_uj(0) - _step_uj(GENERATED_UNITS)
    shared_uj = served.caused_uj(0) - first_uj
    processor_uj = LARGE.processor_watts * (LARGE.step_us + 700 * 24 + LARGE.generated_us)
    whole_uj = _cards_uj(707) + processor_uj
    assert abs(shared_uj - whole_uj * GENERATED_UNITS // 707) <= 2
    assert served.caused_uj(0) + served.caused_uj(1) - first_uj == whole_uj


def _cards_uj(units: int) -> int:
    curved = LARGE.saturating_uj * units * LARGE.half_units // (LARGE.half_units + units)
    return LARGE.fixed_uj + LARGE.linear_uj * units + curved


def _step_uj(units: int) -> int:
    """A step of one generated token alone, its processor included."""
    return _cards_uj(units) + LARGE.processor_watts * (LARGE.step_us + LARGE.generated_us)


def test_a_token_costs_less_in_company() -> None:
    """Thirty answers side by side draw less than half of thirty answers one after the other."""
    one = serve(LARGE, [Asked(0, 0, 0, 0, 16, 0, 200)], 60)
    many = serve(LARGE, [Asked(0, 0, 0, 0, 16, 0, 200)] * 30, 60)
    assert 2 * many.caused_uj(0) < 30 * one.caused_uj(0)


def test_the_servers_speak_as_real_ones_do(load: rehearsal.Load) -> None:
    """The reader's dialects find every counter in the text, and it holds what was counted."""
    pair = Pair(load.served)
    pair.go_to(PLAN.steps)
    with web.serving(pair) as site:
        gateway = dialects.read(get(site.endpoint("litellm")).decode(), "litellm", KEY)
        servers = [
            dialects.read(get(site.endpoint(model.server)).decode(), "vllm", KEY)
            for model in MODELS
        ]
    for scrape, served in zip(servers, load.served, strict=True):
        assert _sum(scrape, "prompt") == sum(served.computed) + sum(served.cached)
        assert _sum(scrape, "cached") == sum(served.cached)
        assert _sum(scrape, "generated") == sum(served.generated)
        assert _sum(scrape, "requests") == len(served.done)
    through = [done for one in load.served for done in one.done if done.asked.consumer != DIRECT]
    assert _sum(gateway, "requests") == len(through)
    assert _sum(gateway, "generated") == sum(done.asked.generated for done in through)
    assert _sum(gateway, "cached") == sum(done.asked.cached for done in through)


def _sum(scrape: dialects.Scrape, kind: str) -> int:
    return sum(number for series, number in scrape.counts.items() if series.kind == kind)


def test_what_is_restarted_counts_from_zero_and_what_is_down_does_not_answer(
    load: rehearsal.Load,
) -> None:
    """Counters begin anew with another start time; renamed ones keep their values."""
    pair = Pair(load.served)
    pair.go_to(PLAN.steps // 2)
    before = samples(speaking.litellm(pair, Style()))
    pair.gateway.restart(pair.step)
    assert "litellm_input_tokens_metric_total{" not in speaking.litellm(pair, Style())
    pair.go_to(PLAN.steps)
    after = samples(speaking.litellm(pair, Style()))
    start = "process_start_time_seconds"
    assert after[start] == before[start] + PLAN.seconds / 2
    renamed = speaking.vllm(pair, 0, Style(prefix="vllm_", suffix=""))
    assert "vllm_prompt_tokens{" in renamed
    assert "vllm:" not in renamed
    with web.serving(pair) as site:
        pair.up.discard("litellm")
        with pytest.raises(OSError, match=r"(?i)without response|reset"):
            get(site.endpoint("litellm"))
        assert get(site.endpoint(MODELS[0].server))


def test_the_gateway_s_labels_are_full_of_persons(load: rehearsal.Load) -> None:
    """Each label that LiteLLM has for a person holds a name or an e-mail, some aliases do too."""
    pair = Pair(load.served)
    pair.go_to(PLAN.steps)
    text = speaking.litellm(pair, Style())
    for label in ("end_user", "user", "user_email", "user_alias", "api_key_alias", "team_alias"):
        assert re.search(rf'\b{label}="[^"]*surname-\d', text, re.IGNORECASE), label
    assert sum(person in text for person in speaking.persons()) > 50


def test_the_agent_the_gateway_and_the_split_lose_nothing(tmp_path: Path) -> None:
    """Every device balances; all that came in is in the cells; active and idle are the truth's."""
    found = rehearsed(tmp_path, PLAN)
    assert found["balances"]
    for one in found["judged"]:
        assert one["lost_uj"] == 0
        assert one["unallocated_uj"] < 0.001 * one["true_active_uj"]
        assert one["active_uj"] == pytest.approx(one["true_active_uj"], rel=0.02)
        assert one["idle_uj"] == pytest.approx(one["true_idle_uj"], rel=0.02)
        rows = {row["consumer"]: row for row in one["rows"]}
        assert set(rows) == {*IS_SIA, codes.UNATTRIBUTED}
        assert sum(row["default_uj"] for row in rows.values()) == (
            one["active_uj"] - one["unallocated_uj"]
        )
    assert "Nothing is lost" in found["report"][-1]


def test_over_a_day_the_truth_is_in_the_range(day: list[variants.Variant]) -> None:
    """Of every SIA on both servers, with default weights; and no range is all there is."""
    for one in day:
        rows = [row for row in one.judged.rows if row.consumer in IS_SIA and row.true_uj]
        assert one.inside == len(rows) > 2
        for row in rows:
            assert row.most_uj - row.least_uj < row.true_uj, row


def test_over_a_day_fitted_weights_err_less(day: list[variants.Variant]) -> None:
    """On both servers the fit is accepted, less is misplaced, and every large error is smaller."""
    for one in day:
        assert isinstance(one.judged.fit, Fit)
        assert one.fitted_misplaced_permille is not None
        assert one.fitted_misplaced_permille < one.misplaced_permille / 2
    for row in together([one.judged for one in day]):
        assert row.fitted_uj is not None
        if _error(row, row.default_uj) > BEYOND:
            assert _error(row, row.fitted_uj) < _error(row, row.default_uj), row


def test_where_energy_is_linear_the_fit_finds_the_truth() -> None:
    """Without a step's own energy, saturation and processors a generated token weighs seven, and
    every SIA's share is within half a percent: what is left is when requests end."""
    linear = [
        msgspec.structs.replace(model, fixed_uj=0, saturating_uj=0, processor_watts=0)
        for model in MODELS
    ]
    for one in variants.judged("linear", rehearsal.load(ServedPlan(), linear).served):
        fit = one.judged.fit
        assert isinstance(fit, Fit)
        assert fit.weights.generated / SCALE == pytest.approx(GENERATED_UNITS, rel=0.01)
        rows = [row for row in one.judged.rows if row.consumer in IS_SIA and row.true_uj]
        assert one.inside == len(rows)
        assert all(_error(row, row.fitted_uj or 0) < 0.005 for row in rows)


def _error(row: Row, found_uj: int) -> float:
    return abs(found_uj / row.true_uj - 1)


def test_the_measure_of_what_is_misplaced() -> None:
    """All in place is nothing; a fifth of it with another consumer is 200 permille."""
    assert variants.misplaced([(60, 600), (40, 400)]) == 0
    assert variants.misplaced([(60, 800), (40, 200)]) == 200


def test_a_server_that_nobody_asks_draws_nothing() -> None:
    """Above its rest, in any tenth of a second, because of anybody."""
    idle = serve(LARGE, [], 60)
    assert isinstance(idle, Served)
    assert idle.energy_uj == array("q", bytes(8 * 600))
    assert not any(map(sum, idle.cards_uj))


def test_consumers_are_codes_that_the_register_takes() -> None:
    """Five SIA, none of them a server, and everybody else nobody's."""
    assert len(IS_SIA) == 5
    for code in (*IS_SIA, *(model.server for model in MODELS)):
        codes.check_code(code, "code")
    assert not {*IS_SIA} & {model.server for model in MODELS}
    assert {who.sia for who in CONSUMERS} - {*IS_SIA} == {codes.UNATTRIBUTED}
    assert msgspec.structs.replace(PLAN, seed=2).sia == [model.server for model in MODELS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hours", "0.1"), "choose --hours 0.5 to 24"),
        (("--hours", "25"), "choose --hours 0.5 to 24"),
        (("--trace", "absent.csv"), "--trace absent.csv: No such file or directory"),
        (("--trace", __file__), "not a trace of requests"),
        (("--trace", "zero.csv"), "at least one token"),
        (("--trace", "late.csv"), "not in the order of their arrival"),
    ],
)
def test_what_cannot_be_simulated_is_one_line(
    tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    """What, and what to choose instead."""
    rows = [f"2026-11-02 00:00:{second:02}.0000000,100,10" for second in range(20)]
    head = "TIMESTAMP,ContextTokens,GeneratedTokens"
    zero, late = [*rows, f"{rows[-1][:-2]}0"], [*rows, rows[0]]
    (tmp_path / "zero.csv").write_text("\n".join([head, *zero, ""]))
    (tmp_path / "late.csv").write_text("\n".join([head, *late, ""]))
    program = [sys.executable, "-m", "exporters.cli", "twin", "--serving", *arguments]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_the_command_prints_the_table_and_exits_with_zero() -> None:
    """A row a consumer, a row a variant, and the verdict."""
    require_tool("gcc")
    arguments = ("--hours", "0.5", "--page-seconds", "300", "--step-seconds", "10")
    program = [sys.executable, "-m", "exporters.cli", "twin", "--serving", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first_cells = {line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line}
    assert {*IS_SIA, codes.UNATTRIBUTED, "as above", "energy is linear in tokens"} <= first_cells
    assert "48 are needed" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("or stays on their lines.")
