"""One device's energy, from reading to shares in a page.

In: what the device shows, tick by tick, who used the CPUs, and whose the board was. Out: shares and
gaps in the drafts, and the sums that /metrics shows. A reading that fails leaves the older one as
baseline; what the counter shows when it comes back is spread over the time between.

Written for a tick of many devices: what is the same for a whole page is looked up once a page;
classes are compared by `is`, since `isinstance()` of a struct asks its metaclass; what is written
at every tick is a dataclass with slots, whose fields are set in a tenth of the time of a struct's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from exporters.drafts import Cover, DeviceKey, Draft, Drafts, Energies, place_of
from exporters.sensors.sensor import Device, Failure
from exporters.weights import START, CpuTimes
from exporters.workloads.gpus import Board
from footprint import codes
from footprint.attribution import Part, Parts, attribute, divide
from footprint.floor import Rest, rests
from footprint.ledger import CounterMark
from footprint.reading import STUCK_AFTER_NS, Cause, Counter, Gap, Reading, consumed
from footprint.units import NS_PER_S, Energy

LOADED_NS_PER_S = NS_PER_S // 100
"""CPU time a second from which a processor counts as loaded: one hundredth of one CPU."""

MOST_IN_A_PAGE = 2**63 - 1
"""`footprint.ledger`: the largest number of microjoules."""


RESTING = frozenset((codes.IDLE,))
"""Who a board belongs to while no process is on it."""

NOBODY: Mapping[str, int] = {}


@dataclass(slots=True)
class Track:
    """What is remembered of one device between ticks, and over a restart.

    Everything before `covered_us` is settled. `rest`: minutes in which nothing worked, of a device
    whose floor is measured here. `forfeited`: it was settled as a gap although the
    counter went on, so energy since `baseline_us` is spread and its settled part left out; `stuck`:
    the same, before the page is sealed. `blind`: nobody saw who ran since the baseline. `fallen`:
    what the counter showed before it fell to the baseline, which may have been a misreading.
    """

    device: Device
    covered_us: int
    baseline: Reading | None = None
    baseline_us: int = 0
    mark: CounterMark | None = None
    forfeited: bool = False
    stuck: bool = False
    blind: bool = False
    fallen: Counter | None = None
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

    energy_uj: dict[DeviceKey, Energies] = {}
    gap_us: dict[tuple[DeviceKey, str], int] = {}
    """By device, cause."""
    failures: dict[DeviceKey, int] = {}


class Host(msgspec.Struct):
    """What the devices of one host share. `reserved`: SIA by GPU UUID; `known`: consumers whose
    series exist from the start; `boards`: whose each board is, by UUID, as last looked at;
    `turned`: devices that answered again, or did not, since somebody asked."""

    drafts: Drafts
    cpu: CpuTimes
    reserved: Mapping[str, str]
    known: tuple[str, ...]
    logical_cpus: int
    totals: Totals
    boards: Mapping[str, Board] = {}
    turned: dict[DeviceKey, Track] = {}


class Account:
    """One device of a host."""

    def __init__(self, host: Host, track: Track) -> None:
        device = track.device
        self.track = track
        self._host = host
        self._key, self._name, self._package = track.key, device.device, device.package
        self._is_gpu, self._is_evidence = device.component == "gpu", device.evidence
        self._otherwise = codes.IDLE if self._is_gpu else codes.SYSTEM
        self._totals_uj = host.totals.energy_uj.setdefault(self._key, {})
        sia = host.reserved.get(device.device)
        self._is_reserved = sia is not None
        self._whole: Mapping[str, int] = {codes.UNATTRIBUTED if sia is None else sia: 1}
        """Whose a board is that nobody looks at."""
        self._mark = START
        self._draft, self._cover = Draft(0, 0), Cover(device)
        """The page of the newest tick, and what it holds of this device; none as yet."""
        self._counted_uj: Energies = {}
        """What of that cover's energy is in the totals, or was there before this process."""
        self.show_from_start()

    def show_from_start(self) -> None:
        """A series that appears with its first joule would hide that joule from a rate."""
        parts: tuple[Part, ...] = ("dynamic", "static") if self._is_gpu else ("dynamic",)
        whose = (codes.IDLE, codes.UNREGISTERED) if self._is_gpu else (codes.SYSTEM, codes.AGENT)
        for part in parts if self.track.device.floor_uw is not None else ("undivided",):
            for consumer in (*whose, *self._host.known):
                self._totals_uj.setdefault(place_of(consumer, part), 0)

    def take(self, shown: Reading | Failure, draft: Draft, at: datetime, at_us: int) -> None:
        """Settle the device up to a tick: at `at`, which is `at_us` in the pages, inside or at the
        end of `draft`."""
        track = self.track
        if draft is not self._draft:
            self.count()
            self._draft, self._cover = draft, draft.cover(track.device)
            self._counted_uj = dict(self._cover.energy)
        cover = self._cover
        if type(shown) is Failure:
            self._failed(shown)
            return
        number = shown.value_uj if type(shown) is Counter else shown.power_uw
        if not 0 <= number <= MOST_IN_A_PAGE:
            self._failed(self._unbelievable(number))
            return
        cover.readings += 1
        if not track.up:
            track.up = True
            self._host.turned[self._key] = track
        if track.baseline is not None and at_us <= track.covered_us:
            return  # no time has passed in the pages: the next tick counts for this one too
        if type(shown) is Counter:  # kept at a page's edges: the last is the next page's first
            mark = CounterMark(number, at)
            if cover.first is None:
                cover.first = track.mark or mark
            cover.last = track.mark = mark
        self._settle(shown, at_us)
        track.failing = None

    def _failed(self, failure: Failure) -> None:
        track, cover, failures = self.track, self._cover, self._host.totals.failures
        track.up, track.failing, track.error = False, failure.gap.cause, failure.error
        self._host.turned[self._key] = track
        cover.failures += 1
        cover.last_error = failure.error
        failures[self._key] = failures.get(self._key, 0) + 1

    def _unbelievable(self, number: int) -> Failure:
        """A number that no page can hold is no reading, whatever gave it."""
        what = f"{self._key[0]}: {self._key[1]} shows {number:.3g}"
        line = f"{what}, which no counter reaches; is its driver well?"
        return Failure(Gap("implausible"), line)

    def _settle(self, reading: Reading, at_us: int) -> None:
        track, before = self.track, self.track.baseline
        if before is None:
            self._gap(track.failing or "outage", at_us)
            self._rebase(reading, at_us)
            return
        elapsed_ns = reading.at_ns - before.at_ns
        loaded = elapsed_ns >= STUCK_AFTER_NS and self._loaded(elapsed_ns)
        outcome = consumed(before, reading, loaded=loaded)
        if type(outcome) is not Energy:
            self._gap(outcome.cause, at_us)
            track.stuck = outcome.cause == "stuck"
            if not track.stuck:
                self._rebase(reading, at_us)
                if outcome.cause == "reset" and type(before) is Counter:
                    track.fallen = before
        elif track.fallen is not None and outcome.uj and self._goes_on(track.fallen, reading):
            self._gap("reset", at_us)
            self._rebase(reading, at_us)
        elif outcome.uj or type(reading) is not Counter:
            self._consumed(outcome.uj, elapsed_ns, at_us)
            self._rebase(reading, at_us)
        elif elapsed_ns >= STUCK_AFTER_NS:
            self._book({}, at_us)
        # else: a counter that has not moved yet; its next move counts for this time too.

    @staticmethod
    def _goes_on(before: Counter, reading: Reading) -> bool:
        """Whether a counter that fell shows again what it would have shown without the fall: then
        nobody can say whether it was reset, or was misread once and did not fall at all."""
        return type(consumed(before, reading)) is Energy

    def _consumed(self, energy_uj: int, elapsed_ns: int, at_us: int) -> None:
        track, draft = self.track, self._draft
        plain = not (track.blind or track.stuck or track.forfeited)
        parts = self._parts(energy_uj, elapsed_ns, at_us, plain)
        if plain and draft.start_us <= track.covered_us < at_us <= draft.end_us:
            self._cover.add(energy_uj, parts)  # in one page: nothing to spread
            track.covered_us = at_us
        else:
            self._book(parts, at_us)

    def _parts(self, energy_uj: int, elapsed_ns: int, at_us: int, plain: bool) -> Parts:
        """Its shares, by the weights of the static part, and those of the dynamic part or of the
        undivided whole."""
        if self._is_evidence:
            return {"undivided": {codes.SYSTEM: energy_uj}}  # nobody is accounted any of it
        track, host = self.track, self._host
        static = weights = self._whole
        if not self._is_gpu:
            static, weights = NOBODY, host.cpu.since(self._mark, self._package)
        elif not self._is_reserved and (board := host.boards.get(self._name)) is not None:
            static, weights = board.waiting.static, board.waiting.following
        rest = track.rest
        if rest is not None:
            resting = plain and self._rests(weights, elapsed_ns)
            if resting or rest.until_us:
                rest.see(track.covered_us, at_us, energy_uj, resting=resting)
        if track.blind:
            return {"undivided": {codes.UNATTRIBUTED: energy_uj}}
        return divide(
            energy_uj,
            elapsed_ns,
            floor_uw=track.device.floor_uw,
            static_weights=static,
            dynamic_weights=weights,
            otherwise=self._otherwise,
        )

    def _rests(self, weights: Mapping[str, int], elapsed_ns: int) -> bool:
        """Whether nothing worked: hardly any CPU time, or no process on the card."""
        if self._is_gpu:
            return weights.keys() <= RESTING
        return rests(self._host.cpu.busy_since(self._mark), elapsed_ns, self._host.logical_cpus)

    def _loaded(self, elapsed_ns: int) -> bool:
        """Whether the device must have used energy: a board that is powered always does. Of
        evidence nobody knows: the cores of one idle socket may well stand still on a busy host."""
        if self._is_evidence or self._is_gpu:
            return self._is_gpu
        busy_ns = self._host.cpu.busy_since(self._mark)
        return busy_ns * NS_PER_S > LOADED_NS_PER_S * max(elapsed_ns, 0)

    def _book(self, parts: Parts, at_us: int) -> None:
        track, drafts = self.track, self._host.drafts
        if track.blind:
            drafts.gap(track.device, "blind", "outage", track.covered_us, at_us)
        start_us = track.baseline_us if track.forfeited else track.covered_us
        if track.stuck:
            parts = _after_gap(parts, track, at_us)
        self.count()
        drafts.book(track.device, parts, start_us, at_us, self._totals_uj)
        self._counted_uj = dict(self._cover.energy)
        track.covered_us = at_us

    def count(self) -> None:
        """Bring the totals up to what the page holds: not at every tick, few are looked at."""
        totals_uj, before = self._totals_uj, self._counted_uj
        for place, energy_uj in self._cover.energy.items():
            totals_uj[place] = totals_uj.get(place, 0) + energy_uj - before.get(place, 0)
        self._counted_uj = dict(self._cover.energy)

    def _gap(self, cause: Cause, at_us: int) -> None:
        track, totals_us = self.track, self._host.totals.gap_us
        if track.covered_us < at_us:
            gap_us = self._host.drafts.gap(track.device, "gap", cause, track.covered_us, at_us)
            place = (self._key, cause)
            totals_us[place] = totals_us.get(place, 0) + gap_us
        track.covered_us = at_us

    def forfeit(self, end_us: int) -> None:
        """Settle a device that is behind at the end of its page."""
        track = self.track
        if track.failing is None and track.up:
            track.covered_us = end_us  # its counter has not moved: nothing to lose
            return
        self._gap(track.failing or "read_failed", end_us)
        track.forfeited = True

    def _rebase(self, reading: Reading, at_us: int) -> None:
        track = self.track
        track.baseline, track.baseline_us = reading, at_us
        track.forfeited = track.stuck = track.blind = False
        track.fallen = None
        if not self._is_gpu:
            self._mark = self._host.cpu.mark()
            return
        board = self._host.boards.get(self._name)
        if board is not None:
            board.booked()


def _after_gap(parts: Parts, track: Track, at_us: int) -> Parts:
    """The part of energy since the baseline that lies after a gap which is told already: a counter
    that catches up shows in one second what it owed for many."""
    times = {"told": track.covered_us - track.baseline_us, "after": at_us - track.covered_us}
    return {
        part: {
            consumer: attribute(share_uj, times).get("after", 0)
            for consumer, share_uj in shares.items()
        }
        for part, shares in parts.items()
    }
