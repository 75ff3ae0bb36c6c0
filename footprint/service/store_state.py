"""SQL that tells in few reads whether anything was added to the database, or to a month of it.

Every fact is a new row: a page moves its ledger's head, all else has its own `known_from_us`. Only
small tables are read.
"""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from footprint.codes import in_phases
from footprint.interval import Interval, to_us
from footprint.service import (
    tables,
    tables_externals,
    tables_grid,
    tables_hardware,
    tables_rollups,
    tables_sites,
)

_HEADS = (tables.table(tables.LedgerHead), tables.table(tables.UsageHead))
_DATED = tuple(
    tables.table(model)
    for model in (
        tables.Factor,
        tables.Directorate,
        tables.Project,
        tables.Sia,
        tables.Server,
        tables_sites.Site,
        tables_hardware.Hardware,
        tables_externals.External,
        tables.ImportedFile,
    )
)

_USAGE_HEAD = tables.table(tables.UsageHead)
_USAGE = tables.table(tables.UsageCover)
_DAY = tables.table(tables_rollups.DayTotal)
_GRID = tables.table(tables_grid.GridQuarter)


def marks(connection: Connection) -> tuple[int, ...]:
    """Numbers of which at least one changes with every fact that is added."""
    counts = [select(func.count(), func.coalesce(func.sum(rows.c.seq), 0)) for rows in _HEADS]
    return _numbers(connection, *counts) + dated_marks(connection)


def dated_marks(connection: Connection) -> tuple[int, ...]:
    """The same of what is no page: factors, the register, imported files."""
    dated = [
        select(func.count(), func.coalesce(func.max(rows.c.known_from_us), 0)) for rows in _DATED
    ]
    return _numbers(connection, *dated)


def month_marks(
    connection: Connection, interval: Interval, servers: Iterable[str], zones: Collection[str]
) -> tuple[int, ...]:
    """Numbers of which at least one changes with every fact that is added to a time, or that leaves
    the database: energy of `servers` as summed by day, usage, the grid of `zones`."""
    start_us, end_us = to_us(interval.start), to_us(interval.end)

    def inside(column: ColumnElement[int]) -> ColumnElement[bool]:
        return and_(column >= start_us, column < end_us)

    energy = select(
        func.count(),
        func.coalesce(func.sum(_DAY.c.energy_j), 0),
        func.coalesce(func.sum(_DAY.c.rest_uj), 0),
    ).where(inside(_DAY.c.day_us), _DAY.c.consumer.in_(in_phases(servers)))
    usage = select(func.count()).where(
        inside(_USAGE.c.start_us), _USAGE.c.host_id.in_(select(_USAGE_HEAD.c.host_id))
    )
    grid = select(func.count(), func.coalesce(func.max(_GRID.c.known_from_us), 0)).where(
        _GRID.c.zone.in_(zones), inside(_GRID.c.start_us)
    )
    return _numbers(connection, energy, usage, grid)


def _numbers(connection: Connection, *queries: Select[Any]) -> tuple[int, ...]:
    return tuple(int(number) for query in queries for number in connection.execute(query).one())
