"""From two readings to shares in a page: the agent's heart, without I/O and without a clock.

In: every tick's readings, CPU times and whose the GPUs were. Out: shares and gaps in the drafts,
sealed drafts, and the totals that /metrics shows. A reading that fails leaves the older one as
baseline; what the counter shows when it comes back is spread over the time between.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from exporters.clock import Instant
from exporters.drafts import Cover, DeviceKey, Draft, Drafts, EnergySums
from exporters.sensors.sensor import Device, Failure
from exporters.weights import START, CpuTimes, Mark, Usage
from exporters.workloads.gpus import Board
from footprint import codes
from footprint.attribution import Part, Share, attribute, divide
from footprint.floor import Minute, Rest, rests
from footprint.interval import floor_to, from_us, to_us
from footprint.ledger import CounterMark
from footprint.reading import STUCK_AFTER_NS, Cause, Counter, Gap, Reading, consumed
from footprint.units import NS_PER_S, Energy

BOUNDARY_TOLERANCE_US = 50_000
"""A reading this late after a boundary counts as taken at it: 0.006 % of a quarter-hour."""

GRACE_US = 30_000_000
"""How long a page waits past its end for a device that fails, before the rest is a gap."""

LOADED_NS_PER_S = NS_PER_S // 100
"""CPU time a second from which a processor counts as loaded: one hundredth of one CPU."""


MOST_IN_A_PAGE = 2**63 - 1
"""`footprint.ledger`: the largest number of microjoules."""

HOW_MEASURED = "lowest mean power of a minute of rest in 30 days"


class Track(msgspec.Struct):
    """What is remembered of one device between ticks, and over a restart.

    Everything before `covered_us` is settled. `rest`: minutes in which nothing worked, of a device
    whose floor is measured here. `forfeited`: it was settled as a gap although the
    counter went on, so energy since `baseline_us` is spread and its settled part left out; `stuck`:
    the same, before the page is sealed. `blind`: nobody saw who ran since the baseline.
    """

    device: Device
    covered_us: int
    baseline: Reading | None = None
    baseline_us: int = 0
    mark: CounterMark | None = None
    forfeited: bool = False
    stuck: bool = False
    blind: bool = False
    rest: Rest | None = None
    failing: Cause | None = None
    error: str = ""
    up: bool = False

    @property
    def key(self) -> DeviceKey:
        """(sensor, device)."""
        return self.device.sensor, self.device.device


class Totals(msgspec.Struct):
    """Sums since the process started, for /metrics, in microjoules and microseconds."""

    energy_uj: dict[DeviceKey, EnergySums] = {}
    gap_us: dict[tuple[DeviceKey, str], int] = {}
    """By device, cause."""
    failures: dict[DeviceKey, int] = {}


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
        self.totals = Totals()
        self.cpu = CpuTimes()
        self._marks: dict[DeviceKey, Mark] = {}
        self._gpus: Mapping[str, Board] = {}
        self._reserved = reservations
        self._last_us = drafts.start_us
        self._known = (codes.UNATTRIBUTED, *known)
        self._cpus = logical_cpus
        for key, track in self.tracks.items():
            self._show_from_start(key, track.device)

    def _show_from_start(self, key: DeviceKey, device: Device) -> None:
        """A series that appears with its first joule would hide that joule from a rate."""
        is_gpu = device.component == "gpu"
        parts: tuple[Part, ...] = ("dynamic", "static") if is_gpu else ("dynamic",)
        whose = (codes.IDLE, codes.UNREGISTERED) if is_gpu else (codes.SYSTEM, codes.AGENT)
        totals_uj = self.totals.energy_uj.setdefault(key, defaultdict(int))
        for part in parts if device.floor_uw is not None else ("undivided",):
            for consumer in (*whose, *self._known):
                totals_uj[f"{consumer} {part}"] += 0

    def begin(self, now: Instant) -> None:
        """Start a new ledger's first page at this instant."""
        self.drafts.start_us = self._last_us = now.utc_us
        for track in self.tracks.values():
            track.covered_us = now.utc_us

    def effective_us(self, now: Instant) -> int:
        """The tick's place in the pages: the boundary just passed, if it has just passed."""
        boundary_us = to_us(floor_to(from_us(now.utc_us), self.drafts.page_seconds))
        near = now.utc_us - boundary_us <= BOUNDARY_TOLERANCE_US
        return max(self._last_us, boundary_us if near else now.utc_us)

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
        self._gpus = gpus
        newest_us = self.drafts.end_us
        self.drafts.reach(at_us + 1)
        at = from_us(now.utc_us)
        draft = self._draft(at_us)
        for key, shown in readings.items():
            track = self.tracks[key]
            cover = draft.cover(track.device)
            outcome = _believed(key, shown)
            if isinstance(outcome, Failure):
                self._failed(key, track, outcome, cover)
                continue
            cover.readings += 1
            track.up = True
            if track.baseline is not None and at_us <= track.covered_us:
                continue  # no time has passed in the pages: the next tick counts for this one too
            _mark(track, cover, outcome, at)
            self._settle(key, track, outcome, at_us)
            track.failing = None
        if self.drafts.end_us > newest_us:
            for track in self.tracks.values():
                self._renew_floor(track, at_us)

    def _renew_floor(self, track: Track, at_us: int) -> None:
        """A page has one floor: a new one holds from the first tick of a page on."""
        if track.rest is None or track.covered_us != at_us:
            return
        floor = track.rest.floor(at_us)
        renewed = with_floor(track.device, floor)
        if renewed.floor_uw != track.device.floor_uw:
            track.device = renewed
            self._show_from_start(track.key, renewed)
            self.drafts.open[-1].tell(renewed)

    def due(self, now: Instant, *, final: bool = False) -> Iterator[Draft]:
        """Drafts that are over and settled; with `final` all, the newest cut at its last tick."""
        at_us = self.effective_us(now)
        if final:
            self._cut_newest()
        while (draft := self.drafts.oldest()) is not None and draft.end_us <= at_us:
            behind = [track for track in self.tracks.values() if track.covered_us < draft.end_us]
            hoped = any(_may_come_back(track, draft) for track in behind)
            if hoped and not final and at_us < draft.end_us + GRACE_US:
                return
            for track in behind:
                self._forfeit(track, draft.end_us)
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

    def _failed(self, key: DeviceKey, track: Track, failure: Failure, cover: Cover) -> None:
        track.up, track.failing, track.error = False, failure.gap.cause, failure.error
        cover.failures += 1
        cover.last_error = failure.error
        self.totals.failures[key] = self.totals.failures.get(key, 0) + 1

    def _settle(self, key: DeviceKey, track: Track, reading: Reading, at_us: int) -> None:
        if track.baseline is None:
            self._gap(track, track.failing or "outage", at_us)
            self._rebase(key, track, reading, at_us)
            return
        elapsed_ns = reading.at_ns - track.baseline.at_ns
        loaded = elapsed_ns >= STUCK_AFTER_NS and self._loaded(key, track.device, elapsed_ns)
        outcome = consumed(track.baseline, reading, loaded=loaded)
        if isinstance(outcome, Gap):
            self._gap(track, outcome.cause, at_us)
            track.stuck = outcome.cause == "stuck"
            if not track.stuck:
                self._rebase(key, track, reading, at_us)
        elif outcome.uj or not isinstance(reading, Counter):
            self._consumed(key, track, outcome, elapsed_ns, at_us)
            self._rebase(key, track, reading, at_us)
        elif elapsed_ns >= STUCK_AFTER_NS:
            self._book(key, track, [], at_us)
        # else: a counter that has not moved yet; its next move counts for this time too.

    def _consumed(
        self, key: DeviceKey, track: Track, energy: Energy, elapsed_ns: int, at_us: int
    ) -> None:
        static, weights = self._weights(key, track.device)
        if track.rest is not None:
            seen = not (track.blind or track.stuck or track.forfeited)
            resting = seen and self._rests(key, track.device, weights, elapsed_ns)
            track.rest.see(track.covered_us, at_us, energy.uj, resting=resting)
        self._book(key, track, self._shares(track, energy, elapsed_ns, static, weights), at_us)

    def _rests(
        self, key: DeviceKey, device: Device, weights: Mapping[str, int], elapsed_ns: int
    ) -> bool:
        """Whether nothing worked: hardly any CPU time, or no process on the card."""
        if device.component == "gpu":
            return weights.keys() <= {codes.IDLE}
        return rests(self._busy_ns(key), elapsed_ns, self._cpus)

    def _loaded(self, key: DeviceKey, device: Device, elapsed_ns: int) -> bool:
        """Whether the device must have used energy: a board that is powered always does. Of
        evidence nobody knows: the cores of one idle socket may well stand still on a busy host."""
        if device.evidence:
            return False
        if device.component == "gpu":
            return True
        return self._busy_ns(key) * NS_PER_S > LOADED_NS_PER_S * max(elapsed_ns, 0)

    def _busy_ns(self, key: DeviceKey) -> int:
        """CPU time of the whole host since the device was booked."""
        return sum(self.cpu.since(self._marks.get(key, START)).values())

    def _shares(
        self,
        track: Track,
        energy: Energy,
        elapsed_ns: int,
        static: Mapping[str, int],
        weights: Mapping[str, int],
    ) -> list[Share]:
        if track.device.evidence:
            return [Share(codes.SYSTEM, "undivided", energy.uj)]  # nobody is accounted any of it
        if track.blind:
            return [Share(codes.UNATTRIBUTED, "undivided", energy.uj)]
        return divide(
            energy.uj,
            elapsed_ns,
            floor_uw=track.device.floor_uw,
            static_weights=static,
            dynamic_weights=weights,
            otherwise=codes.IDLE if track.device.component == "gpu" else codes.SYSTEM,
        )

    def _book(self, key: DeviceKey, track: Track, shares: list[Share], at_us: int) -> None:
        if track.blind:
            self.drafts.gap(track.device, "blind", "outage", track.covered_us, at_us)
        start_us = track.baseline_us if track.forfeited else track.covered_us
        if track.stuck:
            shares = _after_gap(shares, track, at_us)
        self.drafts.book(track.device, shares, start_us, at_us, self.totals.energy_uj[key])
        track.covered_us = at_us

    def _gap(self, track: Track, cause: Cause, at_us: int) -> None:
        if track.covered_us < at_us:
            gap_us = self.drafts.gap(track.device, "gap", cause, track.covered_us, at_us)
            place = (track.key, cause)
            self.totals.gap_us[place] = self.totals.gap_us.get(place, 0) + gap_us
        track.covered_us = at_us

    def _forfeit(self, track: Track, end_us: int) -> None:
        """Settle a device that is behind at the end of its page."""
        if track.failing is None and track.up:
            track.covered_us = end_us  # its counter has not moved: nothing to lose
            return
        self._gap(track, track.failing or "read_failed", end_us)
        track.forfeited = True

    def _rebase(self, key: DeviceKey, track: Track, reading: Reading, at_us: int) -> None:
        track.baseline, track.baseline_us = reading, at_us
        track.forfeited = track.stuck = track.blind = False
        if track.device.component != "gpu":
            self._marks[key] = self.cpu.mark()
        elif key[1] in self._gpus:
            self._gpus[key[1]].booked()

    def _weights(
        self, key: DeviceKey, device: Device
    ) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Weights of the static part, and of the dynamic one or of the undivided whole."""
        if device.evidence:
            return {}, {}  # nobody is accounted any of it
        if device.component != "gpu":
            return {}, self.cpu.since(self._marks.get(key, START), device.package)
        board, uuid = self._gpus.get(device.device), device.device
        if uuid in self._reserved:
            whole = {self._reserved[uuid]: 1}
        elif board is None:
            whole = {codes.UNATTRIBUTED: 1}
        else:
            return board.waiting.static, board.waiting.following
        return whole, whole


def _believed(key: DeviceKey, outcome: Reading | Failure) -> Reading | Failure:
    """A number that no page can hold is no reading, whatever gave it."""
    if isinstance(outcome, Failure):
        return outcome
    number = outcome.value_uj if isinstance(outcome, Counter) else outcome.power_uw
    if 0 <= number <= MOST_IN_A_PAGE:
        return outcome
    line = f"{key[0]}: {key[1]} shows {number:.3g}, which no counter reaches; is its driver well?"
    return Failure(Gap("implausible"), line)


def _after_gap(shares: list[Share], track: Track, at_us: int) -> list[Share]:
    """The part of energy since the baseline that lies after a gap which is told already: a counter
    that catches up shows in one second what it owed for many."""
    parts = {"told": track.covered_us - track.baseline_us, "after": at_us - track.covered_us}
    return [
        Share(share.consumer, share.part, attribute(share.energy_uj, parts).get("after", 0))
        for share in shares
    ]


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


def _mark(track: Track, cover: Cover, reading: Reading, at: datetime) -> None:
    """Keep the raw counter at the edges of the page: the last of the page before is the first."""
    if isinstance(reading, Counter):
        mark = CounterMark(value_uj=reading.value_uj, at=at)
        cover.first = cover.first or track.mark or mark
        cover.last = track.mark = mark
