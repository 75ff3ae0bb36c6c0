"""The sampler on scripted readings: no clock, no file, exact expectations."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.clock import Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import GRACE_US, Sampler, Track
from exporters.sensors.sensor import Device, Failure
from exporters.weights import Usage
from footprint.floor import Rest
from footprint.interval import to_us
from footprint.ledger import GENESIS, Page, check
from footprint.reading import Counter, Gap

START = to_us(datetime(2026, 11, 21, 21, 0, tzinfo=UTC))
KEY = ("rapl", "package-0")
S = 1_000_000
LEDGER = hashlib.md5(b"a ledger", usedforsecurity=False).hexdigest()


def package(**changes: object) -> Device:
    """A processor package with a 64-bit counter, no floor, 500 W at most."""
    facts: dict[str, object] = {
        "sensor": "rapl",
        "device": "package-0",
        "component": "cpu",
        "covers": "package-0",
        "quality": "counter",
        "max_power_uw": 500 * S,
    }
    return Device(**{**facts, **changes})  # type: ignore[arg-type]


class Host:
    """A sampler fed tick by tick; time in microseconds after START."""

    def __init__(self, device: Device | None = None, *, page_seconds: int = 10) -> None:
        self.device = device or package()
        self.sampler = Sampler(
            Drafts(page_seconds, START), {KEY: Track(self.device, covered_us=START)}, {}
        )
        self.pages: list[Page] = []
        self.boot = "11111111-2222-3333-4444-555555555555"
        self.sampler.begin(Instant(0, START))

    def tick(self, at_us: int, value_uj: int | None, *, chat_ns: int = 0, host_ns: int = 0) -> None:
        """One tick: a counter value, or None for a reading that failed."""
        now = Instant(at_us * 1000, START + at_us)
        reading = (
            Failure(Gap("read_failed"), "rapl: cannot read it")
            if value_uj is None
            else Counter(
                value_uj, at_us * 1000, self.boot, self.device.range_uj, self.device.max_power_uw
            )
        )
        self.sampler.tick(now, {KEY: reading}, Usage(host_ns, 0, {"chat": chat_ns}), {})
        self._seal(now)

    def end(self, at_us: int) -> list[Page]:
        """Seal everything; the pages."""
        self._seal(Instant(at_us * 1000, START + at_us), final=True)
        return self.pages

    def _seal(self, now: Instant, *, final: bool = False) -> None:
        for draft in self.sampler.due(now, final=final):
            chain = Chain(
                "host", LEDGER, self.boot, len(self.pages), "1" * 64 if self.pages else GENESIS
            )
            page = seal(draft, chain)
            check(page)
            self.pages.append(page)


def energies(pages: Iterable[Page]) -> list[dict[str, int]]:
    """Per page: energy by consumer."""
    result = []
    for page in pages:
        found: dict[str, int] = {}
        for entry in page.entries:
            found[entry.consumer] = found.get(entry.consumer, 0) + entry.energy_uj
        result.append(found)
    return result


def gaps(pages: Iterable[Page]) -> list[tuple[str, str, int, int]]:
    """(kind, cause, start, end) in seconds after START."""
    return [
        (gap.kind, gap.cause, (to_us(gap.start) - START) // S, (to_us(gap.end) - START) // S)
        for page in pages
        for gap in page.gaps
    ]


def test_shares_follow_cpu_time_and_add_up_to_the_counter() -> None:
    """Three quarters of the CPU time pay three quarters of the energy; pages end on their grid."""
    host = Host()
    for second in range(11):
        host.tick(
            second * S,
            100 + second * 40_000_001,
            chat_ns=second * 750_000_000,
            host_ns=second * 1_000_000_000,
        )
    pages = host.end(10 * S)
    # Each second 40,000,001 uJ: 30,000,000.75 and 10,000,000.25; the odd one goes to chat.
    assert energies(pages) == [{"chat": 300_000_010, "@system": 100_000_000}]
    assert pages[0].sensors[0].metered_uj == 400_000_010
    assert (pages[0].sensors[0].first, pages[0].sensors[0].last) != (None, None)


def test_a_reading_just_after_the_boundary_counts_as_at_the_boundary() -> None:
    """Twenty milliseconds after a boundary nothing is spread; sixty milliseconds after, it is."""
    for late_us, spread in ((20_000, False), (60_000, True)):
        host = Host()
        host.tick(0, 0)
        host.tick(9 * S, 90 * S)
        host.tick(10 * S + late_us, 100 * S)
        host.tick(11 * S, 110 * S)
        pages = host.end(11 * S)
        assert [state.interpolated_uj > 0 for page in pages for state in page.sensors] == [
            spread,
            spread,
        ]
        assert sum(sum(page.values()) for page in energies(pages)) == 110 * S


def test_an_interval_over_a_boundary_is_spread_by_elapsed_time() -> None:
    """From 8 s to 12 s, half of the energy belongs to each page, and both say so."""
    host = Host()
    host.tick(0, 0)
    host.tick(8 * S, 80 * S)
    host.tick(12 * S, 120 * S + 1)
    pages = host.end(12 * S)
    assert energies(pages) == [{"@system": 100 * S + 1}, {"@system": 20 * S}]
    assert [page.sensors[0].interpolated_uj for page in pages] == [20 * S + 1, 20 * S]


def test_a_failure_that_ends_soon_costs_nothing() -> None:
    """Readings that fail for some seconds, over a boundary too, lose neither energy nor cover."""
    host = Host()
    host.tick(0, 0)
    host.tick(8 * S, 80 * S)
    for second in range(9, 19):
        host.tick(second * S, None)
    host.tick(20 * S, 200 * S)
    pages = host.end(20 * S)
    assert sum(sum(page.values()) for page in energies(pages)) == 200 * S
    assert gaps(pages) == []
    assert pages[0].sensors[0].failures == 2
    assert pages[1].sensors[0].failures == 8
    assert pages[0].sensors[0].status == "degraded"


def test_a_failure_that_lasts_is_a_gap_and_its_energy_is_not_counted_twice() -> None:
    """A page waits for the grace, then is sealed with a gap; when the counter comes back, only the
    time after that page gets energy."""
    host = Host()
    host.tick(0, 0)
    host.tick(5 * S, 50 * S)
    last = 10 + GRACE_US // S
    for second in range(6, last + 1):
        host.tick(second * S, None)
    assert gaps(host.pages) == [("gap", "read_failed", 5, 10)]
    host.tick((last + 1) * S, (last + 1) * 10 * S)
    pages = host.end((last + 1) * S)
    # 41 s at 10 W; 5 s of them are the gap.
    assert sum(sum(page.values()) for page in energies(pages)) == (last + 1 - 5) * 10 * S
    assert gaps(pages) == [("gap", "read_failed", 5, 10)]


def test_a_device_that_never_answers_holds_no_page_open() -> None:
    """A card without a counter is a gap over each page, and pages are sealed in time."""
    host = Host()
    for second in range(21):
        host.tick(second * S, None)
    assert gaps(host.pages) == [("gap", "read_failed", 0, 10), ("gap", "read_failed", 10, 20)]
    assert [page.sensors[0].status for page in host.pages] == ["failed", "failed"]


def test_blind_energy_stays_unattributed_through_a_failing_start() -> None:
    """After a restart whose first readings fail for long, what the old baseline shows is nobody's,
    whoever runs when the counter comes back."""
    host = Host()
    host.tick(0, 0)
    host.tick(5 * S, 50 * S)
    host.sampler.tracks[KEY].blind = True
    last = 10 + GRACE_US // S
    for second in range(6, last + 1):
        host.tick(second * S, None, chat_ns=second * 10**9, host_ns=second * 10**9)
    host.tick((last + 1) * S, (last + 1) * 10 * S, chat_ns=10**12, host_ns=10**12)
    host.tick((last + 2) * S, (last + 2) * 10 * S, chat_ns=2 * 10**12, host_ns=2 * 10**12)
    found = energies(host.end((last + 2) * S))
    unattributed_uj = sum(page.get("@unattributed", 0) for page in found)
    assert unattributed_uj == (last + 1 - 10) * 10 * S
    assert sum(page.get("chat", 0) for page in found) == 10 * S


def test_a_reset_is_a_gap_between_two_knowns() -> None:
    """A counter that falls and does not wrap: the tick is a gap, before and after are energy."""
    host = Host()
    host.tick(0, 1000 * S)
    host.tick(1 * S, 1010 * S)
    host.tick(2 * S, 3 * S)
    host.tick(3 * S, 13 * S)
    pages = host.end(3 * S)
    assert energies(pages) == [{"@system": 20 * S}]
    assert gaps(pages) == [("gap", "reset", 1, 2)]


def test_a_counter_that_stands_still_under_load_is_stuck() -> None:
    """Ten seconds without a move while the processor works are a gap from the last move on."""
    host = Host(page_seconds=60)
    for second in range(3):
        host.tick(second * S, second * 10 * S, host_ns=second * 10**9)
    for second in range(3, 20):
        host.tick(second * S, 20 * S, host_ns=second * 10**9)
    host.tick(20 * S, 30 * S, host_ns=20 * 10**9)
    pages = host.end(20 * S)
    assert gaps(pages) == [("gap", "stuck", 2, 19)]
    assert energies(pages) == [{"@system": 30 * S}]


def test_evidence_that_stands_still_is_no_gap() -> None:
    """The cores of a socket without work use nothing for a minute while the other one works; all
    that their counter moves is told, and accounted to nobody."""
    host = Host(package(component=None, evidence=True), page_seconds=60)
    host.tick(0, 0)
    host.tick(1 * S, 7 * S, chat_ns=10**9, host_ns=10**9)
    for second in range(2, 50):
        host.tick(second * S, 7 * S, chat_ns=second * 10**9, host_ns=second * 10**9)
    host.tick(50 * S, 12 * S, chat_ns=50 * 10**9, host_ns=50 * 10**9)
    (page,) = host.end(50 * S)
    (state,) = page.sensors
    assert (state.status, state.metered_uj, page.entries, page.gaps) == ("ok", 12 * S, [], [])


def test_a_counter_that_updates_late_keeps_its_energy_where_it_was_used() -> None:
    """Three still seconds and a jump: the jump is shared by who ran during all of them."""
    host = Host()
    host.tick(0, 0)
    host.tick(1 * S, 0, chat_ns=10**9, host_ns=10**9)
    host.tick(2 * S, 0, chat_ns=10**9, host_ns=2 * 10**9)
    host.tick(3 * S, 30 * S, chat_ns=10**9, host_ns=3 * 10**9)
    assert energies(host.end(3 * S)) == [{"chat": 10 * S, "@system": 20 * S}]


def resting_host() -> Host:
    """Pages of 120 s; 50 W for 100 s without work; then 80 W and a CPU used whole."""
    host = Host(page_seconds=120)
    track = host.sampler.tracks[KEY]
    track.rest = Rest()
    for second in range(101):
        host.tick(second * S, 50 * second * S)
    for second in range(101, 131):
        busy_ns = (second - 100) * 10**9
        host.tick(second * S, (5000 + 80 * (second - 100)) * S, chat_ns=busy_ns, host_ns=busy_ns)
    return host


def test_a_minute_of_rest_is_the_floor_of_the_next_page() -> None:
    """The page in which it was measured stays undivided; the next one tells floor, date and how,
    and divides by it."""
    before, after = resting_host().end(130 * S)
    assert {entry.part for entry in before.entries} == {"undivided"}
    assert before.sensors[0].floor_uw is None
    state = after.sensors[0]
    assert (state.floor_uw, to_us(state.floor_at) - START) == (50 * S, 60 * S)
    assert "minute of rest" in state.parameters["floor"]
    assert {(entry.consumer, entry.part): entry.energy_uj for entry in after.entries} == {
        ("@system", "static"): 10 * 50 * S,
        ("chat", "dynamic"): 10 * 30 * S,
    }


def test_series_of_the_new_part_are_there_before_their_first_joule() -> None:
    """A rate over the change of parts loses nothing."""
    host = resting_host()
    assert host.sampler.totals.energy_uj[KEY, "@agent", "dynamic"] == 0


def test_what_nobody_saw_is_no_rest() -> None:
    """Energy of an outage may be anything: it makes no floor."""
    host = Host(page_seconds=60)
    track = host.sampler.tracks[KEY]
    track.rest = Rest()
    host.tick(0, 0)
    track.blind = True
    host.tick(100 * S, 5000 * S)
    assert track.rest.floor(START + 100 * S) is None


def test_a_floor_is_static_and_the_rest_dynamic() -> None:
    """With a floor of 4 W, 4 J of each second are static and @system's, the rest follows time."""
    host = Host(package(floor_uw=4 * S))
    host.tick(0, 0)
    host.tick(1 * S, 10 * S, chat_ns=10**9, host_ns=10**9)
    page = host.end(1 * S)[0]
    assert [(e.consumer, e.part, e.energy_uj) for e in page.entries] == [
        ("@system", "static", 4 * S),
        ("chat", "dynamic", 6 * S),
    ]


def test_an_outage_of_hours_makes_pages_of_whole_quarter_hours() -> None:
    """Two hours of silence, counter readable after: quarter-hours, not thousands of short pages."""
    host = Host(page_seconds=10)
    host.tick(0, 0)
    host.tick(5 * S, 50 * S)
    host.tick(7205 * S, 72_050 * S)
    pages = host.end(7205 * S)
    assert len(pages) == 1 + 9
    assert sum(sum(page.values()) for page in energies(pages)) == 72_050 * S
    assert {(page.end - page.start).total_seconds() for page in pages[2:-1]} == {900}


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2_500_000),  # microseconds to the next tick
            st.one_of(st.none(), st.integers(0, 400)),  # watts, or a failed reading
            st.integers(0, 10**9),
            st.integers(0, 10**9),
        ),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([1, 5, 900]),
)
def test_the_ledger_holds_the_counter_less_its_gaps(
    steps: list[tuple[int, int | None, int, int]], page_seconds: int
) -> None:
    """Whatever the ticks and failures, the pages chain in time, and their energy equals what the
    counter showed between its first and last good reading, as long as no gap was declared."""
    host = Host(page_seconds=page_seconds)
    host.tick(0, 7)
    at_us = value_uj = chat_ns = host_ns = 0
    for elapsed_us, power_watts, chat_step, system_step in steps:
        at_us += elapsed_us
        value_uj += (power_watts or 50) * elapsed_us
        chat_ns += chat_step
        host_ns += chat_step + system_step
        failed = power_watts is None
        host.tick(at_us, None if failed else 7 + value_uj, chat_ns=chat_ns, host_ns=host_ns)
    # A last good tick, away from any boundary.
    last_us = at_us // S * S + S + S // 2
    seen_uj = value_uj + 50 * (last_us - at_us)
    host.tick(last_us, 7 + seen_uj, chat_ns=chat_ns, host_ns=host_ns)
    pages = host.end(last_us)
    total_uj = sum(sum(page.values()) for page in energies(pages))
    declared = [gap for gap in gaps(pages) if gap[0] == "gap"]
    if not declared:
        assert total_uj == seen_uj
    assert total_uj <= seen_uj
    assert [page.start for page in pages[1:]] == [page.end for page in pages[:-1]]


def test_energy_of_a_last_moment_stays_with_the_counter() -> None:
    """Stopped within the tolerance after a boundary: what came since is left in the baseline, to be
    found by the next start, not dropped with the page that never began."""
    host = Host()
    host.tick(0, 0)
    host.tick(10 * S, 100 * S)
    host.tick(10 * S + 40_000, 101 * S)
    pages = host.end(10 * S + 40_000)
    assert energies(pages) == [{"@system": 100 * S}]
    baseline = host.sampler.tracks[KEY].baseline
    assert isinstance(baseline, Counter)
    assert baseline.value_uj == 100 * S


def test_a_page_that_would_contradict_itself_is_refused() -> None:
    """The check that guards sealing can fail: an entry changed by a microjoule is found."""
    host = Host()
    host.tick(0, 0)
    host.tick(1 * S, 10 * S)
    page = host.end(1 * S)[0]

    entry = msgspec.structs.replace(page.entries[0], energy_uj=page.entries[0].energy_uj + 1)
    with pytest.raises(ValueError, match="differ by -1 uJ"):
        check(msgspec.structs.replace(page, entries=[entry, *page.entries[1:]]))
