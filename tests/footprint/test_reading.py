"""Single cases of consumed(); the laws are in tests/laws/test_readings.py."""

import pytest

from footprint.reading import STUCK_AFTER_NS, Counter, Gap, PowerSample, Reading, consumed
from footprint.units import NS_PER_S, Energy

SECOND = NS_PER_S
RANGE_UJ = 262_143_328_850
POWER_UW = 250_000_000


def counter(value_uj: int, at_s: int, *, wraps: bool = True) -> Counter:
    """A RAPL-like counter of 250 W at most, or an NVML-like one that does not wrap."""
    range_uj = RANGE_UJ if wraps else None
    return Counter(value_uj, at_s * SECOND, "boot", range_uj, POWER_UW)


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        (counter(5, 0), counter(5 + 10**8, 1), Energy(10**8)),
        (counter(RANGE_UJ - 1, 0), counter(0, 1), Energy(1)),
        (counter(RANGE_UJ - 1, 0), counter(RANGE_UJ - 1, 1), Energy(0)),
        (counter(10**11, 0), counter(0, 1), Gap("reset")),
        (counter(10**11, 0, wraps=False), counter(0, 1, wraps=False), Gap("reset")),
        (counter(0, 0), counter(10**9, 1), Gap("implausible")),
        (counter(0, 0), counter(10**8, 1047), Energy(10**8)),
        (counter(0, 0), counter(10**8, 1048), Gap("wrap")),
        (counter(0, 5), counter(1, 5), Gap("clock")),
        (counter(0, 5), counter(0, 4), Gap("clock")),
        (counter(0, 5), PowerSample(1, 6 * SECOND, "boot"), Gap("reset")),
        (PowerSample(1, 6 * SECOND, "boot"), counter(0, 7), Gap("reset")),
        (counter(0, 0), Gap("permission"), Gap("permission")),
    ],
)
def test_two_readings(before: Reading, after: Reading | Gap, result: Energy | Gap) -> None:
    """What two readings prove, or why they prove nothing."""
    assert consumed(before, after) == result


def test_a_value_above_the_range_is_no_wrap() -> None:
    """A counter that showed more than its own range cannot be unwrapped."""
    before = counter(3 * RANGE_UJ, 0)
    assert consumed(before, counter(5, 1)) == Gap("reset")


def test_stuck_begins_at_ten_seconds() -> None:
    """Under load, from the tenth second on; one nanosecond earlier it is still a slow update."""
    before = Counter(7, 0, "boot")
    still = Counter(7, STUCK_AFTER_NS, "boot")
    almost = Counter(7, STUCK_AFTER_NS - 1, "boot")
    assert consumed(before, still, loaded=True) == Gap("stuck")
    assert consumed(before, still, loaded=False) == Energy(0)
    assert consumed(before, almost, loaded=True) == Energy(0)


def test_power_is_integrated_by_the_trapezium() -> None:
    """100 W and then 200 W, two seconds apart: 300 J."""
    before = PowerSample(100_000_000, 0, "boot")
    assert consumed(before, PowerSample(200_000_000, 2 * SECOND, "boot")) == Energy(300_000_000)
    assert consumed(before, before) == Energy(0)
    assert consumed(before, PowerSample(1, 6 * SECOND, "boot")) == Gap("outage")
    assert consumed(before, PowerSample(1, 1, "another")) == Gap("reboot")
    later = PowerSample(100_000_000, 2 * SECOND, "boot")
    assert consumed(later, before) == Gap("clock")


def test_a_sum_that_began_anew_is_an_outage_and_another_boot_a_reboot() -> None:
    """The epoch after the boot's name tells a process's sums apart."""
    before = Counter(5, 0, "boot:1")
    assert consumed(before, Counter(9, SECOND, "boot:1")) == Energy(4)
    assert consumed(before, Counter(9, SECOND, "boot:2")) == Gap("outage")
    assert consumed(before, Counter(9, SECOND, "boot")) == Gap("outage")
    assert consumed(before, Counter(9, SECOND, "another:1")) == Gap("reboot")
