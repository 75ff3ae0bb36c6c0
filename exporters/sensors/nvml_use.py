"""Who uses an NVIDIA board, look by look: its processes, their SM time, its MIG instances.

In: NVML (`nvml_library.py`). Out: a `Use` each look; nothing here raises: what the driver does not
tell is None in it. SM utilisation comes as samples in percent, each for a period that NVML leaves
open (a sixth of a second to a second, by the card), late, at times twice and at times not at all.
Source: NVML API reference, nvmlDeviceGetProcessUtilization, nvmlGpmMigSampleGet,
nvmlDeviceGetMPSComputeRunningProcesses.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exporters.sensors import nvml_library as library
from exporters.sensors.nvml_library import NVMLError, Sample
from exporters.sensors.use import UNKNOWN, Held, Slice, Use

RARE = 10
"""Looks between those at what seldom changes: graphics, MPS clients, the MIG mode."""

PERIOD_US, LONGEST_US = 166_667, 1_000_000
"""The shortest and the longest period of a sample that NVML documents: the first where the sample
before is not known, the second whatever lies between."""
APART_US = 20_000
"""Samples nearer to each other than this are of one instant."""
LATE_US = 1_000_000
"""How much later than a newer sample another one may come; it is still taken, and once."""
SILENT = 10
"""Looks without a sample after which we ask whether the card's clock was set back."""
MANY = 50
"""Instants from which on old ones are forgotten."""
MOST_PERCENT = 100
"""The driver's array has been seen with wild rows above it, and with empty ones: instant 0."""
HUNDREDTHS = 100


class Utilisation:
    """The SM time of a board's processes, from samples."""

    def __init__(self) -> None:
        self._instants: list[int] = []
        """In order; the old ones are forgotten now and then."""
        self._taken: dict[int, int] = {}
        """The newest sample taken of each pid."""
        self._silent = 0

    def look(self, ask: Callable[[int], Iterable[Sample]]) -> dict[int, int]:
        """SM time since the last look, in percent times us by pid; `ask` gives the samples since an
        instant. Raises what it raises."""
        if self._silent >= SILENT:
            self._follow_clock(ask(0))
        taken = self._taken.get
        new: dict[int, dict[int, int]] = {}
        for pid, at_us, percent in ask(self._since_us()):
            if at_us > taken(pid, 0) and percent <= MOST_PERCENT:
                samples = new.get(pid)
                if samples is None:
                    new[pid] = {at_us: percent}
                else:
                    samples[at_us] = percent
        self._silent = 0 if new else self._silent + 1
        return self._take(new) if new else {}

    def _take(self, new: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
        """SM time by pid of these samples, by pid and instant; they are taken."""
        stands_for_us = self._periods(set().union(*new.values()))
        sm = {}
        for pid, samples in new.items():
            used = 0
            for at_us, percent in samples.items():
                used += percent * stands_for_us[at_us]
            sm[pid], self._taken[pid] = used, max(samples)
        if len(self._instants) > MANY:
            self._forget_before(self._newest() - 2 * LATE_US)
        return sm

    def _periods(self, new: Iterable[int]) -> dict[int, int]:
        """What the samples of each instant stand for: the time since the board's sample before,
        whichever process it was of. The instants are kept."""
        known, stands_for_us = self._instants, {}
        for at_us in sorted(new):
            before = bisect_right(known, at_us - APART_US)
            period_us = at_us - known[before - 1] if before else PERIOD_US
            stands_for_us[at_us] = period_us if period_us < LONGEST_US else LONGEST_US
            if not known or at_us > known[-1]:
                known.append(at_us)
            elif known[(place := bisect_left(known, at_us))] != at_us:
                known.insert(place, at_us)
        return stands_for_us

    def _since_us(self) -> int:
        newest_us = self._newest()
        return newest_us - LATE_US if newest_us > LATE_US else 0

    def _newest(self) -> int:
        return self._instants[-1] if self._instants else 0

    def _forget_before(self, old_us: int) -> None:
        del self._instants[: bisect_left(self._instants, old_us)]
        self._taken = {pid: at_us for pid, at_us in self._taken.items() if at_us >= old_us}

    def _follow_clock(self, samples: Iterable[Sample]) -> None:
        """Begin anew where the newest sample there is lies far before the newest one seen."""
        self._silent = 0
        found = list(samples)
        newest_us = max((at_us for _, at_us, _ in found), default=0)
        if found and newest_us < self._newest() - LATE_US:
            self._instants = [newest_us]
            self._taken = {pid: newest_us for pid, _, _ in found}


class Instance:
    """A MIG instance: what it is, and its counters at the last look."""

    def __init__(self, number: int, uuids: tuple[str, ...], slices: int) -> None:
        self.facts = Slice(number, uuids, slices, None)
        self._before: Any | None = None
        self._spare: Any | None = None
        """The sample before that: the next look is written into it."""

    def look(self, handle: Any, *, monitored: bool) -> Slice:
        """Its activity since the last look; unknown at the first, and where none is told."""
        busy = self._busy(handle) if monitored else None
        return Slice(self.facts.instance, self.facts.uuids, self.facts.slices, busy)

    def forget(self) -> None:
        """Give its samples back."""
        for sample in (self._before, self._spare):
            if sample is not None:
                library.gpm_free(sample)
        self._before = self._spare = None

    def _busy(self, handle: Any) -> int | None:
        try:
            if self._spare is None:
                self._spare = library.gpm_sample()
            library.gpm_look(handle, self.facts.instance, self._spare)
        except NVMLError:
            self.forget()
            return None
        before, now = self._before, self._spare
        self._before, self._spare = now, before
        if before is None:
            return None
        try:
            return round(library.gpm_busy_percent(before, now) * HUNDREDTHS)
        except NVMLError:
            return None


class BoardUse:
    """One board, look after look."""

    def __init__(self) -> None:
        self._looks = 0
        self._listed: Sequence[Held] = ()
        self._pids: set[int] = set()
        self._others: list[Held] = []
        self._processes: Sequence[Held] = ()
        self._utilisation = Utilisation()
        self._instances: list[Instance] = []
        self._monitored = False

    def look(self, handle: Any) -> Use:
        """Who held the board, and their SM time since the last look."""
        try:
            listed = library.computing(handle)
        except NVMLError:
            return UNKNOWN
        if listed is not self._listed or self._looks % RARE == 0:
            self._take(listed, handle)
        self._looks += 1
        if self._instances:
            slices = [one.look(handle, monitored=self._monitored) for one in self._instances]
            return Use(self._processes, None, slices)
        return Use(self._processes, self._sm(handle))

    def _take(self, listed: Sequence[Held], handle: Any) -> None:
        """Another list than the last, or time to ask for the rest."""
        held = {one.pid: one for one in listed}
        if self._looks % RARE == 0 or held.keys() != self._pids:
            self._look_rarely(handle)
        self._listed, self._pids = listed, set(held)
        processes = (*held.values(), *(one for one in self._others if one.pid not in held))
        if processes != self._processes:
            self._processes = processes

    def forget(self) -> None:
        """The handle is of no use any more; what was measured by it neither."""
        for instance in self._instances:
            instance.forget()
        self._instances = []
        self._looks = 0

    def _sm(self, handle: Any) -> dict[int, int] | None:
        try:
            return self._utilisation.look(lambda since: library.utilisation(handle, since))
        except NVMLError:
            return None

    def _look_rarely(self, handle: Any) -> None:
        self._others = [
            one
            for call in (library.mps_clients, library.drawing)
            for one in library.optional(call, handle) or ()
        ]
        found = _instances(handle) if library.is_mig(handle) else {}
        if {one.facts.instance: one.facts for one in self._instances} != found:
            self.forget()
            self._instances = [
                Instance(one.instance, one.uuids, one.slices) for one in found.values()
            ]
            self._monitored = bool(found) and library.gpm_supported(handle)


def _instances(handle: Any) -> dict[int, Slice]:
    """The GPU instances of a card in MIG mode; several MIG devices may share one."""
    found: dict[int, Slice] = {}
    for device in library.mig_handles(handle):
        facts = library.optional(library.gpu_instance, device)
        if facts is not None:
            number, uuid, slices = facts
            uuids = found[number].uuids if number in found else ()
            found[number] = Slice(number, (*uuids, uuid), slices, None)
    return found
