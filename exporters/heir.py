"""The ledger that follows one which cannot go on: what of the old one goes into it, and from where.

In: the host's last page that counts at the service, the pages kept here, the page being written.
Out: the pages of the new ledger, in order. Counters tell exactly what was used between two pages
whose edges both hold a reading, whoever used it (`@unattributed`); where they cannot, the time is a
gap, cause `spool_lost`. What lies before the last page that counts was told already, and is left
out; a page is taken over only from an edge on which a reading stands, because energy spread over
that edge belongs partly to the side that is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec

from exporters.drafts import DeviceKey, Draft, Drafts
from exporters.sampler import BOUNDARY_TOLERANCE_US
from exporters.sensors.sensor import Device
from footprint import codes
from footprint.attribution import attribute
from footprint.interval import QUARTER_HOUR_SECONDS, to_us
from footprint.ledger import CounterMark, Page, Parent, SensorState
from footprint.reading import Counter, Gap, consumed
from footprint.units import Energy

NEAR = timedelta(microseconds=BOUNDARY_TOLERANCE_US)


class Found(msgspec.Struct, frozen=True):
    """What the service says where ledger `of` cannot go on: the page that the new one names as its
    parent, and the host's newest page that counts (None: none does). `clock`: the agent's time is
    to be set, and no page is taken over."""

    of: str
    why: str
    parent: Parent | None
    last: Page | None
    last_hash: str = ""
    clock: bool = False


class Bridge(msgspec.Struct, frozen=True):
    """A page that tells of the time between two others; `boot_id` as of the earlier one."""

    draft: Draft
    boot_id: str


class Heir:
    """Chooses what goes into the new ledger. `devices`: those of this host, whose counters do not
    begin anew with the meter. `now_us`: no page is taken over that ends later; `writing`: the page
    that is being written, as it is now."""

    def __init__(
        self,
        last: Page | None,
        devices: Mapping[DeviceKey, Device],
        now_us: int,
        writing: Page | None = None,
        last_hash: str = "",
    ) -> None:
        self._last = last
        self._last_hash = last_hash
        self._devices = devices
        self._now_us = now_us
        self._writing = writing
        self.joined = last is None
        """Whether the page being written goes on; otherwise everything after the last page that
        counts is left to the counters."""

    def pages(self, kept: Iterable[Page]) -> Iterator[Page | Bridge]:
        """The new ledger's pages, from those kept here, oldest first."""
        before, self.joined = self._last, self._last is None
        for page in kept:
            if to_us(page.end) <= self._now_us and self._follows(page):
                yield from self._between(before, page)
                yield page
                before = page
        if self._writing is not None and self._follows(self._writing):
            yield from self._between(before, self._writing)

    def _follows(self, page: Page) -> bool:
        if not self.joined and self._last is not None:
            self.joined = self._meets(self._last, page)
        return self.joined

    def _meets(self, last: Page, page: Page) -> bool:
        """Whether nothing before the page's start is in it, and nothing of it in the last page."""
        if page.start < last.end:
            return False
        if page.boot_id != last.boot_id or page.previous_hash == self._last_hash:
            return True
        ends = {_key(state): at_end(last, state) for state in last.sensors}
        for state in page.sensors:
            start, end = at_start(page, state), ends.get(_key(state))
            if state.quality != "counter" or not (state.metered_uj or end):
                continue
            if start is None:
                return False
            if page.start == last.end and (end is None or start.value_uj != end.value_uj):
                return False
        return True

    def _between(self, before: Page | None, after: Page) -> Iterator[Bridge]:
        if before is None or before.end >= after.start:
            return
        start_us, end_us = to_us(before.end), to_us(after.start)
        drafts = Drafts(QUARTER_HOUR_SECONDS, start_us)
        drafts.reach(end_us)
        drafts.open[-1].end_us = end_us
        ends = {_key(state): at_end(before, state) for state in before.sensors}
        for state in after.sensors:
            device = self._devices.get(_key(state))
            start, end = ends.get(_key(state)), at_start(after, state)
            same_boot = before.boot_id == after.boot_id
            used: Energy | Gap = Gap("spool_lost")
            if device and start and end and same_boot:
                used = _used(device, start, end)
                if isinstance(used, Energy):
                    _book(drafts, _device(state), used.uj, start, end)
            if isinstance(used, Gap):
                drafts.gap(_device(state), "gap", "spool_lost", start_us, end_us)
        yield from (Bridge(draft, before.boot_id) for draft in drafts.open)


def at_end(page: Page, state: SensorState) -> CounterMark | None:
    """The counter at the page's end, where all energy before it, and none after, is in the page."""
    mark = state.last
    if mark is None or mark.at < page.end:
        return None
    straddles = state.first is None or state.first.at < page.start
    return mark if straddles or _agrees(state) else None


def known_end(trail: Sequence[Page]) -> Page:
    """The last of pages that follow each other, with the counters at its end as they all tell it:
    what was booked since a reading is what the counter moved until there."""
    told: dict[DeviceKey, SensorState] = {}
    for page in trail:
        now = {_key(state): state for state in page.sensors}
        silent = {key: state for key, state in told.items() if key not in now}
        told = {
            **{key: _with_end(page, state, state.last, 0) for key, state in silent.items()},
            **{key: _told(page, state, told.get(key)) for key, state in now.items()},
        }
    return msgspec.structs.replace(trail[-1], sensors=list(told.values()))


def _told(page: Page, state: SensorState, before: SensorState | None) -> SensorState:
    end = at_end(page, state)
    if end is not None:
        return msgspec.structs.replace(state, first=None, last=end)
    start = at_start(page, state) or (before.last if before else None)
    return _with_end(page, state, start, state.metered_uj)


def _with_end(
    page: Page, state: SensorState, start: CounterMark | None, used_uj: int
) -> SensorState:
    """The state with the counter at the page's end, from where it stood at its start."""
    gaps = [gap for gap in page.gaps if gap.kind == "gap" and gap.device == state.device]
    end = None
    if start is not None and start.at <= page.start + NEAR and not gaps:
        value_uj = start.value_uj + used_uj
        end = CounterMark(value_uj % state.range_uj if state.range_uj else value_uj, page.end)
    return msgspec.structs.replace(state, first=None, last=end)


def tells_end(page: Page) -> bool:
    """Whether a page needs no earlier one to tell its counters at its end."""
    counters = [state for state in page.sensors if state.quality == "counter"]
    silent = [state for state in counters if not at_end(page, state)]
    return bool(page.sensors) and not any(state.readings + state.metered_uj for state in silent)


def at_start(page: Page, state: SensorState) -> CounterMark | None:
    """The counter at the page's start, where no energy before it is in the page."""
    mark = state.first
    if mark is None or not page.start <= mark.at <= page.start + NEAR:
        return None
    straddles = state.last is None or state.last.at < page.end
    return mark if straddles or _agrees(state) else None


def _agrees(state: SensorState) -> bool:
    """Whether the page holds what its counter moved between the two readings."""
    assert state.first is not None  # noqa: S101 - asked by those who looked
    assert state.last is not None  # noqa: S101
    moved_uj = state.last.value_uj - state.first.value_uj
    if state.range_uj is not None:
        moved_uj %= state.range_uj
    return moved_uj == state.metered_uj


def counter(device: Device, mark: CounterMark, boot_id: str, at_ns: int) -> Counter:
    """A reading that a page tells of, as of `at_ns` on the boot's monotonic clock."""
    return Counter(mark.value_uj, at_ns, boot_id, device.range_uj, device.max_power_uw)


def _used(device: Device, start: CounterMark, end: CounterMark) -> Energy | Gap:
    before, after = (
        counter(device, mark, "of both", to_us(mark.at) * 1000) for mark in (start, end)
    )
    return consumed(before, after)


def _book(
    drafts: Drafts, device: Device, used_uj: int, first: CounterMark, last: CounterMark
) -> None:
    whose = codes.SYSTEM if device.evidence else codes.UNATTRIBUTED
    pieces = {f"{index:06d}": draft for index, draft in enumerate(drafts.open)}
    weights = {name: draft.end_us - draft.start_us for name, draft in pieces.items()}
    for name, energy_uj in attribute(used_uj, weights).items():
        cover = pieces[name].cover(device)
        cover.metered_uj = energy_uj
        cover.interpolated_uj = energy_uj if len(weights) > 1 else 0
        cover.energy = {f"{whose} undivided": energy_uj} if energy_uj else {}
    drafts.gap(device, "blind", "outage", drafts.open[0].start_us, drafts.end_us)
    drafts.open[0].cover(device).first = first
    drafts.open[-1].cover(device).last = last


def _key(state: SensorState) -> DeviceKey:
    return state.sensor, state.device


def _device(state: SensorState) -> Device:
    """The device as a page tells it."""
    return Device(
        sensor=state.sensor,
        device=state.device,
        component=state.component,
        covers=state.covers,
        quality=state.quality,
        evidence=state.evidence,
        range_uj=state.range_uj,
        rated_power_uw=state.rated_power_uw,
        floor_uw=state.floor_uw,
        floor_at=state.floor_at,
        parameters=state.parameters,
    )
