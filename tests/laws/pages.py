"""Pages for the laws of the chain: any that a host could write, linked as a host links them.

Out: Hypothesis strategies of pages and chains, and the plain page that examples start from.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from footprint.attribution import Part
from footprint.codes import RESERVED
from footprint.ledger import (
    GENESIS,
    Component,
    CounterMark,
    Entry,
    GapRecord,
    NodeFact,
    Page,
    Quality,
    SensorState,
    Versions,
    canonical_bytes,
    hash_bytes,
)
from footprint.reading import Cause

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def a_page(**changes: Any) -> Page:
    """A whole page: one package of 5,000,001 uJ over a SIA and the system, and a gap of 30 s."""
    page = Page(
        format=1,
        host_id="host-1",
        ledger_id="0b5c1d2e-0000-4000-8000-000000000001",
        seq=0,
        previous_hash=GENESIS,
        parent=None,
        boot_id="aaaaaaaa-0000-4000-8000-000000000001",
        start=START,
        end=START + QUARTER,
        clock_offset_us=-1_250,
        versions=Versions(agent="0.1.0", method="2026.1"),
        host={"logical_cpus": "2"},
        sensors=[a_state("cpu", "package-0", 5_000_001)],
        entries=[
            an_entry("cpu", "package-0", "@system", "static", 2_000_000),
            an_entry("cpu", "package-0", "chat", "dynamic", 3_000_001),
        ],
        gaps=[a_gap("cpu", "package-0", START, START + timedelta(seconds=30))],
        nodes=[],
    )
    return msgspec.structs.replace(page, **changes)


def a_state(
    component: Component | None, device: str, metered_uj: int, **changes: Any
) -> SensorState:
    """The state of a RAPL-like counter whose two marks differ by `metered_uj`."""
    state = SensorState(
        sensor="rapl",
        device=device,
        component=component,
        covers="package",
        evidence=component is None,
        quality="counter",
        status="ok",
        metered_uj=metered_uj,
        interpolated_uj=0,
        readings=900,
        failures=0,
        last_error="",
        first=CounterMark(value_uj=7, at=START),
        last=CounterMark(value_uj=7 + metered_uj, at=START + QUARTER),
        range_uj=262_143_328_850,
        rated_power_uw=None,
        floor_uw=10_000_000,
        floor_at=START,
        parameters={},
    )
    return msgspec.structs.replace(state, **changes)


def an_entry(component: Component, device: str, consumer: str, part: Part, energy_uj: int) -> Entry:
    """An entry of counter quality."""
    return Entry(
        component=component,
        device=device,
        consumer=consumer,
        part=part,
        energy_uj=energy_uj,
        quality="counter",
    )


def a_gap(component: Component, device: str, start: datetime, end: datetime) -> GapRecord:
    """A stretch in which the sensor could not be read."""
    return GapRecord(
        kind="gap", component=component, device=device, start=start, end=end, cause="read_failed"
    )


codes = st.text("abz019._-", max_size=8).map("s{}".format)
consumers = st.one_of(st.sampled_from(RESERVED), codes)
devices = st.text("AZaz09:._/-", max_size=8).map("D{}".format)
words = st.text(max_size=6).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)


@st.composite
def _covers(draw: st.DrawFn) -> tuple[SensorState, list[Entry]]:
    """A device's state and the entries that add up to it."""
    component = draw(st.sampled_from(get_args(Component)))
    device = draw(devices)
    keys = st.tuples(consumers, st.sampled_from(get_args(Part)))
    shares = draw(st.dictionaries(keys, st.integers(0, 2**40), max_size=3))
    entries = [an_entry(component, device, *key, share) for key, share in shares.items()]
    quality = draw(st.sampled_from(get_args(Quality)))
    entries = [msgspec.structs.replace(entry, quality=quality) for entry in entries]
    state = a_state(component, device, sum(shares.values()), quality=quality)
    parameters = draw(st.dictionaries(words, words, max_size=2))
    return msgspec.structs.replace(state, parameters=parameters, last_error=draw(words)), entries


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """A valid page of any content, the first of its ledger."""
    keys = {}
    for state, entries in draw(st.lists(_covers(), max_size=2)):
        keys[state.component, state.device] = (state, entries)
    covers = list(keys.values())
    evidence = [a_state(None, device, 5) for device in draw(st.lists(devices, max_size=1))]
    start_us = draw(st.integers(0, 899_999_998))
    end_us = draw(st.integers(start_us + 1, 900_000_000))
    start = START + timedelta(microseconds=start_us)
    end = START + timedelta(microseconds=end_us)
    gaps = [
        GapRecord(
            kind=draw(st.sampled_from(["gap", "blind"])),
            component=state.component or "cpu",
            device=state.device,
            start=start,
            end=end,
            cause=draw(st.sampled_from(get_args(Cause))),
        )
        for state, _ in covers[:1]
    ]
    node = NodeFact(
        meter="bmc-1", host_ids=["host-1"], start=start, end=end, energy_uj=1, quality="integrated"
    )
    return a_page(
        start=start,
        end=end,
        sensors=[state for state, _ in covers] + evidence,
        entries=[entry for _, entries in covers for entry in entries],
        gaps=gaps,
        nodes=draw(st.lists(st.just(node), max_size=1)),
    )


def linked(contents: list[Page]) -> list[bytes]:
    """The canonical bytes of `contents` as one ledger: numbered, a quarter-hour each, chained."""
    bodies: list[bytes] = []
    for seq, page in enumerate(contents):
        later = seq * QUARTER
        bodies.append(
            canonical_bytes(
                msgspec.structs.replace(
                    page,
                    seq=seq,
                    previous_hash=hash_bytes(bodies[-1]) if bodies else GENESIS,
                    start=page.start + later,
                    end=page.end + later,
                    gaps=[
                        msgspec.structs.replace(g, start=g.start + later, end=g.end + later)
                        for g in page.gaps
                    ],
                )
            )
        )
    return bodies


def chains(min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[list[bytes]]:
    """Whole ledgers as the bytes that verify_chain reads."""
    return st.lists(pages(), min_size=min_size, max_size=max_size).map(linked)
