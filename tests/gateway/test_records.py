"""OpenGateLLM's records: both shapes of its view, its own estimate, and nobody's name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporters.gateway.opengatellm import RecordsError, read, read_usage
from exporters.gateway.settings import Settings, parse
from footprint.codes import UNATTRIBUTED
from tests.gateway.house import (
    QUARTER_US,
    SECOND_US,
    START_US,
    Web,
    bench,
    gaps,
    serving,
)

START_S = START_US // SECOND_US
USAGE = {"prompt_tokens": 812, "completion_tokens": 304, "total_tokens": 1116, "cost": 0.0}
CARBON = {"kWh": {"min": 0.00021, "max": 0.00038}, "kgCO2eq": {"min": 1e-05, "max": 2e-05}}
IMPACTS = {"kWh": 0.00029, "kgCO2eq": 0.000017}
FLAT = {
    **{"id": 1, "datetime": START_S, "duration": 2100, "user_id": 3, "token_id": 7},
    **{"endpoint": "/v1/chat/completions", "method": "POST", "status": 200},
    **{"model": "albert-large", "request_model": "mistral-small"},
    **{"kwh_min": 0.00021, "kwh_max": 0.00038, "kgco2eq_min": 1e-05, "kgco2eq_max": 2e-05},
    **USAGE,
}


def nested(second: int, key: str, **more: Any) -> dict[str, Any]:
    """A record of the later shape."""
    usage = {**USAGE, "impacts": IMPACTS, **more}
    return {
        "object": "usage",
        "model": "albert-large",
        "key": key,
        "created": second,
        "usage": usage,
    }


@pytest.mark.parametrize(
    ("usage", "estimated_uj", "estimated_ug"),
    [
        ({**USAGE, "carbon": CARBON}, 1_062_000_000, 15_000),
        ({**USAGE, "impacts": IMPACTS}, 1_044_000_000, 17_000),
        ({**USAGE, "carbon": CARBON, "impacts": {"kWh": 0.00029}}, 1_044_000_000, 15_000),
        ({**USAGE, "carbon": {"kgCO2eq": {"min": None, "max": 0.001}}}, None, 1_000_000),
        ({**USAGE, "impacts": {"kWh": 0, "kgCO2eq": 0}}, 0, 0),
        (USAGE, None, None),
    ],
)
def test_the_usage_of_a_response_is_read_in_both_shapes(
    usage: dict[str, Any], estimated_uj: int | None, estimated_ug: int | None
) -> None:
    """Tokens, and the gateway's own energy: the middle of its range, or its one value."""
    tally = read_usage(json.dumps(usage).encode())
    assert (tally.prompt, tally.generated, tally.requests) == (812, 304, 1)
    assert (tally.estimated_uj, tally.estimated_ug) == (estimated_uj, estimated_ug)


def test_a_record_is_read_in_each_shape_of_the_view() -> None:
    """The same tokens and energy; of the account nothing is decoded."""
    (flat,) = read(json.dumps({"data": [FLAT]}).encode())
    (carbon,) = read(
        json.dumps({"data": [nested(START_S, "k", impacts=None, carbon=CARBON)]}).encode()
    )
    assert flat.tally == carbon.tally
    assert flat.models == ("albert-large", "mistral-small")
    assert dict(flat.labels)["token"] == "7"
    assert dict(carbon.labels)["key"] == "k"
    assert "user" not in repr(flat)


def test_tokens_that_are_cached_or_only_a_total_are_told() -> None:
    """Cached ones are part of the prompt; a total alone is a prompt, as of an embedding."""
    usage = {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}
    assert read_usage(json.dumps(usage).encode()).cached == 10
    total = read_usage(json.dumps({"total_tokens": 40, "completion_tokens": None}).encode())
    assert (total.prompt, total.generated) == (40, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"data": 3}',
        b'{"detail": "a@b.fr"}',
        b'{"data": [{"model": "m"}]}',
        b'{"data": [{"created": 1, "usage": {"prompt_tokens": -3}}]}',
        b'{"data": [{"created": 1, "usage": {"prompt_tokens": "a@b.fr"}}]}',
    ],
)
def test_what_is_no_view_is_an_error_that_repeats_nothing(body: bytes) -> None:
    """Never an empty list."""
    with pytest.raises(RecordsError) as error:
        read(body)
    assert "@" not in str(error.value)


@pytest.mark.parametrize(
    "odd",
    [-1e-9, 101, "n/a", "NaN", "Infinity", True, {}, [], {"min": "n/a"}, {"min": 1, "max": -1}],
)
@pytest.mark.parametrize("name", ["kWh", "kgCO2eq"])
@pytest.mark.parametrize("shape", ["impacts", "carbon", "flat"])
def test_an_estimate_that_cannot_be_used_is_unknown_and_refuses_no_counts(
    odd: object, name: str, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The other estimate of the record, and all other records, are as they were."""
    good = nested(START_S, "k")
    if shape == "flat":
        ends = {"kWh": "kwh_", "kgCO2eq": "kgco2eq_"}[name]
        bad = FLAT | {f"{ends}min": odd}
    elif shape == "carbon":
        value = odd if isinstance(odd, dict) and odd else {"max": odd}
        bad = nested(START_S, "k", impacts=None, carbon=CARBON | {name: value})
    else:
        bad = nested(START_S, "k", impacts=IMPACTS | {name: odd})
    first, second = read(json.dumps({"data": [good, bad]}).encode())
    assert first.tally.estimated_uj == 1_044_000_000
    assert (second.tally.prompt, second.tally.generated) == (812, 304)
    known = (second.tally.estimated_uj is None, second.tally.estimated_ug is None)
    assert known == (name == "kWh", name == "kgCO2eq")
    (said,) = caplog.messages
    assert f"estimates ({name}) that cannot be used: 1" in said


@pytest.mark.parametrize(
    "usage",
    [
        b'{"prompt_tokens": 5, "impacts": 3}',
        b'{"prompt_tokens": 5, "carbon": ["n/a"]}',
        b'{"prompt_tokens": 5, "carbon": {"kWh": 0.001}}',
        b'{"prompt_tokens": 5, "impacts": {"kWh": 1e999999}}',
        b'{"prompt_tokens": 5, "impacts": {"kWh": 1' + b"0" * 5000 + b"}}",
    ],
)
def test_estimates_of_another_form_are_unknown(
    usage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever stands in their place."""
    found = read_usage(usage)
    assert (found.prompt, found.estimated_uj, found.estimated_ug) == (5, None, None)
    assert "cannot be used" in caplog.text


def view(web: Web, records: list[dict[str, Any]]) -> None:
    """Answer as the later view does: by offset and limit, between two seconds."""

    def respond(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        assert path == "/v1/usage"
        first, last = int(query["start_time"]), int(query["end_time"])
        found = [one for one in records if first <= one["created"] <= last]
        offset, limit = int(query["offset"]), int(query["limit"])
        body = {"object": "list", "total": len(found), "data": found[offset : offset + limit]}
        return 200, json.dumps(body).encode()

    web.respond = respond


@pytest.fixture
def web() -> Iterator[Web]:
    """A gateway that answers on loopback."""
    with serving() as found:
        yield found


def reader(folder: Path, url: str) -> Settings:
    """Of one OpenGateLLM."""
    table = {
        "kind": "opengatellm",
        "url": url,
        "models": {"albert-large": {"server": "albert", "model": "mistral"}},
        "rules": [{"labels": {"key": "chat-*"}, "sia": "chat"}],
    }
    values = {
        "name": "gateway-2",
        "state_dir": str(folder / "state"),
        "listen": "127.0.0.1:0",
        "gateways": [table],
    }
    return parse(values, folder / "gateway.toml")


def test_a_quarter_hour_has_the_records_of_its_seconds(tmp_path: Path, web: Web) -> None:
    """Read by pages when it is over; each record once, the boundary's second in the later one."""
    records = [nested(START_S + second, "chat-1") for second in range(0, 1800, 4)]
    records += [nested(START_S + 5, "Marie Curie")]
    view(web, records)
    with bench(reader(tmp_path, web.url)) as run:
        for quarter in range(3):
            run.look(quarter * QUARTER_US)
    first, second = run.newest()
    assert (first.origin, second.gaps) == ("opengatellm", [])
    lines = {line.consumer: line for line in first.lines}
    assert lines["chat"].requests == 225
    assert lines[UNATTRIBUTED].requests == 1
    assert [line.requests for line in second.lines] == [225]
    assert lines["chat"].estimated_uj == 225 * 1_044_000_000
    assert lines["chat"].estimated_ug == 225 * 17_000
    assert b"Curie" not in run.spool.read_bytes()


def test_a_record_that_came_late_replaces_the_page(tmp_path: Path, web: Web) -> None:
    """A quarter-hour is asked for once more at the end of the next; nothing new, no new page."""
    records = [nested(START_S + 5, "chat-1")]
    view(web, records)
    with bench(reader(tmp_path, web.url)) as run:
        run.look(0)
        run.look(QUARTER_US)
        records.append(nested(START_S + 899, "chat-1"))
        run.look(2 * QUARTER_US)
        run.look(3 * QUARTER_US)
    assert [page.seq for page in run.newest()] == [1, 2, 3]
    assert run.newest()[0].lines[0].requests == 2


def test_a_gateway_that_was_away_is_asked_for_all_of_it_later(tmp_path: Path, web: Web) -> None:
    """It keeps its records: pages are sealed with a gap, and replaced."""
    view(web, [nested(START_S + second, "chat-1") for second in range(0, 2700, 100)])
    with bench(reader(tmp_path, web.url)) as run:
        run.look(0)
        web.down = True
        run.look(QUARTER_US)
        assert gaps(run.pages()[0]) == [("unreachable", 0, 900)]
        run.look(2 * QUARTER_US)
        run.restart()
        web.down = False
        run.look(2 * QUARTER_US + 15 * SECOND_US)
        run.look(3 * QUARTER_US)
    assert [page.lines[0].requests for page in run.newest()] == [9, 9, 9]
    assert run.newest()[2].gaps == []
