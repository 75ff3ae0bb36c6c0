"""Power made into a counter: the trapezia between samples, summed exactly.

In: `PowerSample`s of one device, in order. Out: a `Counter` whose value is their energy since the
first. The remainders of rounding stay in the sum. The sum lives as long as this process and as long
as samples come close enough together: after a hole it begins anew under another epoch, so that
nobody takes the time of the hole for energy.
"""

from footprint.reading import Counter, PowerSample
from footprint.units import uj_from_power


class Integral:
    """The energy of one device between its samples."""

    def __init__(self, process: str) -> None:
        """`process` names this process among those of the boot."""
        self._process = process
        self._holes = 0
        self._doubled = 0  # twice the energy, in uW x ns: a trapezium's half is taken at the end
        self._last: PowerSample | None = None

    @property
    def last(self) -> PowerSample | None:
        """The newest sample."""
        return self._last

    def add(self, sample: PowerSample) -> None:
        """Count the time since the sample before; a sample further away begins anew."""
        before, self._last = self._last, sample
        if before is None:
            return
        elapsed_ns = sample.at_ns - before.at_ns
        if 0 <= elapsed_ns <= sample.max_age_ns:
            self._doubled += (before.power_uw + sample.power_uw) * elapsed_ns
        else:
            self._holes += 1
            self._doubled = 0

    def counter(self, max_power_uw: int | None = None) -> Counter | None:
        """The sum at the newest sample; None before the first."""
        if self._last is None:
            return None
        epoch = f"{self._last.boot_id}:{self._process}.{self._holes}"
        value_uj = uj_from_power(self._doubled, 1) // 2
        return Counter(value_uj, self._last.at_ns, epoch, None, max_power_uw)
