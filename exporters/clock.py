"""The agent's time: UTC that never steps, carried by the boot's monotonic clock.

In: CLOCK_BOOTTIME (which counts through suspend) and the wall clock. Out: `Instant`s whose UTC
moves forward with the monotonic clock. A wall clock that drifts is followed at 500 ppm at most, as
NTP does; one that steps is not followed, its offset is reported instead (`timekeeping` decides
whether it is the agent's time that is wrong).
"""

import time
from collections.abc import Callable

import msgspec

from footprint.units import NS_PER_S

SLEW_DIVISOR = 2000  # 1 / 500 ppm
STEP_US = 1_000_000


class Instant(msgspec.Struct, frozen=True):
    """One moment: `mono_ns` of the boot's monotonic clock, `utc_us` since 1970 in UTC."""

    mono_ns: int
    utc_us: int


def boottime_ns() -> int:
    """Nanoseconds since boot, suspend included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Boot(msgspec.Struct, frozen=True):
    """What dates a sensor's reading: the boot, and its monotonic clock in nanoseconds."""

    boot_id: str
    mono_ns: Callable[[], int] = boottime_ns


class Clock:
    """Turns monotonic time into UTC; `wall_ns` and `mono_ns` are injected for simulated hosts.

    It begins at the wall clock's time, but not before `not_before_us`: what the ledger holds
    already is not written over by a wall clock that was set back.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = boottime_ns,
        not_before_us: int = 0,
    ) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._anchor_mono_ns = mono_ns()
        self._anchor_utc_us = max(wall_ns() // 1000, not_before_us)
        self._last_mono_ns = self._anchor_mono_ns

    def instant(self) -> Instant:
        """Now."""
        mono_ns = self._mono_ns()
        return Instant(mono_ns, self.utc_us(mono_ns))

    def utc_us(self, mono_ns: int) -> int:
        """UTC of a monotonic instant, in microseconds since 1970."""
        return self._anchor_utc_us + (mono_ns - self._anchor_mono_ns) // 1000

    def offset_us(self) -> int:
        """Wall clock less the agent's time, in microseconds."""
        mono_ns = self._mono_ns()
        return self._wall_ns() // 1000 - self.utc_us(mono_ns)

    def follow(self) -> int:
        """Move towards the wall clock, by 500 ppm of the time since the last call at most, unless
        it stepped; returns the offset in microseconds found before."""
        offset_us = self.offset_us()
        mono_ns = self._mono_ns()
        most_us = (mono_ns - self._last_mono_ns) // 1000 // SLEW_DIVISOR
        self._last_mono_ns = mono_ns
        if abs(offset_us) < STEP_US:
            self._anchor_utc_us += max(-most_us, min(most_us, offset_us))
        return offset_us

    def step(self) -> None:
        """Take the wall clock's time, whatever it says: for whoever knows that it is right."""
        self._anchor_mono_ns = self._last_mono_ns = self._mono_ns()
        self._anchor_utc_us = self._wall_ns() // 1000

    def seconds_until(self, utc_us: int) -> float:
        """Seconds from now until a UTC instant; negative when it has passed."""
        return (utc_us - self.utc_us(self._mono_ns())) * 1000 / NS_PER_S
