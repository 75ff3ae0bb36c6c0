"""SQL of shared servers: their energy by quarter-hour, and the entries that it comes from.

Pages later than `as_of` are left out, as everywhere; sums are taken as in `store_facts`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, literal, select

from footprint.attribution import Part
from footprint.codes import in_phases, sia_of
from footprint.interval import QUARTER_HOUR_SECONDS, from_us, to_us
from footprint.ledger import Component, Quality
from footprint.service import store_facts, store_places, tables, tables_rollups
from footprint.service.register import Site
from footprint.service.store_facts import Window
from footprint.service.store_places import Places
from footprint.shared import Spending
from footprint.statement import LedgerHead

_ENTRY = tables.table(tables.Entry)
_QUARTER = tables.table(tables_rollups.QuarterTotal)
_QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000
_PAGE = tables.table(tables.UsagePage)
_UJ_PER_J = 1_000_000


def spending(
    connection: Connection,
    window: Window,
    codes: Iterable[str],
    sites: Iterable[Site],
    *,
    boards: bool,
) -> dict[str, list[Spending]]:
    """Energy of each server of `codes` by quarter-hour, component, part, quality and site; by
    device too where `boards`, else of all devices together, named ""."""
    if window.rolled and not boards:
        return _rolled(connection, window, codes)
    return _stored(connection, window, codes, store_places.Places(sites), boards=boards)


def _stored(
    connection: Connection,
    window: Window,
    codes: Iterable[str],
    places: Places,
    *,
    boards: bool,
) -> dict[str, list[Spending]]:
    """What pages have: by host first, which says the site."""
    quarter_us = (_ENTRY.c.start_us - _ENTRY.c.start_us % _QUARTER_US).label("quarter_us")
    device = _ENTRY.c.device if boards else literal("").label("device")
    keys = (
        _ENTRY.c.consumer,
        quarter_us,
        _ENTRY.c.component,
        device,
        _ENTRY.c.part,
        _ENTRY.c.quality,
    )
    query = (
        select(
            *keys,
            _ENTRY.c.host_id,
            func.sum(_ENTRY.c.energy_uj // _UJ_PER_J),
            func.sum(_ENTRY.c.energy_uj % _UJ_PER_J),
        )
        .select_from(store_facts.known(window, _ENTRY))
        .where(store_facts.begins_in(window, _ENTRY), _ENTRY.c.consumer.in_(in_phases(codes)))
        .group_by(*keys, _ENTRY.c.host_id)
    )
    sums_uj: Counter[tuple[str, int, tuple[Any, Any, Any, Any], str]] = Counter()
    for code, start_us, *rest, host_id, joules, rest_uj in connection.execute(query):
        kind = (rest[0], rest[1], rest[2], rest[3])
        site = places.of(host_id, start_us)
        sums_uj[sia_of(code), start_us, kind, site] += int(joules) * _UJ_PER_J + int(rest_uj)
    return _by_code(sums_uj)


def _rolled(
    connection: Connection, window: Window, codes: Iterable[str]
) -> dict[str, list[Spending]]:
    query = (
        select(_QUARTER)
        .where(
            _QUARTER.c.quarter_us >= to_us(window.interval.start),
            _QUARTER.c.quarter_us < to_us(window.interval.end),
            _QUARTER.c.consumer.in_(in_phases(codes)),
        )
        .order_by(*_QUARTER.primary_key.columns)
    )
    sums_uj: Counter[tuple[str, int, tuple[Any, Any, Any, Any], str]] = Counter()
    for row in connection.execute(query):
        kind = (row.component, "", row.part, row.quality)
        key = (sia_of(row.consumer), row.quarter_us, kind, row.site)
        sums_uj[key] += row.energy_j * _UJ_PER_J + row.rest_uj
    return _by_code(sums_uj)


def _by_code(
    sums_uj: Mapping[tuple[str, int, tuple[Any, Any, Any, Any], str], int],
) -> dict[str, list[Spending]]:
    """In the order of time; whatever phase a rule has named, a server is divided whole."""
    found: dict[str, list[Spending]] = defaultdict(list)
    for (code, start_us, kind, site), sum_uj in sorted(sums_uj.items()):
        found[code].append(Spending(from_us(start_us), *kind, sum_uj, site))
    return found


class Stored(NamedTuple):
    """An entry as a page has it."""

    host_id: str
    start: datetime
    ledger_id: str
    seq: int
    component: Component
    device: str
    part: Part
    quality: Quality
    energy_uj: int


def entries(connection: Connection, window: Window, code: str) -> list[Stored]:
    """The entries of a server in the pages that start in the window, in the order of the pages."""
    query = (
        select(_ENTRY)
        .select_from(store_facts.known(window, _ENTRY))
        .where(store_facts.begins_in(window, _ENTRY), _ENTRY.c.consumer.in_(in_phases([code])))
        .order_by(_ENTRY.c.start_us, _ENTRY.c.host_id, _ENTRY.c.seq, _ENTRY.c.ordinal)
    )
    return [
        Stored(
            row.host_id,
            from_us(row.start_us),
            row.ledger_id,
            row.seq,
            row.component,
            row.device,
            row.part,
            row.quality,
            row.energy_uj,
        )
        for row in connection.execute(query)
    ]


def usage_ledgers(connection: Connection, window: Window) -> list[LedgerHead]:
    """The last accepted usage page of each gateway's ledger that begins in the window."""
    keys = (_PAGE.c.host_id, _PAGE.c.ledger_id)
    last = (
        select(*keys, func.max(_PAGE.c.seq).label("seq"))
        .where(
            _PAGE.c.start_us >= to_us(window.interval.start),
            _PAGE.c.start_us < to_us(window.interval.end),
            _PAGE.c.state == "accepted",
            _PAGE.c.known_from_us <= window.as_of_us,
        )
        .group_by(*keys)
        .subquery()
    )
    same = and_(*(_PAGE.c[name] == last.c[name] for name in ("host_id", "ledger_id", "seq")))
    query = select(*keys, _PAGE.c.seq, _PAGE.c.hash).join(last, same).order_by(*keys)
    return [LedgerHead(*row) for row in connection.execute(query)]
