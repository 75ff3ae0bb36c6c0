"""SQL of factors: rows are added, never changed; a correction is a row known later."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, select

from footprint import factors
from footprint.factors import Factor
from footprint.interval import from_us, to_us
from footprint.service import tables

_FACTOR = tables.table(tables.Factor)
SHIPPED = "french_electricity.csv"


def load_shipped(connection: Connection, now: datetime) -> int:
    """Add the factors that come with the program and are not held yet; how many."""
    text = files("footprint.service").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    return add(connection, factors.parse(text, now))


def add(connection: Connection, found: Iterable[Factor]) -> int:
    """Add the factors that are not held yet with the same content; how many."""
    held = {_content(_row(factor)) for factor in all_factors(connection)}
    new = [row for factor in found if _content(row := _row(factor)) not in held]
    if new:
        connection.execute(_FACTOR.insert(), new)
    return len(new)


def all_factors(connection: Connection) -> list[Factor]:
    """Every factor ever held that can be applied, in the order of validity and knowledge.

    A row that cannot (an earlier version took it, or somebody changed it) is left out, so that one
    row never takes every page down; `unusable` names it.
    """
    return [found for row in _rows(connection) if isinstance(found := _read(row), Factor)]


def unusable(connection: Connection) -> list[str]:
    """The rows that are left out, each with what is wrong with it."""
    return [
        f"{row.indicator}:{row.zone}:{row.method}:{row.valid_from}: {found}"
        for row in _rows(connection)
        if isinstance(found := _read(row), str)
    ]


def _read(row: Any) -> Factor | str:
    try:
        factor = _factor(row)
        return factors.flaw(factor) or factor
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        return "a value or date cannot be read"


def _rows(connection: Connection) -> Any:
    query = select(_FACTOR).order_by(
        _FACTOR.c.indicator,
        _FACTOR.c.zone,
        _FACTOR.c.method,
        _FACTOR.c.valid_from,
        _FACTOR.c.basis,
        _FACTOR.c.known_from_us,
    )
    return connection.execute(query)


def _row(factor: Factor) -> dict[str, Any]:
    uncertainty = factor.uncertainty_percent
    return {
        "indicator": factor.indicator,
        "zone": factor.zone,
        "method": factor.method,
        "valid_from": factor.valid_from.isoformat(),
        "basis": factor.basis,
        "known_from_us": to_us(factor.known_from),
        "valid_to": factor.valid_to.isoformat() if factor.valid_to else None,
        "value": str(factor.value),
        "unit": factor.unit,
        "uncertainty_percent": None if uncertainty is None else str(uncertainty),
        "source": factor.source,
        "published": factor.published,
    }


def _content(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in sorted(row.items()) if name != "known_from_us")


def _factor(row: Any) -> Factor:
    return Factor(
        indicator=row.indicator,
        zone=row.zone,
        value=Decimal(row.value),
        unit=row.unit,
        valid_from=date.fromisoformat(row.valid_from),
        valid_to=date.fromisoformat(row.valid_to) if row.valid_to else None,
        basis=row.basis,
        method=row.method,
        uncertainty_percent=(
            Decimal(row.uncertainty_percent) if row.uncertainty_percent is not None else None
        ),
        source=row.source,
        published=row.published,
        known_from=from_us(row.known_from_us),
    )
