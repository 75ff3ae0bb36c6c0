"""SQL of figures: energies, cover, gaps, heads over an interval, as known at an instant.

Pages later than `as_of` are left out, so that a past figure can be had again (law 4). Sums of
microjoules are taken in joules and microjoules apart: SQLite's SUM fails beyond 2^63 (2.5 GWh).
"""

from collections import Counter
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Join,
    Select,
    Table,
    and_,
    exists,
    func,
    literal_column,
    select,
)
from sqlmodel import SQLModel

from footprint import codes
from footprint.interval import Interval, to_us
from footprint.ledger import Component, Quality
from footprint.service import tables
from footprint.service.store_among import among, one_of
from footprint.statement import LedgerHead

_HEAD = tables.table(tables.LedgerHead)
_PAGE = tables.table(tables.Page)
_USAGE = tables.table(tables.UsagePage)
_ENTRY = tables.table(tables.Entry)
_GAP = tables.table(tables.Gap)
_SENSOR = tables.table(tables.Sensor)
_DEVICE = tables.table(tables.Device)
_QUARANTINED: ColumnElement[str] = literal_column("'quarantined'")
"""Written out: SQLite finds an index of such rows for no parameter."""

DeviceKey = tuple[str, Component, str]
"""Host, component, device."""


class Window(msgspec.Struct, frozen=True):
    """Which rows count: pages that start in `interval`, known at `as_of_us`, of `hosts` (None: of
    every host). `rolled`: what was summed already may be read instead, because `as_of_us` is the
    present and the interval begins and ends with a day (Europe/Paris), or has not ended."""

    interval: Interval
    as_of_us: int
    hosts: tuple[str, ...] | None = None
    rolled: bool = False


class DeviceFact(msgspec.Struct, frozen=True):
    """A device that was ever covered: since when, and at what rated power."""

    first_us: int
    rated_power_uw: int | None


class GapFact(msgspec.Struct, frozen=True):
    """A stretch of a page in which something of a device is unknown; `paged` where that page has a
    sensor state of the device."""

    kind: Literal["gap", "blind"]
    device: DeviceKey
    from_us: int
    to_us: int
    cause: str
    paged: bool


def begins_in(window: Window, rows: Any) -> ColumnElement[bool]:
    """Rows of pages that start in the window, of its hosts."""
    return and_(
        of_hosts(rows, window.hosts),
        rows.c.start_us >= to_us(window.interval.start),
        rows.c.start_us < to_us(window.interval.end),
    )


def of_hosts(rows: Any, hosts: tuple[str, ...] | None) -> ColumnElement[bool]:
    """Rows of `hosts`; None: of every host."""
    if hosts is None:
        return among(rows.c.host_id, every_host())
    found: ColumnElement[bool] = rows.c.host_id.in_(hosts)
    return found


def every_host() -> Select[tuple[str]]:
    """The hosts that ever sent a page: with them rows of a time are found by the tables' keys."""
    return select(_HEAD.c.host_id).distinct()


def known(window: Window, rows: Table) -> Join:
    """The derived `rows` beside the page that they come from, where it was known."""
    return rows.join(
        _PAGE,
        and_(
            _PAGE.c.host_id == rows.c.host_id,
            _PAGE.c.ledger_id == rows.c.ledger_id,
            _PAGE.c.seq == rows.c.seq,
            _PAGE.c.known_from_us <= window.as_of_us,
        ),
    )


def hosts_of(connection: Connection, window: Window, consumers: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts on which one of `consumers` has energy."""
    query = (
        select(_ENTRY.c.host_id)
        .distinct()
        .select_from(known(window, _ENTRY))
        .where(begins_in(window, _ENTRY), one_of(_ENTRY.c.consumer, codes.in_phases(consumers)))
        .order_by(_ENTRY.c.host_id)
    )
    return tuple(connection.execute(query).scalars())


def devices(connection: Connection, window: Window) -> dict[DeviceKey, DeviceFact]:
    """Every device that was ever covered, whatever the interval."""
    query = select(_DEVICE).where(_DEVICE.c.known_from_us <= window.as_of_us)
    if window.hosts is not None:
        query = query.where(_DEVICE.c.host_id.in_(window.hosts))
    return {
        (row.host_id, row.component, row.device): DeviceFact(row.first_us, row.rated_power_uw)
        for row in connection.execute(query)
    }


def paged_us(connection: Connection, window: Window) -> dict[DeviceKey, int]:
    """Microseconds of pages that have a sensor state of a device."""
    keys = (_SENSOR.c.host_id, _SENSOR.c.component, _SENSOR.c.device)
    query = (
        select(*keys, func.sum(_SENSOR.c.end_us - _SENSOR.c.start_us).label("paged_us"))
        .select_from(known(window, _SENSOR))
        .where(begins_in(window, _SENSOR), _SENSOR.c.evidence.is_(False))
        .group_by(*keys)
    )
    return {
        (row.host_id, row.component, row.device): int(row.paged_us)
        for row in connection.execute(query)
    }


def qualities(connection: Connection, window: Window) -> list[tuple[str, Component, Quality]]:
    """Host, component and quality of what was read."""
    keys = (_SENSOR.c.host_id, _SENSOR.c.component, _SENSOR.c.quality)
    query = (
        select(*keys)
        .distinct()
        .select_from(known(window, _SENSOR))
        .where(begins_in(window, _SENSOR), _SENSOR.c.evidence.is_(False))
        .order_by(*keys)
    )
    return [(row.host_id, row.component, row.quality) for row in connection.execute(query)]


def gaps(connection: Connection, window: Window) -> list[GapFact]:
    """Gaps and blind stretches, in order."""
    return gaps_where(connection, known(window, _GAP), begins_in(window, _GAP))


def gaps_where(
    connection: Connection, source: FromClause, condition: ColumnElement[bool]
) -> list[GapFact]:
    """Those of `source`, which has the table of gaps in it, that meet a condition; in order."""
    states = exists().where(
        _SENSOR.c.host_id == _GAP.c.host_id,
        _SENSOR.c.start_us == _GAP.c.start_us,
        _SENSOR.c.ledger_id == _GAP.c.ledger_id,
        _SENSOR.c.seq == _GAP.c.seq,
        _SENSOR.c.component == _GAP.c.component,
        _SENSOR.c.device == _GAP.c.device,
        _SENSOR.c.evidence.is_(False),
    )
    query = (
        select(_GAP, states.label("paged"))
        .select_from(source)
        .where(condition)
        .order_by(_GAP.c.host_id, _GAP.c.component, _GAP.c.device, _GAP.c.from_us)
    )
    return [
        GapFact(
            row.kind,
            (row.host_id, row.component, row.device),
            row.from_us,
            row.to_us,
            row.cause,
            bool(row.paged),
        )
        for row in connection.execute(query)
    ]


def newest_end_us(connection: Connection, window: Window) -> dict[str, int]:
    """The end of the newest accepted page of each host, whatever the interval."""
    query = (
        select(_PAGE.c.host_id, func.max(_PAGE.c.end_us).label("end_us"))
        .where(_PAGE.c.state == "accepted", _PAGE.c.known_from_us <= window.as_of_us)
        .group_by(_PAGE.c.host_id)
    )
    return {row.host_id: row.end_us for row in connection.execute(query)}


def quarantined_pages(connection: Connection, window: Window) -> int:
    """Pages of energy and of usage kept but left out; one that does not say its time counts where
    it arrived. Usage pages of every gateway count, whatever the window's hosts: whose requests they
    hold is not known."""
    of = None if window.hosts is None else {USAGE_HOST, *window.hosts}
    counts = quarantined_by_host(connection, window)
    return sum(count for host_id, count in counts.items() if of is None or host_id in of)


USAGE_HOST = ""
"""Stands for every gateway where pages are counted by host."""


def quarantined_by_host(connection: Connection, window: Window) -> dict[str, int]:
    """As above, host by host; usage pages under no host's name."""
    start_us, end_us = to_us(window.interval.start), to_us(window.interval.end)
    counts: Counter[str] = Counter()
    for rows in (_PAGE, _USAGE):
        at_us = func.coalesce(rows.c.start_us, rows.c.known_from_us)
        query = select(rows.c.host_id).where(
            rows.c.state == _QUARANTINED,
            rows.c.known_from_us <= window.as_of_us,
            at_us >= start_us,
            at_us < end_us,
        )
        found = connection.execute(query).scalars()  # few: an index has these alone
        counts.update(host_id if rows is _PAGE else USAGE_HOST for host_id in found)
    return dict(counts)


def all_quarantined(connection: Connection) -> int:
    """Pages of energy and of usage kept but left out, of all time."""
    counts = (select(func.count()).where(rows.c.state == _QUARANTINED) for rows in (_PAGE, _USAGE))
    return sum(connection.execute(count).scalar_one() for count in counts)


def ledgers(connection: Connection, window: Window) -> list[LedgerHead]:
    """The last accepted page of each ledger that the interval's figures rest on: found from the
    heads, whatever the number of pages."""
    last = (
        select(_PAGE.c.seq)
        .where(
            _PAGE.c.host_id == _HEAD.c.host_id,
            _PAGE.c.ledger_id == _HEAD.c.ledger_id,
            _PAGE.c.start_us >= to_us(window.interval.start),
            _PAGE.c.start_us < to_us(window.interval.end),
            _PAGE.c.state == "accepted",
            _PAGE.c.known_from_us <= window.as_of_us,
        )
        .order_by(_PAGE.c.start_us.desc(), _PAGE.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    each = select(_HEAD.c.host_id, _HEAD.c.ledger_id, last.label("seq"))
    if window.hosts is not None:
        each = each.where(_HEAD.c.host_id.in_(window.hosts))
    return [LedgerHead(*row) for row in connection.execute(_with_hashes(each.subquery()))]


def _with_hashes(each: Any) -> Select[Any]:
    """Host, ledger, number and hash of the pages that `each` names, in order."""
    names = ("host_id", "ledger_id", "seq")
    same = and_(*(_PAGE.c[name] == each.c[name] for name in names))
    keys = (_PAGE.c.host_id, _PAGE.c.ledger_id)
    return select(*keys, _PAGE.c.seq, _PAGE.c.hash).join(each, same).order_by(*keys)


class NewestPage(msgspec.Struct, frozen=True):
    """The newest accepted page of a host."""

    host_id: str
    ledger_id: str
    seq: int
    start_us: int
    end_us: int


def newest_pages(connection: Connection, until_us: int) -> list[NewestPage]:
    """The newest accepted page of each host that ends by `until_us`."""
    hosts = every_host().subquery()
    last = (
        select(_PAGE.c.start_us)
        .where(
            _PAGE.c.host_id == hosts.c.host_id,
            _PAGE.c.state == "accepted",
            _PAGE.c.end_us <= until_us,
        )
        .order_by(_PAGE.c.start_us.desc())
        .limit(1)
        .scalar_subquery()
    )
    each = select(hosts.c.host_id, last.label("start_us")).subquery()
    same = and_(
        _PAGE.c.host_id == each.c.host_id,
        _PAGE.c.start_us == each.c.start_us,
        _PAGE.c.state == "accepted",
    )
    query = select(_PAGE).join(each, same)
    return [
        NewestPage(row.host_id, row.ledger_id, row.seq, row.start_us, row.end_us)
        for row in connection.execute(query.order_by(_PAGE.c.host_id))
    ]


def of_page(connection: Connection, model: type[SQLModel], page: NewestPage) -> Any:
    """The rows of a derived table that come from one page."""
    rows = tables.table(model)
    return connection.execute(
        select(rows)
        .where(
            rows.c.host_id == page.host_id,
            rows.c.start_us == page.start_us,
            rows.c.ledger_id == page.ledger_id,
            rows.c.seq == page.seq,
        )
        .order_by(rows.c.ordinal)
    ).all()


def gaps_of_page(connection: Connection, page: NewestPage) -> list[GapFact]:
    """Gaps and blind stretches of one page, in order."""
    return [
        GapFact(
            row.kind,
            (row.host_id, row.component, row.device),
            row.from_us,
            row.to_us,
            row.cause,
            paged=True,
        )
        for row in sorted(of_page(connection, tables.Gap, page), key=lambda row: row.from_us)
    ]


def devices_used(connection: Connection, window: Window) -> dict[str, set[DeviceKey]]:
    """The devices on which each consumer has energy."""
    query = (
        select(_ENTRY.c.consumer, _ENTRY.c.host_id, _ENTRY.c.component, _ENTRY.c.device)
        .distinct()
        .select_from(known(window, _ENTRY))
        .where(begins_in(window, _ENTRY))
    )
    found: dict[str, set[DeviceKey]] = {}
    for consumer, *key in connection.execute(query):
        found.setdefault(codes.sia_of(consumer), set()).add(tuple(key))
    return found


def has_consumer(connection: Connection, consumer: str) -> bool:
    """Whether a consumer is in any accepted page."""
    query = (
        select(_ENTRY.c.consumer).where(_ENTRY.c.consumer.in_(codes.in_phases([consumer]))).limit(1)
    )
    return connection.execute(query).first() is not None
