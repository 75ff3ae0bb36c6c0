"""From readings to sealed pages: the agent's heart, without I/O and without a clock.

In: every tick's readings, CPU times and whose the GPUs were. Out: every device settled
(`account.py`), drafts to be sealed, and the totals that /metrics shows.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from exporters.account import Account, Host, Totals, Track
from exporters.clock import Instant
from exporters.drafts import DeviceKey, Draft, Drafts
from exporters.sensors.sensor import Device, Failure
from exporters.weights import CpuTimes, Usage
from exporters.workloads.gpus import Board
from footprint import codes
from footprint.floor import Minute
from footprint.interval import from_us
from footprint.reading import Reading

__all__ = ["GRACE_US", "Sampler", "Track", "measures_floor", "with_floor"]

BOUNDARY_TOLERANCE_US = 50_000
"""A reading this late after a boundary counts as taken at it: 0.006 % of a quarter-hour."""

GRACE_US = 30_000_000
"""How long a page waits past its end for a device that fails, before the rest is a gap."""

HOW_MEASURED = "lowest mean power of a minute of rest in 30 days"


class Sampler:
    """The drafts and tracks of one host."""

    def __init__(
        self,
        drafts: Drafts,
        tracks: Mapping[DeviceKey, Track],
        reservations: Mapping[str, str],
        known: Iterable[str] = (),
        logical_cpus: int = 1,
    ) -> None:
        """`reservations`: SIA by GPU UUID; `known`: SIA whose series exist from the start."""
        self.drafts = drafts
        self.tracks = dict(tracks)
        self._totals = Totals()
        self.cpu = CpuTimes()
        known = (codes.UNATTRIBUTED, *known)
        self._host = Host(drafts, self.cpu, reservations, known, logical_cpus, self._totals)
        self._accounts = {key: Account(self._host, track) for key, track in self.tracks.items()}
        self._last_us = drafts.start_us
        self._page_us = drafts.page_seconds * 1_000_000

    @property
    def totals(self) -> Totals:
        """What was settled since the process began."""
        for account in self._accounts.values():
            account.count()
        return self._totals

    def turned(self) -> Mapping[DeviceKey, Track]:
        """Devices that answered again, or did not, since this was asked last."""
        found = self._host.turned
        if found:
            self._host.turned = {}
        return found

    def begin(self, now: Instant) -> None:
        """Start a new ledger's first page at this instant."""
        self.drafts.start_us = self._last_us = now.utc_us
        for track in self.tracks.values():
            track.covered_us = now.utc_us

    def effective_us(self, now: Instant) -> int:
        """The tick's place in the pages: the boundary just passed, if it has just passed."""
        late_us = now.utc_us % self._page_us
        near = late_us <= BOUNDARY_TOLERANCE_US
        return max(self._last_us, now.utc_us - late_us if near else now.utc_us)

    def tick(
        self,
        now: Instant,
        readings: Mapping[DeviceKey, Reading | Failure],
        usage: Usage,
        gpus: Mapping[str, Board],
    ) -> None:
        """Settle every device up to now. `gpus`: whose each board is, by UUID."""
        at_us = self.effective_us(now)
        self._last_us = at_us
        self.cpu.advance(usage)
        self._host.boards = gpus
        newest_us = self.drafts.end_us
        self.drafts.reach(at_us + 1)
        at, draft = from_us(now.utc_us), self._draft(at_us)
        for key, shown in readings.items():
            self._accounts[key].take(shown, draft, at, at_us)
        if self.drafts.end_us > newest_us:
            for account in self._accounts.values():
                self._renew_floor(account, at_us)

    def _renew_floor(self, account: Account, at_us: int) -> None:
        """A page has one floor: a new one holds from the first tick of a page on."""
        track = account.track
        if track.rest is None or track.covered_us != at_us:
            return
        floor = track.rest.floor(at_us)
        renewed = with_floor(track.device, floor)
        if renewed.floor_uw != track.device.floor_uw:
            track.device = renewed
            account.show_from_start()
            self.drafts.open[-1].tell(renewed)

    def due(self, now: Instant, *, final: bool = False) -> Iterator[Draft]:
        """Drafts that are over and settled; with `final` all, the newest cut at its last tick."""
        at_us = self.effective_us(now)
        if final:
            self._cut_newest()
        while (draft := self.drafts.oldest()) is not None and draft.end_us <= at_us:
            behind = [
                account
                for account in self._accounts.values()
                if account.track.covered_us < draft.end_us
            ]
            hoped = any(_may_come_back(account.track, draft) for account in behind)
            if hoped and not final and at_us < draft.end_us + GRACE_US:
                return
            for account in behind:
                account.forfeit(draft.end_us)
            yield self.drafts.pop()

    def _cut_newest(self) -> None:
        """End the newest draft at the last tick; a draft that has not begun is taken away."""
        newest = self.drafts.open[-1] if self.drafts.open else None
        if newest is not None:
            newest.end_us = min(newest.end_us, self._last_us)
            if newest.end_us <= newest.start_us:
                self.drafts.open.pop()

    def _draft(self, at_us: int) -> Draft:
        """The draft that `at_us` is inside or at the end of."""
        drafts = self.drafts.open
        return next((draft for draft in drafts if at_us <= draft.end_us), drafts[-1])


def with_floor(device: Device, floor: Minute | None) -> Device:
    """The device with a floor that was measured, or without any."""
    parameters = {name: value for name, value in device.parameters.items() if name != "floor"}
    if floor is None:
        return msgspec.structs.replace(device, floor_uw=None, floor_at=None, parameters=parameters)
    return msgspec.structs.replace(
        device,
        floor_uw=floor.power_uw,
        floor_at=from_us(floor.end_us),
        parameters={**parameters, "floor": HOW_MEASURED},
    )


def measures_floor(device: Device) -> bool:
    """Whether the floor of a device is found by watching it rest; a model brings its own."""
    measured = device.quality != "modelled" and device.floor_uw is None
    return measured and device.component is not None


def _may_come_back(track: Track, draft: Draft) -> bool:
    """Whether a page waits for a device: one that answered not long before the page began."""
    return track.baseline is not None and draft.start_us - track.baseline_us <= GRACE_US
