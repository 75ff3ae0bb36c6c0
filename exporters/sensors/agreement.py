"""Whether two meters of one device agree: its energy counter, and its power integrated.

In: pairs of counters read at the same ticks. Out: one line at the end of each window in which they
differ by more than the bound. Neither is corrected by the other: which of them is wrong cannot be
known here, that one of them is must not be hidden.
"""

from footprint.reading import Counter, consumed
from footprint.units import NS_PER_S, UJ_PER_J, Energy, power_uw_from_energy, uj_from_power, watts

WINDOW_NS = 900 * NS_PER_S
"""Long enough for one power sample a second: over 900 samples the mean of a load that jumps between
nothing and twice its mean is within 3.4 % (one standard deviation, 1 / sqrt(900))."""

BOUND_PERMILLE = 150
"""More than four standard deviations of the above."""

LEAST_UW = 5 * UJ_PER_J
"""A difference below 5 W is none: power sensors state an absolute error beside the relative one."""


class Agreement:
    """Two counters of one device since the last window began."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._start: tuple[Counter, Counter] | None = None

    def note(self, counter: Counter, integral: Counter) -> str | None:
        """Take a pair in; the line where a window ended in disagreement."""
        if self._start is None:
            self._start = counter, integral
            return None
        elapsed_ns = counter.at_ns - self._start[0].at_ns
        counted = consumed(self._start[0], counter)
        integrated = consumed(self._start[1], integral)
        if not (isinstance(counted, Energy) and isinstance(integrated, Energy)):
            self._start = counter, integral  # one of them began anew
            return None
        if elapsed_ns < WINDOW_NS:
            return None
        self._start = counter, integral
        most_uj = max(BOUND_PERMILLE * counted.uj // 1000, uj_from_power(LEAST_UW, elapsed_ns))
        if abs(counted.uj - integrated.uj) <= most_uj:
            return None
        return self._line(counted, integrated, elapsed_ns)

    def _line(self, counted: Energy, integrated: Energy, elapsed_ns: int) -> str:
        by_counter, by_power = (
            watts(power_uw_from_energy(energy.uj, elapsed_ns)) for energy in (counted, integrated)
        )
        return (
            f"nvml: two meters of {self._device} disagree: over {elapsed_ns // NS_PER_S} s its "
            f"counter says {by_counter:.1f} W, its power {by_power:.1f} W; compare with nvidia-smi "
            "-q -d POWER and report it to the maker; the counter is what is counted"
        )
