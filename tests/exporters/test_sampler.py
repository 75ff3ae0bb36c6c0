"""The sampler on scripted readings: no clock, no file, exact expectations."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.sampler import GRACE_US
from footprint.interval import to_us
from footprint.ledger import check
from footprint.reading import Counter
from tests.exporters.sampled import KEY, Host, S, energies, gaps, package


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


@pytest.mark.parametrize("misread", [0, 3])
@pytest.mark.parametrize("ticks", [1, 2])
@pytest.mark.parametrize("range_uj", [None, 262_143_328_850])
def test_a_low_counter_that_is_misread_as_fallen_is_no_spike(
    misread: int, ticks: int, range_uj: int | None
) -> None:
    """It comes back to 725 J after 685 J: within what a package can draw from nought in a second or
    two, and yet no 725 J. That was a reset or a misreading, nobody knows: both ways are gaps."""
    host = Host(package(max_power_uw=1000 * S, range_uj=range_uj))
    host.tick(0, 645 * S)
    host.tick(1 * S, 685 * S)
    for tick in range(2, 2 + ticks):
        host.tick(tick * S, misread * S)
    back = 2 + ticks
    for tick in range(back, back + 3):
        host.tick(tick * S, (725 + 40 * (tick - 2)) * S)
    pages = host.end((back + 2) * S)
    assert energies(pages) == [{"@system": (40 + 80) * S}]
    assert gaps(pages) == [("gap", "reset", 1, back)]


def test_a_low_counter_that_was_reset_is_counted_from_there() -> None:
    """What it shows next is below what it showed before the fall: it did begin anew."""
    host = Host(package(max_power_uw=1000 * S))
    for at, joules in enumerate((645, 685, 20, 60, 100, 700, 740)):
        host.tick(at * S, joules * S)
    pages = host.end(6 * S)
    assert energies(pages) == [{"@system": (40 + 40 + 40 + 600 + 40) * S}]
    assert gaps(pages) == [("gap", "reset", 1, 2)]


def test_a_counter_that_stands_still_under_load_is_stuck() -> None:
    """Ten seconds without a move while the processor works are a gap from the last move on."""
    host = Host(page_seconds=60)
    for second in range(3):
        host.tick(second * S, second * 10 * S, host_ns=second * 10**9)
    for second in range(3, 20):
        host.tick(second * S, 20 * S, host_ns=second * 10**9)
    host.tick(20 * S, 20 * S + 18, host_ns=20 * 10**9)
    pages = host.end(20 * S)
    assert gaps(pages) == [("gap", "stuck", 2, 19)]
    assert energies(pages) == [{"@system": 20 * S + 1}]


@pytest.mark.parametrize("page_seconds", [10, 60, 900])
def test_a_counter_that_catches_up_makes_no_spike(page_seconds: int) -> None:
    """100 W throughout, hidden for ten minutes under load: 600 s of gap, every page as long as it
    is covered at 100 W, and nothing of what the gap tells is counted beside it."""
    host = Host(page_seconds=page_seconds)
    for second in range(1500):
        shown = 400 if 400 <= second < 1000 else second
        host.tick(second * S, shown * 100 * S, host_ns=second * 10**9)
    pages = host.end(1499 * S)
    assert sum(to_us(gap.end) - to_us(gap.start) for page in pages for gap in page.gaps) == 599 * S
    for page in pages:
        covered_us = to_us(page.end) - to_us(page.start)
        covered_us -= sum(to_us(gap.end) - to_us(gap.start) for gap in page.gaps)
        assert sum(energies([page])[0].values()) == covered_us * 100
    assert sum(sum(found.values()) for found in energies(pages)) == 900 * 100 * S


@pytest.mark.parametrize("value_uj", [2**63, 2**64 * 10**6, -1])
def test_a_number_that_no_page_holds_is_a_gap_and_stops_nothing(value_uj: int) -> None:
    """At the end of a page, where it would be the raw counter that the page tells: the device fails
    for this tick, the page is sealed, and the next reading brings all of the energy."""
    host = Host()
    for second in range(30):
        host.tick(second * S, value_uj if second in (10, 11, 19) else second * 50 * S)
    pages = host.end(29 * S)
    assert len(pages) == 3
    assert sum(sum(found.values()) for found in energies(pages)) == 29 * 50 * S
    assert [state.failures for page in pages for state in page.sensors] == [1, 2, 0]
    assert "which no counter reaches" in pages[1].sensors[0].last_error


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


@given(
    st.lists(st.tuples(st.integers(1, 45), st.integers(0, 3 * S), st.booleans()), max_size=12),
    st.sets(st.integers(0, 11)),
)
def test_totals_are_what_the_pages_hold_whenever_somebody_looks(
    ticks: list[tuple[int, int, bool]], looked_at: set[int]
) -> None:
    """Intervals inside a page, over several, and after failures that were given up: /metrics shows
    at the end what the pages say, and never less than before."""
    host, at_s, value_uj, shown = Host(), 0, 0, [0]
    host.tick(0, 0)
    for number, (seconds, power_uj, fails) in enumerate(ticks):
        at_s, value_uj = at_s + seconds, value_uj + seconds * power_uj
        host.tick(at_s * S, None if fails else value_uj)
        if number in looked_at:
            shown.append(sum(host.sampler.totals.energy_uj[KEY].values()))
    pages = host.end(at_s * S)
    shown.append(sum(host.sampler.totals.energy_uj[KEY].values()))
    assert shown == sorted(shown)
    assert shown[-1] == sum(sum(page.values()) for page in energies(pages))


def test_totals_begin_with_the_process_and_not_with_an_open_page() -> None:
    """A page that a checkpoint kept open holds energy that an agent before this one counted."""
    before = Host()
    for second in range(3):
        before.tick(second * S, second * 10 * S)
    host = Host()
    host.sampler.drafts.open = before.sampler.drafts.open
    for second in range(3, 6):
        host.tick(second * S, second * 10 * S)
    assert sum(sum(page.values()) for page in energies(host.end(5 * S))) == 40 * S
    assert sum(host.sampler.totals.energy_uj[KEY].values()) == 20 * S
