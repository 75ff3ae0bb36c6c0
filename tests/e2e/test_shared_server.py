"""Shared servers end to end: nothing lost that counters still hold, and no person anywhere.

What happened is in shared_story.py; it happens once for all tests here.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import pytest

from exporters.twin.serving.plan import MODELS
from exporters.twin.serving.speaking import persons
from footprint.codes import UNATTRIBUTED
from footprint.interval import QUARTER_HOUR_SECONDS, floor_to
from tests.e2e.shared_story import AFTER, AWAY, BEFORE, ENERGY_UJ, LOST, READER, Story, told

pytestmark = pytest.mark.slow

SERVERS = [model.server for model in MODELS]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The run; everything is over."""
    with told(tmp_path_factory.mktemp("shared")) as found:
        yield found


def test_nothing_is_lost_that_the_counters_still_hold(story: Story) -> None:
    """Every token counted while the gateway was well, away, or started anew is its SIA's."""
    assert story.named() == story.through_gateway((BEFORE, AWAY), (LOST, AFTER))
    assert len({consumer for _, consumer in story.named()}) == 6
    assert story.counted() == story.by_servers(AFTER)


def test_the_rest_is_nobody_s_with_its_interval(story: Story) -> None:
    """What was lost with the gateway's counters is in the servers' own, `@unattributed` in the
    statement; the time in which it may have been asked is a gap of its own cause."""
    assert story.gaps("restarted")
    assert story.gaps("unreachable")
    lost = story.through_gateway((AWAY, LOST))
    quarters = {floor_to(page.start, QUARTER_HOUR_SECONDS) for page in story.pages()}
    for server in SERVERS:
        named = sum(counts[2] for (of, _), counts in story.named().items() if of == server)
        whole = story.counted()[server, UNATTRIBUTED][2]
        gone = sum(counts[2] for (of, _), counts in lost.items() if of == server)
        stray = story.named()[server, UNATTRIBUTED][2]
        (shown,) = [
            one["counts"]["generated_tokens"]
            for one in _server(story, server)["consumers"]
            if one["consumer"] == UNATTRIBUTED
        ]
        assert gone > 0
        assert shown >= whole - named + stray >= gone + stray
        if len(quarters) == 1:  # else each quarter-hour has a difference of its own, never negative
            assert shown == whole - named + stray


def test_the_reader_s_pages_follow_each_other_without_a_hole(story: Story) -> None:
    """Also while the gateway failed."""
    spans = sorted((page.start, page.end) for page in story.pages(READER))
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_the_servers_energy_is_somebody_s_or_stays_to_the_microjoule(story: Story) -> None:
    """What its consumers have and what stays on its line is what the pages of energy held."""
    quarters = _quarters(story)
    for server in SERVERS:
        found = _server(story, server)
        shares_uj = [one["active_uj"] for one in found["consumers"]]
        assert sum(shares_uj) + found["unallocated_uj"] == found["active_uj"]
        assert found["active_uj"] == ENERGY_UJ[server] * quarters
        assert found["idle_uj"] == 0
        assert len(shares_uj) >= 4
    total_uj = sum(one["figure"]["energy_uj"] for one in story.statement["consumers"])
    assert total_uj == quarters * sum(ENERGY_UJ.values()) == story.statement["total"]["energy_uj"]


def _quarters(story: Story) -> int:
    """How many quarter-hours the energy is of."""
    (idle,) = [one for one in story.statement["consumers"] if one["consumer"] == "@idle"]
    count, rest = divmod(int(idle["figure"]["energy_uj"]), ENERGY_UJ["@idle"])
    assert rest == 0
    return count


def _server(story: Story, code: str) -> dict[str, object]:
    (found,) = [one for one in story.statement["servers"] if one["code"] == code]
    return found


def test_the_export_is_counted_once_however_often_it_is_imported(story: Story) -> None:
    """A team's repeated totals are one line, "Unassigned" is nobody's, twice changes nothing."""
    (page,) = story.pages("days-reader")
    requests = {line.consumer: line.requests for line in page.lines}
    assert requests == {"chat": 10, UNATTRIBUTED: 6}
    first, second = [text for what, text in story.reports.items() if "agent gateway" in what]
    assert "1 new" in first
    assert "0 new, 0 replaced, 1 unchanged" in second


def test_no_person_is_in_any_trace(story: Story) -> None:
    """Not in the database, nor in any spool, state, log, configuration, /metrics or statement."""
    seen = [what for what, _ in story.traces()]
    for needed in ("footprint.db", "usage.db", ".key", ".log", "/metrics", "statement.", "portal"):
        assert any(needed in what for what in seen), needed
    found = {(what, needle) for what, body in story.traces() for needle in _persons_in(body)}
    assert not found


def test_the_search_for_persons_can_fail(story: Story) -> None:
    """Every input was full of them, and what is stored is found as it is: codes are."""
    for path in story.inputs.iterdir():
        if path.name != "registry.yaml":
            assert _persons_in(path.read_bytes()), path
    assert len(list(story.inputs.iterdir())) == 5
    assert len(_persons_in((story.inputs / "litellm.txt").read_bytes())) > 50
    stored = [what for what, body in story.traces() if b'"digest"' in body]
    assert any(what.startswith("footprint.db") for what in stored)
    assert any(what.startswith(f"{READER}/usage.db") for what in stored)


def _persons_in(body: bytes) -> list[str]:
    """Names, e-mails and what stands for them, in any case."""
    lower = body.lower()
    needles = {"surname-", "ministry.example"}
    for one in persons():
        needles |= {one.lower(), hashlib.sha256(one.encode()).hexdigest()}
        needles.add(one.lower().replace(" ", "."))
    return [needle for needle in sorted(needles) if needle.encode() in lower]
