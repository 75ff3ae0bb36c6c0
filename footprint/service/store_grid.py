"""SQL of the grid by quarter-hour: rows are added, never changed; which of them holds as of when.

In: quarter-hours of imported files. Out: for each quarter-hour of a span the row that holds.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from footprint.grid.eco2mix import LEAST_MW, MAX_MW
from footprint.grid.quarter import NATURES, QUARTER_S, TECHNOLOGIES, Quarter
from footprint.interval import from_us
from footprint.nodes import Span
from footprint.service import store_bulk, tables
from footprint.service.tables_grid import GridQuarter

_GRID = tables.table(GridQuarter)
_US = 1_000_000


class Difference(msgspec.Struct):
    """What an import changes: quarter-hours that are new, those that will be other than they are,
    and how many stay: held with the same values, or held more finally."""

    new: list[Quarter] = []
    changed: list[Quarter] = []
    same: int = 0
    less_final: int = 0


def difference(
    connection: Connection, zone: str, quarters: Iterable[Quarter], as_of_us: int
) -> Difference:
    """What of `quarters`, in order, is not held yet as of an instant."""
    found = Difference()
    asked = list(quarters)
    if not asked:
        return found
    span = (asked[0].start_s * _US, asked[-1].start_s * _US + 1)
    held = held_quarters(connection, zone, span, as_of_us)
    for quarter in asked:
        before = held.get(quarter.start_s)
        if before is None:
            found.new.append(quarter)
        elif before == quarter:
            found.same += 1
        elif _rank(quarter) < _rank(before):
            found.less_final += 1
        else:
            found.changed.append(quarter)
    return found


def add(connection: Connection, zone: str, quarters: Iterable[Quarter], known_from_us: int) -> None:
    """Add quarter-hours of a zone, known from an instant on."""
    rows = [
        (
            zone,
            quarter.start_s * _US,
            known_from_us,
            quarter.nature,
            *quarter.generation_mw,
            quarter.published_g_per_kwh,
        )
        for quarter in quarters
    ]
    store_bulk.insert(connection, _GRID, rows)


def held_quarters(
    connection: Connection, zone: str, span: Span, as_of_us: int
) -> dict[int, Quarter]:
    """The quarter-hours that start in a span, by their start in seconds, as known at an instant."""
    query = (
        select(_GRID)
        .where(
            _GRID.c.zone == zone,
            _GRID.c.start_us >= span[0],
            _GRID.c.start_us < span[1],
            _GRID.c.known_from_us <= as_of_us,
        )
        .order_by(_GRID.c.start_us, _GRID.c.known_from_us)
    )
    found: dict[int, Quarter] = {}
    for row in connection.execute(query):
        if _flaw(row):
            continue
        quarter = _quarter(row)
        before = found.get(quarter.start_s)
        if before is None or _rank(quarter) >= _rank(before):
            found[quarter.start_s] = quarter
    return found


def _flaw(row: Any) -> str:
    """Why a row is no quarter-hour; empty where it is one."""
    if row.nature not in NATURES:
        return f"its nature is {row.nature!r}"
    if row.start_us % (QUARTER_S * _US):
        return "it does not start with a quarter-hour"
    numbers = [getattr(row, f"{technology}_mw") for technology in TECHNOLOGIES]
    wrong = [mw for mw in numbers if mw is not None and not LEAST_MW <= mw <= MAX_MW]
    return f"{wrong[0]} MW cannot be" if wrong else ""


def unusable(connection: Connection) -> Iterator[str]:
    """The rows that are left out of every figure, each with what is wrong with it."""
    for row in connection.execute(select(_GRID).order_by(_GRID.c.zone, _GRID.c.start_us)):
        if flaw := _flaw(row):
            yield f"{row.zone} from {from_us(row.start_us).isoformat()}: {flaw}"


def _rank(quarter: Quarter) -> int:
    return NATURES.index(quarter.nature)


def _quarter(row: Any) -> Quarter:
    return Quarter(
        row.start_us // _US,
        row.nature,
        tuple(getattr(row, f"{technology}_mw") for technology in TECHNOLOGIES),
        row.published_g_per_kwh,
    )
