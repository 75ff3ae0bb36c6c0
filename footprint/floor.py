"""The floor of a device: its power while nothing works on it, measured where that happens.

In: the energy of a device interval by interval, and whether it rested meanwhile. Out: the lowest
mean power of a whole minute of rest in the last thirty days, with its date; nothing until there was
such a minute. METHOD.md, "The floor", has the words and worked numbers.
"""

import msgspec

from footprint.units import power_uw_from_energy

REST_US = 60_000_000
"""Length of a window: long against the slowest update of a counter (about a second)."""

MEMORY_US = 30 * 86_400_000_000
"""A floor is forgotten after thirty days: firmware, fans and seasons change it."""

REST_PERMILLE = 5
"""Processors rest while not more than this part of their CPU time is used."""


class Minute(msgspec.Struct, frozen=True):
    """Mean power of a window of rest, and when it ended."""

    power_uw: int
    end_us: int


class Rest(msgspec.Struct):
    """What is remembered of one device: the window going on, and minima worth keeping.

    `lowest` is in the order of time, each power above the one before it: the first is the floor,
    the next would be once the first is too old.
    """

    since_us: int = 0
    until_us: int = 0
    energy_uj: int = 0
    lowest: list[Minute] = []

    def see(self, start_us: int, end_us: int, energy_uj: int, *, resting: bool) -> None:
        """Take an interval in; one that does not follow the last begins a new window."""
        if not resting:
            self.since_us = self.until_us = self.energy_uj = 0
            return
        if start_us != self.until_us:
            self.since_us, self.energy_uj = start_us, 0
        self.until_us = end_us
        self.energy_uj += energy_uj
        length_us = end_us - self.since_us
        if length_us >= REST_US:
            self._keep(Minute(power_uw_from_energy(self.energy_uj, length_us * 1000), end_us))
            self.since_us, self.energy_uj = end_us, 0

    def floor(self, now_us: int) -> Minute | None:
        """The floor at an instant, None while it is not known."""
        while self.lowest and self.lowest[0].end_us < now_us - MEMORY_US:
            self.lowest.pop(0)
        return self.lowest[0] if self.lowest else None

    def _keep(self, minute: Minute) -> None:
        if not minute.power_uw:
            return  # a counter that stood still for a minute measured nothing
        while self.lowest and self.lowest[-1].power_uw >= minute.power_uw:
            self.lowest.pop()
        if len(self.lowest) < MOST_KEPT:
            self.lowest.append(minute)


MOST_KEPT = 100
"""Minima of a device that are kept; more could only follow a month of ever rising idle power."""


def rests(used_ns: int, elapsed_ns: int, logical_cpus: int) -> bool:
    """Whether processors rested: `used_ns` of CPU time in `elapsed_ns` on so many logical CPUs."""
    return used_ns * 1000 <= REST_PERMILLE * elapsed_ns * logical_cpus
