"""Simulated hosts make pages as agents do: chained, whole, the same for the same seed."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from footprint import ledger
from footprint.fleet.faults import BY_NAME, FAULTS, Draw
from footprint.fleet.host import Host, Story
from footprint.fleet.load import MOST_PERMILLE, Load, trace_minutes
from footprint.fleet.plan import Plan, shape
from footprint.fleet.turns import Told, Turn
from footprint.ledger import Page

START = datetime(2026, 11, 2, tzinfo=UTC)
"""A Monday."""


def plan_of(pages: int = 96, seed: int = 1, hosts: int = 1) -> Plan:
    """A plan of large hosts."""
    return Plan(seed, hosts, START, pages, shapes=[shape("cpu=2,dram=2,gpu=2")])


def host_of(plan: Plan, number: int = 0) -> Host:
    """One of its hosts."""
    return Host(plan, Load([slot.start for slot in plan.slots()], plan.page_seconds), number)


def pages_of(plan: Plan, number: int = 0) -> list[Page]:
    """All pages of one host, verified as a chain."""
    host = host_of(plan, number)
    bodies = [host.tell(slot).body for slot in plan.slots()]
    return list(ledger.verify_chain(bodies, host.previous_hash))


@pytest.mark.parametrize("number", range(10))
def test_a_host_s_pages_verify(number: int) -> None:
    """Chained by hash, canonical, entries and metered energy equal: the method's own check."""
    assert len(pages_of(plan_of(pages=400), number)) == 400


def test_books_are_what_the_pages_say() -> None:
    """The cells of a sealed page add up to its metered energy."""
    plan = plan_of()
    host = host_of(plan)
    for slot in plan.slots():
        sealed = host.tell(slot)
        page = ledger.decode(sealed.body)
        metered_uj = sum(state.metered_uj for state in page.sensors)
        assert sum(energy_uj for _, energy_uj in sealed.cells) == metered_uj
        assert sealed.node_uj == sum(node.energy_uj for node in page.nodes) > metered_uj


def test_the_same_seed_makes_the_same_pages_and_another_makes_others() -> None:
    """So that a difference that was found can be found again."""
    assert pages_of(plan_of()) == pages_of(plan_of())
    assert pages_of(plan_of()) != pages_of(plan_of(seed=2))
    assert pages_of(plan_of(hosts=2), 0) != pages_of(plan_of(hosts=2), 1)


def test_a_fleet_has_all_that_a_page_can_hold() -> None:
    """Every quality, part, kind of gap and reserved consumer, sensors that fail, node meters."""
    plan = plan_of(pages=500, hosts=11)
    pages = [page for number in range(11) for page in pages_of(plan, number)]
    entries = [entry for page in pages for entry in page.entries]
    assert {entry.quality for entry in entries} == {"counter", "integrated", "modelled"}
    assert {entry.part for entry in entries} == {"static", "dynamic", "undivided"}
    assert {entry.component for entry in entries} == {"cpu", "dram", "gpu"}
    reserved = {entry.consumer for entry in entries if entry.consumer[0] == "@"}
    assert reserved == {"@system", "@agent", "@idle", "@unregistered"}
    assert len({entry.consumer for entry in entries}) > 10
    statuses = Counter(state.status for page in pages for state in page.sensors)
    assert statuses["ok"] > 20 * statuses["degraded"] > statuses["failed"] > 0
    assert {bool(page.nodes) for page in pages} == {False, True}
    blind = host_of(plan).page(plan.slots()[0], Story(blind=True))
    assert {entry.consumer for entry in blind.entries} == {"@unattributed"}
    assert {gap.kind for gap in blind.gaps} == {"blind"}


def test_load_follows_the_office_week() -> None:
    """Monday's working hours draw more than its night, and more than Sunday's."""
    plan = plan_of(pages=7 * 96)
    load = Load([slot.start for slot in plan.slots()], plan.page_seconds)
    use = [load.permille(number, 5) for number in range(7 * 96)]
    working, night, sunday = use[36:60], use[0:16], use[6 * 96 + 36 : 6 * 96 + 60]
    assert min(use) > 0
    assert max(use) <= MOST_PERMILLE
    assert sum(working) / 24 > 2.5 * sum(night) / 16
    assert sum(working) > 2 * sum(sunday)


def test_the_trace_is_the_real_hour() -> None:
    """58 whole minutes; the busiest has more than three times the work of the calmest."""
    minutes = trace_minutes()
    assert len(minutes) == 58
    assert max(minutes) > 2 * min(minutes)


def test_each_fault_has_its_promise() -> None:
    """The table is whole, and draws are the same in whatever order they are asked."""
    assert len(BY_NAME) == len(FAULTS) == 12
    assert all(fault.done and fault.promised for fault in FAULTS)
    draw = Draw(1, dict.fromkeys(BY_NAME, 0.2))
    asked = [(host, place) for host in range(30) for place in range(30)]
    first = [draw.fault("request", *one) for one in asked]
    again = [draw.fault("request", *one) for one in reversed(asked)]
    assert first == again[::-1]
    counts = Counter(first)
    assert set(counts) == {"", *(fault.name for fault in FAULTS if fault.where == "request")}
    assert 0.2 < counts[""] / len(first) < 0.5


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS if fault.where == "host"])
def test_what_is_promised_to_count_covers_each_instant_once(fault: str) -> None:
    """Whatever befalls a host: of the pages that are to count no two share time, and none of the
    time is missing unless its page is to be quarantined."""
    plan = plan_of(pages=40)
    for seed in range(8):
        told: list[Told] = []
        pick = lambda purpose, below, seed=seed: (seed * 7 + purpose * 3) % below  # noqa: E731
        turn = Turn(0, host_of(plan), told.append, pick)
        parcels = list(turn.parcels(plan.slots(), fault))
        following = turn.host.tell(plan.slots()[0])
        assert (
            following.seq
            == max(one.page.seq for one in told if one.ledger_id == turn.host.ledger_id) + 1
        )
        starts = [msgspec.json.decode(one.page.body, type=Page).start for one in told if one.counts]
        assert len(set(starts)) == len(starts)
        left_out = sum(not one.counts for one in told)
        assert left_out == sum(parcel.quarantined for parcel in parcels)
        lost = left_out if fault == "unusable" else 0
        assert len(starts) == 40 - lost
