"""SQL of usage: what gateways told of shared servers, as known at an instant over an interval.

Of the accepted pages of one gateway (`host_id`) with the same interval the one known last holds, so
that usage that came late restates and a past figure can be had again (law 4). Pages of several
gateways about one server stand beside each other: they add up. Whose servers and consumers are
registered is not asked here: everything that was told comes out.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, FromClause, Subquery, and_, func, select

from footprint import usage
from footprint.interval import from_us, to_us
from footprint.service import tables
from footprint.service.store_chains import Chains, Content, Dated, keyed
from footprint.service.store_facts import Window

_PAGE = tables.table(tables.UsagePage)
_COVER = tables.table(tables.UsageCover)
_LINE = tables.table(tables.UsageLine)
_GAP = tables.table(tables.UsageGap)
_FIELDS = tuple(field.name for field in msgspec.structs.fields(usage.Line))
_KEY = ("host_id", "start_us", "ledger_id", "seq")


class Told(NamedTuple):
    """An interval that a gateway told, lines in it or none: where it told nothing there is none."""

    host_id: str
    origin: usage.Origin
    start: datetime
    end: datetime


class ToldLine(NamedTuple):
    """A line of usage, or a server's total, with the interval that it is of."""

    host_id: str
    origin: usage.Origin
    start: datetime
    end: datetime
    line: usage.Line


class ToldGap(NamedTuple):
    """Time in which a gateway's counts may be missing, with the interval that tells so."""

    host_id: str
    origin: usage.Origin
    start: datetime
    end: datetime
    gap: usage.Gap


def told(connection: Connection, window: Window) -> list[Told]:
    """The intervals that begin in the window, by gateway and time.

    `window.hosts` are hosts that meter energy: for usage they say nothing and are not looked at.
    """
    held = _held(window)
    query = select(*_of(held)).order_by(held.c.host_id, held.c.start_us)
    return [Told(*_told(row)) for row in connection.execute(query)]


def lines(
    connection: Connection, window: Window, servers: Sequence[str] | None = None
) -> list[ToldLine]:
    """What consumers used in the intervals of `told`, in the order of the pages; of `servers`
    alone, or of all."""
    return list(_lines(connection, window, total=False, servers=servers))


def totals(
    connection: Connection, window: Window, servers: Sequence[str] | None = None
) -> list[ToldLine]:
    """What servers themselves counted in the intervals of `told`; their consumer is
    `@unattributed`. Of `servers` alone, or of all."""
    return list(_lines(connection, window, total=True, servers=servers))


def servers_told(connection: Connection, window: Window) -> list[str]:
    """The codes under which anything was asked, in the intervals of `told`."""
    held = _held(window)
    query = select(_LINE.c.server).distinct().join(held, _same(held, _LINE))
    return sorted(connection.execute(query).scalars())


def gateways(connection: Connection, window: Window, servers: Sequence[str]) -> set[str]:
    """The gateways that told anything of `servers`, in the intervals of `told`."""
    held = _held(window)
    query = select(_LINE.c.host_id).distinct().join(held, _same(held, _LINE))
    return set(connection.execute(query.where(_LINE.c.server.in_(servers))).scalars())


def _lines(
    connection: Connection,
    window: Window,
    *,
    total: bool,
    servers: Sequence[str] | None = None,
) -> Iterator[ToldLine]:
    held = _held(window)
    of = () if servers is None else (_LINE.c.server.in_(servers),)
    query = (
        select(*_of(held), *(_LINE.c[name] for name in _FIELDS))
        .join(_LINE, _same(held, _LINE))
        .where(_LINE.c.total.is_(total), *of)
        .order_by(held.c.host_id, held.c.start_us, _LINE.c.ordinal)
    )
    told: dict[tuple[Any, ...], tuple[str, usage.Origin, datetime, datetime]] = {}
    for row in connection.execute(query):  # of a month there may be a hundred thousand
        values = tuple(row)
        page = told.get(values[:4]) or told.setdefault(values[:4], _told(row))
        told_line = dict(zip(_FIELDS, values[4:], strict=True))
        if told_line["estimated_ug"] is None:
            told_line["estimated_ug"] = msgspec.UNSET
        yield ToldLine(*page, usage.Line(**told_line))


def gaps(connection: Connection, window: Window) -> list[ToldGap]:
    """Time in which counts may be missing, in the intervals of `told`."""
    held = _held(window)
    query = (
        select(*_of(held), _GAP.c.from_us, _GAP.c.to_us, _GAP.c.cause)
        .join(_GAP, _same(held, _GAP))
        .order_by(held.c.host_id, held.c.start_us, _GAP.c.ordinal)
    )
    return [
        ToldGap(
            *_told(row),
            usage.Gap(start=from_us(row.from_us), end=from_us(row.to_us), cause=row.cause),
        )
        for row in connection.execute(query)
    ]


def _held(window: Window) -> Subquery:
    """The pages that hold: of each gateway and interval the one known last by the instant asked."""
    interval = (_PAGE.c.host_id, _PAGE.c.start_us, _PAGE.c.end_us)
    accepted = and_(
        _PAGE.c.state == "accepted",
        _PAGE.c.start_us >= to_us(window.interval.start),
        _PAGE.c.start_us < to_us(window.interval.end),
        _PAGE.c.known_from_us <= window.as_of_us,
    )
    newest = (
        select(*interval, func.max(_PAGE.c.known_from_us).label("known_from_us"))
        .where(accepted)
        .group_by(*interval)
        .subquery()
    )
    page = _PAGE.join(
        newest,
        and_(*(_PAGE.c[name] == newest.c[name] for name in newest.c.keys())),  # noqa: SIM118
    )
    return (
        select(*(_PAGE.c[name] for name in _KEY), _COVER.c.end_us, _COVER.c.origin)
        .select_from(page.join(_COVER, _same(_PAGE, _COVER)))
        .where(_PAGE.c.state == "accepted")
        .subquery()
    )


def _same(page: FromClause, content: FromClause) -> ColumnElement[bool]:
    return and_(*(page.c[name] == content.c[name] for name in _KEY))


def _of(held: Subquery) -> list[Any]:
    return [held.c.host_id, held.c.origin, held.c.start_us, held.c.end_us]


def _told(row: Any) -> tuple[str, usage.Origin, datetime, datetime]:
    return row.host_id, row.origin, from_us(row.start_us), from_us(row.end_us)


_Of = Dated[usage.UsagePage]


def cover_rows(of: _Of) -> list[Content]:
    """The page's interval and origin as its one row."""
    return keyed(of, [(of.end_us, of.page.origin)])


def line_rows(of: _Of) -> list[Content]:
    """The page's lines as rows, and its totals after them."""
    lines, totals = of.page.lines, of.page.totals
    every = [(line, False) for line in lines] + [(line, True) for line in totals]
    return keyed(of, [(total, *_values(line)) for line, total in every])


def _values(line: usage.Line) -> tuple[Any, ...]:
    """What is left out of a page is NULL in its row."""
    return tuple(
        None if value is msgspec.UNSET else value for value in msgspec.structs.astuple(line)
    )


def gap_rows(of: _Of) -> list[Content]:
    """The page's gaps as rows."""
    return keyed(of, [(to_us(gap.start), to_us(gap.end), gap.cause) for gap in of.page.gaps])


CHAINS = Chains(
    tables.UsageHead,
    tables.UsagePage,
    (
        (tables.UsageCover, cover_rows),
        (tables.UsageLine, line_rows),
        (tables.UsageGap, gap_rows),
    ),
)
"""The ledgers of usage."""
