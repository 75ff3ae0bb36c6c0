"""SQL of figures from rollups: what `store_facts` sums from pages, read where it is summed already.

In: a `rolled` window. Out: the same types, in the same order. The time of a page counts for the day
(Europe/Paris) in which it begins. How long a device is expected depends on the present, so it is
asked of the devices, in one query.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from footprint import codes
from footprint.interval import to_us
from footprint.ledger import Component, Quality
from footprint.service import profiles, tables, tables_rollups
from footprint.service.store_among import one_of
from footprint.service.store_facts import Window, of_hosts
from footprint.service.store_spent import Spent
from footprint.statement import GapTotal

_HEAD = tables.table(tables.LedgerHead)
_DEVICE = tables.table(tables.Device)
_COVER = tables.table(tables_rollups.HostDayCover)
_GAP = tables.table(tables_rollups.HostDayGap)
_USE = tables.table(tables_rollups.HostDayUse)
_DAY = tables.table(tables_rollups.DayTotal)
_DAY_COVER = tables.table(tables_rollups.DayCover)
_DAY_GAP = tables.table(tables_rollups.DayGap)
_UJ_PER_J = 1_000_000
_RATED_UW: Any = func.coalesce(_DEVICE.c.rated_power_uw, 0).label("rated_uw")

Group = tuple[Component, int]
"""Component and rated power in microwatts (0: unknown) of devices that count alike."""


class Times(msgspec.Struct):
    """Microseconds of a group's devices, and how many of them are expected at all."""

    devices: int = 0
    expected_us: int = 0
    paged_us: int = 0
    lost_us: int = 0
    told_us: int = 0


def energies(
    connection: Connection, window: Window, consumers: tuple[str, ...] | None = None
) -> list[Spent]:
    """Energies of `consumers` (None: all) by consumer, component, part, quality and site: each the
    sum of the window's days."""
    keys = (_DAY.c.consumer, _DAY.c.component, _DAY.c.part, _DAY.c.quality, _DAY.c.site)
    query = (
        select(*keys, func.sum(_DAY.c.energy_j), func.sum(_DAY.c.rest_uj))
        .where(*_days(window, _DAY))
        .group_by(*keys)
    )
    if consumers is not None:
        query = query.where(one_of(_DAY.c.consumer, codes.in_phases(consumers)))
    return [
        Spent(row[:4], row.site, int(row[5]) * _UJ_PER_J + int(row[6]))
        for row in connection.execute(query)
    ]


def profiles_of(
    connection: Connection, window: Window, consumers: tuple[str, ...] | None = None
) -> Iterator[Spent]:
    """The same, day by day, each by quarter-hour."""
    query = select(_DAY).where(*_days(window, _DAY))
    if consumers is not None:
        query = query.where(one_of(_DAY.c.consumer, codes.in_phases(consumers)))
    for row in connection.execute(query):
        key = (row.consumer, row.component, row.part, row.quality)
        energy_uj = row.energy_j * _UJ_PER_J + row.rest_uj
        yield Spent(key, row.site, energy_uj, row.day_us, profiles.unpack(row.profile))


def hosts_of(connection: Connection, window: Window, consumers: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts on which one of `consumers` has energy."""
    query = (
        select(_USE.c.host_id)
        .distinct()
        .where(*_of_hosts(window, _USE), one_of(_USE.c.consumer, codes.in_phases(consumers)))
        .order_by(_USE.c.host_id)
    )
    return tuple(connection.execute(query).scalars())


def qualities(connection: Connection, window: Window) -> list[tuple[str, Component, Quality]]:
    """Host, component and quality of what was read."""
    keys = (_COVER.c.host_id, _COVER.c.component, _COVER.c.quality)
    query = (
        select(*keys)
        .distinct()
        .where(*_of_hosts(window, _COVER), _COVER.c.quality != "")
        .order_by(*keys)
    )
    return [(row.host_id, row.component, row.quality) for row in connection.execute(query)]


def times(connection: Connection, window: Window, due_us: int, most_us: int) -> dict[Group, Times]:
    """How long devices are covered and expected: until `due_us`, or the end of their host's newest
    page, which counts up to `most_us`."""
    found: dict[Group, Times] = defaultdict(Times)
    start_us, end_us = to_us(window.interval.start), to_us(window.interval.end)
    until_us = max(start_us, min(due_us, end_us))
    queries = []
    if start_us < until_us:
        queries.append(_expected(window, start_us, until_us))
    if until_us < end_us:
        queries.append(_beyond(window, start_us, until_us, min(most_us, end_us)))
    for query in queries:
        for component, rated_uw, devices, expected_us in connection.execute(query):
            one = found[component, rated_uw]
            one.devices += int(devices)
            one.expected_us += int(expected_us)
    for component, rated_uw, *sums in connection.execute(_covered(window)):
        one = found[component, rated_uw]
        one.paged_us, one.lost_us, one.told_us = map(int, sums)
    return found


def begun(connection: Connection, window: Window) -> list[tuple[Group, int, int]]:
    """Of devices that began before the window's end: group, when (the window's start where it was
    before), how many."""
    begins_us = _greatest(_DEVICE.c.first_us, to_us(window.interval.start)).label("begins_us")
    query = (
        select(_DEVICE.c.component, _RATED_UW, begins_us, func.count())
        .where(_DEVICE.c.first_us < to_us(window.interval.end), *_on_hosts(window))
        .group_by(_DEVICE.c.component, _RATED_UW, begins_us)
    )
    return [
        ((component, rated_uw), int(first_us), int(devices))
        for component, rated_uw, first_us, devices in connection.execute(query)
    ]


def covered_by_day(connection: Connection, window: Window) -> dict[int, dict[Group, int]]:
    """Microseconds that a group's devices are covered, by the start of each day."""
    found: dict[int, dict[Group, int]] = defaultdict(dict)
    for component, rated_uw, paged_us, lost_us, _, day_us in connection.execute(
        _covered(window, by_day=True)
    ):
        found[day_us][component, rated_uw] = int(paged_us) - int(lost_us)
    return found


def _expected(window: Window, start_us: int, until_us: int) -> Any:
    """Devices that began before `until_us`, and the time from then or `start_us` on."""
    begins_us = _greatest(_DEVICE.c.first_us, start_us)
    return (
        select(_DEVICE.c.component, _RATED_UW, func.count(), func.sum(until_us - begins_us))
        .where(_DEVICE.c.first_us < until_us, *_on_hosts(window))
        .group_by(_DEVICE.c.component, _RATED_UW)
    )


def _beyond(window: Window, start_us: int, until_us: int, most_us: int) -> Any:
    """What comes on top: devices whose host has told of time after `until_us`, of which up to
    `most_us` counts. They are few: hosts whose pages are shorter, or whose clock is ahead."""
    newest = (
        select(_HEAD.c.host_id, func.max(_HEAD.c.end_us).label("end_us"))
        .where(_HEAD.c.end_us > until_us)
        .group_by(_HEAD.c.host_id)
        .subquery()
    )
    said_us = _greatest(_least(newest.c.end_us, most_us), until_us)
    begins_us = _greatest(_DEVICE.c.first_us, start_us)
    is_new = case((begins_us < until_us, 0), else_=1)
    more_us = said_us - _greatest(begins_us, until_us)
    return (
        select(_DEVICE.c.component, _RATED_UW, func.sum(is_new), func.sum(more_us))
        .select_from(_DEVICE.join(newest, newest.c.host_id == _DEVICE.c.host_id))
        .where(_DEVICE.c.first_us < said_us, said_us > until_us, *_on_hosts(window))
        .group_by(_DEVICE.c.component, _RATED_UW)
    )


def _on_hosts(window: Window) -> list[ColumnElement[bool]]:
    return [] if window.hosts is None else [_DEVICE.c.host_id.in_(window.hosts)]


def _covered(window: Window, *, by_day: bool = False) -> Any:
    if window.hosts is None:
        rows: Any = _DAY_COVER
        rated_uw: Any = _DAY_COVER.c.rated_power_uw
        condition = _days(window, _DAY_COVER)
    else:
        names = ("host_id", "component", "device")
        rows = _COVER.join(_DEVICE, and_(*(_DEVICE.c[name] == _COVER.c[name] for name in names)))
        rated_uw = _RATED_UW
        condition = _of_hosts(window, _COVER)
    own = _DAY_COVER if window.hosts is None else _COVER
    sums = (func.sum(own.c[name]) for name in ("paged_us", "lost_us", "told_us"))
    day = (own.c.day_us,) if by_day else ()
    return (
        select(own.c.component, rated_uw, *sums, *day)
        .select_from(rows)
        .where(*condition)
        .group_by(own.c.component, rated_uw, *day)
    )


def gaps(connection: Connection, window: Window) -> list[GapTotal]:
    """Unknown time by kind, component and cause."""
    own = _DAY_GAP if window.hosts is None else _GAP
    condition = _days(window, own) if window.hosts is None else _of_hosts(window, own)
    keys = (own.c.kind, own.c.component, own.c.cause)
    query = (
        select(*keys, func.sum(own.c.duration_us)).where(*condition).group_by(*keys).order_by(*keys)
    )
    return [
        GapTotal(kind, component, cause, int(sum_us))
        for kind, component, cause, sum_us in connection.execute(query)
    ]


def components_uj(connection: Connection, window: Window, hosts: Iterable[str]) -> dict[str, int]:
    """Energy of all component devices of each of `hosts`."""
    query = (
        select(
            _COVER.c.host_id,
            func.sum(_COVER.c.metered_uj // _UJ_PER_J),
            func.sum(_COVER.c.metered_uj % _UJ_PER_J),
        )
        .where(_COVER.c.host_id.in_(tuple(hosts)), *_days(window, _COVER))
        .group_by(_COVER.c.host_id)
    )
    return {
        host_id: int(joules) * _UJ_PER_J + int(rest_uj)
        for host_id, joules, rest_uj in connection.execute(query)
    }


def covered_us(connection: Connection, window: Window, hosts: Iterable[str]) -> dict[str, int]:
    """How long each of `hosts` is covered: by that of its devices that is covered longest."""
    keys = (_COVER.c.host_id, _COVER.c.component, _COVER.c.device)
    each = (
        select(*keys, func.sum(_COVER.c.paged_us - _COVER.c.lost_us).label("covered_us"))
        .where(_COVER.c.host_id.in_(tuple(hosts)), *_days(window, _COVER))
        .group_by(*keys)
        .subquery()
    )
    query = select(each.c.host_id, func.max(each.c.covered_us)).group_by(each.c.host_id)
    return {host_id: int(longest_us) for host_id, longest_us in connection.execute(query)}


def has_consumer(connection: Connection, consumer: str) -> bool:
    """Whether a consumer is in any accepted page."""
    query = select(_DAY.c.consumer).where(_DAY.c.consumer.in_(codes.in_phases([consumer]))).limit(1)
    return connection.execute(query).first() is not None


def _days(window: Window, rows: Any) -> list[ColumnElement[bool]]:
    return [
        rows.c.day_us >= to_us(window.interval.start),
        rows.c.day_us < to_us(window.interval.end),
    ]


def _of_hosts(window: Window, rows: Any) -> list[ColumnElement[bool]]:
    return [of_hosts(rows, window.hosts), *_days(window, rows)]


def _least(one: Any, other: Any) -> Any:
    return case((one < other, one), else_=other)


def _greatest(one: Any, other: Any) -> Any:
    return case((one > other, one), else_=other)
