"""Laws 2 and 3 at the counter: a true energy curve, read through everything that can go wrong."""

from itertools import pairwise
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from footprint.reading import (
    STUCK_AFTER_NS,
    UPDATE_SLACK_NS,
    Counter,
    Gap,
    PowerSample,
    consumed,
)
from footprint.units import NS_PER_S, Energy, uj_from_power


class Truth(NamedTuple):
    """What a device has truly consumed since it began, at an instant of its boot's clock."""

    energy_uj: int
    at_ns: int


powers_uw = st.sampled_from([0, 1, 50_000_000, 200_000_000])
MAX_POWER_UW = 200_000_000
RANGE_UJ = 2 * 10**9  # ten seconds at full power: wraps come often


@st.composite
def curves(draw: st.DrawFn, longest_s: int = 20) -> list[Truth]:
    """A device's true energy over time, at most MAX_POWER_UW, up to an hour in steps."""
    truths = [Truth(draw(st.integers(0, 3 * RANGE_UJ)), draw(st.integers(0, 10**15)))]
    steps = st.tuples(powers_uw, st.integers(1, longest_s * NS_PER_S))
    for power_uw, elapsed_ns in draw(st.lists(steps, min_size=1, max_size=20)):
        last = truths[-1]
        spent_uj = uj_from_power(power_uw, elapsed_ns)
        truths.append(Truth(last.energy_uj + spent_uj, last.at_ns + elapsed_ns))
    return truths


def read(
    truth: Truth,
    boot_id: str = "boot-1",
    range_uj: int | None = RANGE_UJ,
    max_power_uw: int | None = MAX_POWER_UW,
) -> Counter:
    """A counter that wraps, over the true energy."""
    shown_uj = truth.energy_uj % range_uj if range_uj else truth.energy_uj
    return Counter(shown_uj, truth.at_ns, boot_id, range_uj, max_power_uw)


@given(curves(), st.data())
def test_any_subset_of_readings_gives_the_true_energy_or_a_gap(
    curve: list[Truth], data: st.DataObject
) -> None:
    """Read at any instants and skip any: between the first and last, the truth or a stated gap."""
    kept = [truth for truth in curve if data.draw(st.booleans())]
    assume(len(kept) > 1)
    results = [consumed(read(a), read(b)) for a, b in pairwise(kept)]
    if not any(isinstance(result, Gap) for result in results):
        total_uj = sum(result.uj for result in results if isinstance(result, Energy))
        assert total_uj == kept[-1].energy_uj - kept[0].energy_uj


@given(curves(longest_s=8))
def test_wraps_are_counted_while_they_can_be_told(curve: list[Truth]) -> None:
    """Read often enough for at most one wrap, a counter gives every joule and no gap at all."""
    for a, b in pairwise(curve):
        assert consumed(read(a), read(b)) == Energy(b.energy_uj - a.energy_uj)


@given(curves(), st.integers(9 * NS_PER_S, 10**13))
def test_a_possible_second_wrap_is_a_gap(curve: list[Truth], pause_ns: int) -> None:
    """Away for longer than the range lasts at full power, nobody knows: never a guess."""
    last = curve[-1]
    later = Truth(last.energy_uj + 1, last.at_ns + pause_ns)
    assert consumed(read(last), read(later)) == Gap("wrap")


@given(curves())
def test_a_range_without_a_bound_on_power_is_never_unwrapped(curve: list[Truth]) -> None:
    """Without the most a device can draw, the number of wraps is unknown: always a gap."""
    for a, b in pairwise(curve):
        assert consumed(read(a, max_power_uw=None), read(b, max_power_uw=None)) == Gap("wrap")


@given(curves(), st.integers(0, 10**10))
def test_a_counter_that_falls_without_a_range_is_a_reset(curve: list[Truth], now_uj: int) -> None:
    """NVML's counter begins anew with the driver: unknown, not negative."""
    before = read(curve[-1], range_uj=None)
    after = read(Truth(now_uj, curve[-1].at_ns + NS_PER_S), range_uj=None)
    assume(now_uj < before.value_uj)
    assert consumed(before, after) == Gap("reset")


@given(
    before_uj=st.integers(0, RANGE_UJ - 1),
    after_uj=st.integers(0, RANGE_UJ - 1),
    elapsed_ns=st.integers(-(10**10), 10**13),
    range_uj=st.sampled_from([None, RANGE_UJ]),
    max_power_uw=st.sampled_from([None, 1, MAX_POWER_UW]),
    loaded=st.booleans(),
)
def test_no_two_readings_give_a_spike_or_a_debt(
    *,
    before_uj: int,
    after_uj: int,
    elapsed_ns: int,
    range_uj: int | None,
    max_power_uw: int | None,
    loaded: bool,
) -> None:
    """Whatever two counters show (resets included), energy is never negative nor impossible."""
    before = Counter(before_uj, 10**12, "boot-1", range_uj, max_power_uw)
    after = Counter(after_uj, 10**12 + elapsed_ns, "boot-1", range_uj, max_power_uw)
    result = consumed(before, after, loaded=loaded)
    if isinstance(result, Gap):
        return
    assert result.uj >= 0
    assert elapsed_ns > 0 or (result.uj == 0 and before == after)
    if max_power_uw is not None:
        assert result.uj <= uj_from_power(max_power_uw, max(elapsed_ns, 0) + UPDATE_SLACK_NS)


@given(curves(longest_s=8), st.integers(1, UPDATE_SLACK_NS))
def test_a_counter_that_updates_late_loses_nothing(curve: list[Truth], period_ns: int) -> None:
    """A counter refreshed only now and then shows old energy later, never an impossible jump."""
    shown = [Truth(energy_at(curve, at - at % period_ns), at) for _, at in curve]
    results = [consumed(read(a), read(b)) for a, b in pairwise(shown)]
    assert [result for result in results if isinstance(result, Gap)] == []
    total_uj = sum(result.uj for result in results if isinstance(result, Energy))
    assert total_uj == shown[-1].energy_uj - shown[0].energy_uj


def energy_at(curve: list[Truth], at_ns: int) -> int:
    """The true energy at `at_ns`, straight between the curve's points; flat before the first."""
    for a, b in pairwise(curve):
        if a.at_ns <= at_ns <= b.at_ns:
            spent_uj = (b.energy_uj - a.energy_uj) * (at_ns - a.at_ns) // (b.at_ns - a.at_ns)
            return a.energy_uj + spent_uj
    return curve[0].energy_uj


@given(curves(), st.booleans())
def test_another_boot_is_always_a_gap(curve: list[Truth], loaded: bool) -> None:
    """Counters and clocks begin anew at boot: nothing is compared across it."""
    for a, b in pairwise(curve):
        assert consumed(read(a), read(b, boot_id="boot-2"), loaded=loaded) == Gap("reboot")


@given(curves(), st.booleans())
def test_a_reading_repeated_is_no_energy(curve: list[Truth], loaded: bool) -> None:
    """The same reading twice adds nothing: replays are harmless."""
    reading = read(curve[-1])
    assert consumed(reading, reading, loaded=loaded) == Energy(0)


@given(curves(), st.integers(-(10**9), 0), st.integers(1, 10**6))
def test_time_that_does_not_move_is_a_gap(curve: list[Truth], back_ns: int, more_uj: int) -> None:
    """Energy cannot grow in no time, nor time run backwards."""
    reading = read(curve[-1], range_uj=None)
    later = read(Truth(curve[-1].energy_uj + more_uj, curve[-1].at_ns + back_ns), range_uj=None)
    assert consumed(reading, later) == Gap("clock")


@given(curves(), st.sampled_from(["read_failed", "permission", "absent"]))
def test_a_failed_reading_keeps_its_cause(curve: list[Truth], cause: str) -> None:
    """A reading that failed is that gap; the baseline before it stays good for the next one."""
    failed = Gap(cause)  # type: ignore[arg-type]
    for a in curve:
        assert consumed(read(a), failed) == failed


@given(curves(), st.data())
def test_a_baseline_kept_over_failures_loses_nothing(
    curve: list[Truth], data: st.DataObject
) -> None:
    """Fail any readings between two good ones: the energy comes back whole, or as a stated gap."""
    baseline, counted_uj, unknown_uj = curve[0], 0, 0
    for truth in curve[1:]:
        failed = data.draw(st.booleans())
        result = consumed(read(baseline), Gap("read_failed") if failed else read(truth))
        if failed:
            continue
        if isinstance(result, Energy):
            counted_uj += result.uj
        else:
            unknown_uj += truth.energy_uj - baseline.energy_uj
        baseline = truth
    assert counted_uj + unknown_uj == baseline.energy_uj - curve[0].energy_uj


@given(curves(), st.integers(1, 60 * NS_PER_S), st.booleans(), st.sampled_from([None, 10**15]))
def test_stuck_only_under_load_and_only_for_long(
    curve: list[Truth], still_ns: int, loaded: bool, range_uj: int | None
) -> None:
    """A counter that stands still is zero energy while idle or briefly, a gap under load."""
    last = curve[-1]
    later = Truth(last.energy_uj, last.at_ns + still_ns)
    result = consumed(read(last, range_uj=range_uj), read(later, range_uj=range_uj), loaded=loaded)
    stuck = loaded and still_ns >= STUCK_AFTER_NS
    assert result == (Gap("stuck") if stuck else Energy(0))


@given(curves(longest_s=8))
def test_a_counter_that_moved_is_never_stuck(curve: list[Truth]) -> None:
    """Load or not, a counter that moved gives what it counted."""
    for a, b in pairwise(curve):
        if a.energy_uj != b.energy_uj:
            assert consumed(read(a), read(b), loaded=True) == consumed(read(a), read(b))


@given(curves(longest_s=8), st.integers(1, 10**12))
def test_more_than_the_device_can_draw_is_implausible(curve: list[Truth], over_uj: int) -> None:
    """A jump past the device's most power is a gap, not a spike."""
    last = curve[-1]
    later_ns = last.at_ns + NS_PER_S
    limit_uj = uj_from_power(MAX_POWER_UW, NS_PER_S + UPDATE_SLACK_NS)
    before = read(last, range_uj=None)
    at_limit = read(Truth(last.energy_uj + limit_uj, later_ns), range_uj=None)
    above = read(Truth(last.energy_uj + limit_uj + over_uj, later_ns), range_uj=None)
    assert consumed(before, at_limit) == Energy(limit_uj)
    assert consumed(before, above) == Gap("implausible")


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 20 * NS_PER_S))
def test_power_samples_stay_between_their_powers(
    first_uw: int, second_uw: int, elapsed_ns: int
) -> None:
    """Energy between two samples lies between the two powers over the time, or is a gap."""
    before = PowerSample(first_uw, 10**12, "boot-1")
    after = PowerSample(second_uw, 10**12 + elapsed_ns, "boot-1")
    result = consumed(before, after)
    if elapsed_ns == 0 and first_uw != second_uw:
        assert result == Gap("clock")
    elif elapsed_ns > after.max_age_ns:
        assert result == Gap("outage")
    else:
        assert isinstance(result, Energy)
        low, high = sorted((first_uw, second_uw))
        assert uj_from_power(low, elapsed_ns) <= result.uj <= uj_from_power(high, elapsed_ns)
