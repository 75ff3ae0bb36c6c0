"""Pages being written: entries, gaps and covers gathered until a quarter-hour is over.

In: shares and gaps of one device over an interval of microseconds. Out: `Page`s. Drafts follow each
other without a hole; an interval that lies over several is spread by elapsed time (through
`attribute()`), and what was spread is flagged `interpolated_uj`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

import msgspec

from exporters.sensors.sensor import Device
from footprint import METHOD_VERSION, __version__
from footprint.attribution import Part, Parts, attribute
from footprint.interval import QUARTER_HOUR_SECONDS, boundary_after, from_us, to_us
from footprint.ledger import (
    FORMAT,
    CounterMark,
    Entry,
    GapRecord,
    NodeFact,
    Page,
    Parent,
    Quality,
    SensorState,
    Versions,
)
from footprint.reading import Cause

DeviceKey = tuple[str, str]
"""(sensor, device)."""

MAX_NODES = 1000
"""Node facts that a page may hold; a meter that comes and goes more often is not told."""


Energies = dict[str, int]
"""Microjoules by consumer and part, such as `chat dynamic`."""


_PLACES: Mapping[Part, dict[str, str]] = {part: {} for part in get_args(Part)}
"""The key in `Energies` of each part and consumer, made once: a tick asks for dozens."""


def place_of(consumer: str, part: Part) -> str:
    """The key in `Energies`."""
    return f"{consumer} {part}"


@dataclass(slots=True)
class Cover:
    """What a draft holds of one device. Written at every tick, and so a dataclass: setting its
    fields takes a tenth of the time of a struct's."""

    device: Device
    metered_uj: int = 0
    interpolated_uj: int = 0
    readings: int = 0
    failures: int = 0
    last_error: str = ""
    first: CounterMark | None = None
    last: CounterMark | None = None
    energy: Energies = field(default_factory=dict)
    gaps: list[list[int | str]] = field(default_factory=list)
    """[kind, cause, start_us, end_us], adjoining ones merged."""

    def add(self, energy_uj: int, parts: Parts) -> None:
        """Energy over an interval of this page and its shares."""
        energy = self.energy
        for part, shares in parts.items():
            places = _PLACES[part]
            for consumer, share_uj in shares.items():
                try:
                    energy[places[consumer]] += share_uj
                except KeyError:
                    place = places[consumer] = place_of(consumer, part)
                    energy[place] = energy.get(place, 0) + share_uj
        self.metered_uj += energy_uj


class NodeRun(msgspec.Struct):
    """Energy of the whole host by a node meter over [start_us, end_us), without a hole in it."""

    meter: str
    start_us: int
    end_us: int
    energy_uj: int
    quality: Quality


class Draft(msgspec.Struct):
    """One page before it is sealed: [start_us, end_us), its covers by `sensor device`, and what
    node meters counted, each over its own time."""

    start_us: int
    end_us: int
    covers: dict[str, Cover] = {}
    nodes: list[NodeRun] = []

    def cover(self, device: Device) -> Cover:
        """The device's cover in this page, begun when first asked for."""
        key = f"{device.sensor} {device.device}"
        cover = self.covers.get(key)
        if cover is None:
            cover = self.covers[key] = Cover(device)
        return cover

    def tell(self, device: Device) -> None:
        """What is known of a device has changed; nothing where the page holds none of it yet."""
        cover = self.covers.get(f"{device.sensor} {device.device}")
        if cover is not None:
            cover.device = device


class Chain(msgspec.Struct, frozen=True):
    """Where the next page goes."""

    host_id: str
    ledger_id: str
    boot_id: str
    seq: int
    previous_hash: str
    clock_offset_us: int = 0
    host: dict[str, str] = {}
    parent: Parent | None = None


class Drafts:
    """The open pages, oldest first; `end_us` is where the next one will begin."""

    def __init__(self, page_seconds: int, start_us: int, open_drafts: Iterable[Draft] = ()) -> None:
        self.page_seconds = page_seconds
        self.open = list(open_drafts)
        self.start_us = self.open[0].start_us if self.open else start_us

    @property
    def end_us(self) -> int:
        """End of the newest draft."""
        return self.open[-1].end_us if self.open else self.start_us

    def reach(self, until_us: int) -> None:
        """Open drafts until `until_us` is inside or at the end of one."""
        while self.end_us < until_us:
            start_us = self.end_us
            self.open.append(Draft(start_us, self._end_after(start_us, until_us)))

    def _end_after(self, start_us: int, until_us: int) -> int:
        """The end of a page from `start_us`: whole quarter-hours for the time of an outage."""
        start = from_us(start_us)
        quarter_us = to_us(boundary_after(start, QUARTER_HOUR_SECONDS))
        if quarter_us <= until_us:
            return quarter_us
        return to_us(boundary_after(start, self.page_seconds))

    def book(
        self, device: Device, parts: Parts, start_us: int, end_us: int, totals: Energies
    ) -> None:
        """Add shares of energy over [start_us, end_us); `totals` grow by what was booked.

        What lies before the oldest open draft was declared a gap when its page was sealed, and is
        left out.
        """
        self.reach(end_us)
        pieces = {
            f"{index:06d}": (draft, microseconds)
            for index, draft in enumerate(self.open)
            if (microseconds := _overlap_us(draft, start_us, end_us)) > 0
        }
        weights = {name: microseconds for name, (_, microseconds) in pieces.items()}
        before_us = min(self.start_us, end_us) - start_us
        if before_us > 0:
            weights["declared"] = before_us
        if not weights:
            raise ValueError(f"drafts: energy over no time, at {from_us(start_us)}")
        for part, shares in parts.items():
            for consumer, share_uj in shares.items():
                split = attribute(share_uj, weights)
                split.pop("declared", None)
                for name, energy_uj in split.items():
                    cover = pieces[name][0].cover(device)
                    if energy_uj:
                        cover.add(energy_uj, {part: {consumer: energy_uj}})
                        place = place_of(consumer, part)
                        totals[place] = totals.get(place, 0) + energy_uj
                    cover.interpolated_uj += energy_uj if len(weights) > 1 else 0

    def gap(self, device: Device, kind: str, cause: Cause, start_us: int, end_us: int) -> int:
        """Record that something of a device is unknown over an interval; returns its duration in
        the open drafts, in microseconds."""
        self.reach(end_us)
        total_us = 0
        for draft in self.open:
            duration_us = _overlap_us(draft, start_us, end_us)
            if duration_us > 0:
                total_us += duration_us
                first_us = max(start_us, draft.start_us)
                _add_gap(draft.cover(device).gaps, kind, cause, first_us, first_us + duration_us)
        return total_us

    def node(self, run: NodeRun) -> None:
        """Add a node meter's energy to the page in which it ends, or to the nearest open one: a
        node fact has its own time, and may come late."""
        self.reach(run.end_us)
        if not self.open:
            return  # ended before the pages begin
        draft = next((one for one in self.open if run.end_us <= one.end_us), self.open[-1])
        last = next((one for one in reversed(draft.nodes) if one.meter == run.meter), None)
        if last and (last.end_us, last.quality) == (run.start_us, run.quality):
            last.end_us = run.end_us
            last.energy_uj += run.energy_uj
        elif len(draft.nodes) < MAX_NODES:
            draft.nodes.append(run)

    def oldest(self) -> Draft | None:
        """The draft to be sealed next."""
        return self.open[0] if self.open else None

    def pop(self) -> Draft:
        """Take the oldest draft out; what comes later for its time is left out."""
        draft = self.open.pop(0)
        self.start_us = draft.end_us
        return draft


def _overlap_us(draft: Draft, start_us: int, end_us: int) -> int:
    return min(draft.end_us, end_us) - max(draft.start_us, start_us)


def _add_gap(
    gaps: list[list[int | str]], kind: str, cause: Cause, start_us: int, end_us: int
) -> None:
    if gaps and gaps[-1][:2] == [kind, cause] and gaps[-1][3] == start_us:
        gaps[-1][3] = end_us
    else:
        gaps.append([kind, cause, start_us, end_us])


def seal(draft: Draft, chain: Chain) -> Page:
    """The draft as the next page of its ledger."""
    covers = [draft.covers[key] for key in sorted(draft.covers)]
    return Page(
        format=FORMAT,
        host_id=chain.host_id,
        ledger_id=chain.ledger_id,
        seq=chain.seq,
        previous_hash=chain.previous_hash,
        parent=chain.parent,
        boot_id=chain.boot_id,
        start=from_us(draft.start_us),
        end=from_us(draft.end_us),
        clock_offset_us=chain.clock_offset_us,
        host=chain.host,
        versions=Versions(agent=__version__, method=METHOD_VERSION),
        sensors=[_state(cover, draft) for cover in covers],
        entries=[entry for cover in covers for entry in _entries(cover)],
        gaps=[gap for cover in covers for gap in _gaps(cover)],
        nodes=[_node(run, chain.host_id) for run in draft.nodes],
    )


def _node(run: NodeRun, host_id: str) -> NodeFact:
    return NodeFact(
        meter=run.meter,
        host_ids=[host_id],
        start=from_us(run.start_us),
        end=from_us(run.end_us),
        energy_uj=run.energy_uj,
        quality=run.quality,
    )


def _entries(cover: Cover) -> Iterable[Entry]:
    device = cover.device
    if device.component is None:
        return
    for key in sorted(cover.energy):
        consumer, part = key.split(" ")
        yield Entry(
            component=device.component,
            device=device.device,
            consumer=consumer,
            part=_part(part),
            energy_uj=cover.energy[key],
            quality=device.quality,
        )


def _part(text: str) -> Part:
    return msgspec.convert(text, Part)  # type: ignore[no-any-return]


def _gaps(cover: Cover) -> Iterable[GapRecord]:
    if cover.device.component is None:
        return
    for kind, cause, start_us, end_us in cover.gaps:
        yield msgspec.convert(
            {
                "kind": kind,
                "component": cover.device.component,
                "device": cover.device.device,
                "start": from_us(int(start_us)),
                "end": from_us(int(end_us)),
                "cause": cause,
            },
            GapRecord,
        )


def _state(cover: Cover, draft: Draft) -> SensorState:
    device = cover.device
    gap_us = sum(int(gap[3]) - int(gap[2]) for gap in cover.gaps if gap[0] == "gap")
    whole = gap_us >= draft.end_us - draft.start_us
    return SensorState(
        sensor=device.sensor,
        device=device.device,
        component=device.component,
        covers=device.covers,
        evidence=device.evidence,
        quality=device.quality,
        status="failed" if whole else "degraded" if cover.gaps or cover.failures else "ok",
        metered_uj=cover.metered_uj,
        interpolated_uj=cover.interpolated_uj,
        readings=cover.readings,
        failures=cover.failures,
        last_error=cover.last_error[:200],
        first=cover.first,
        last=cover.last,
        range_uj=device.range_uj,
        rated_power_uw=device.rated_power_uw,
        floor_uw=device.floor_uw,
        floor_at=device.floor_at,
        parameters=device.parameters,
    )
