"""SQL of factors: rows are added, never changed; a correction is a row known later."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from footprint import factor_table, factors
from footprint.factors import Factor
from footprint.interval import from_us, to_us
from footprint.service import tables

_FACTOR = tables.table(tables.Factor)
SHIPPED = ("french_electricity.csv", "hardware.csv")
_EVER = from_us(0)


class Difference(msgspec.Struct):
    """What an import changes: factors that are new, those that take the place of an earlier word on
    the same thing, each with that word, and how many are held just so."""

    new: list[Factor] = []
    changed: list[tuple[Factor, Factor]] = []
    same: int = 0


def load_shipped(connection: Connection, now: datetime) -> int:
    """Add the factors that come with the program and were never held; how many. One that somebody
    has corrected since stays corrected."""
    folder = files("footprint.service").joinpath("data")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in SHIPPED]
    ever = [_timeless(factor) for factor in all_factors(connection)]
    found = [one for text in texts for one in factor_table.parse(text, now)]
    new = [one for one in found if _timeless(one) not in ever]
    _insert(connection, new)
    return len(new)


def difference(connection: Connection, found: Iterable[Factor]) -> Difference:
    """What of `found` is not the last word held on the same thing."""
    last = {factor.validity: factor for factor in all_factors(connection)}
    result = Difference()
    for factor in found:
        before = last.get(factor.validity)
        if before is None:
            result.new.append(factor)
        elif _timeless(before) == _timeless(factor):
            result.same += 1
        else:
            result.changed.append((before, factor))
    return result


def add(connection: Connection, found: Iterable[Factor]) -> Difference:
    """Add what is not the last word held already."""
    result = difference(connection, found)
    _insert(connection, [*result.new, *(after for _, after in result.changed)])
    return result


def _insert(connection: Connection, found: Sequence[Factor]) -> None:
    """Known after all that is held, whatever the clock says."""
    if found:
        last_us = connection.execute(select(func.max(_FACTOR.c.known_from_us))).scalar_one() or 0
        rows = [_row(factor) for factor in found]
        known = [row | {"known_from_us": max(row["known_from_us"], last_us + 1)} for row in rows]
        connection.execute(_FACTOR.insert(), known)


def all_factors(
    connection: Connection, zone: str | None = None, subjects: Collection[str] = ()
) -> list[Factor]:
    """Every factor ever held that can be applied, in the order of validity and knowledge, of one
    zone and of `subjects` where they are given.

    A row that cannot (an earlier version took it, or somebody changed it) is left out, so that one
    row never takes every page down; `unusable` names it.
    """
    rows = _rows(connection, zone, subjects)
    return [found for row in rows if isinstance(found := _read(row), Factor)]


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


def _rows(connection: Connection, zone: str | None = None, subjects: Collection[str] = ()) -> Any:
    query = select(_FACTOR)
    if subjects:
        query = query.where(_FACTOR.c.subject.in_(subjects))
    if zone is not None:
        query = query.where(_FACTOR.c.zone == zone)
    query = query.order_by(
        _FACTOR.c.indicator,
        _FACTOR.c.subject,
        _FACTOR.c.zone,
        _FACTOR.c.method,
        _FACTOR.c.valid_from,
        _FACTOR.c.basis,
        _FACTOR.c.known_from_us,
    )
    return connection.execute(query)


def _row(factor: Factor) -> dict[str, Any]:
    return {
        "indicator": factor.indicator,
        "subject": factor.subject,
        "zone": factor.zone,
        "method": factor.method,
        "valid_from": factor.valid_from.isoformat(),
        "basis": factor.basis,
        "known_from_us": to_us(factor.known_from),
        "valid_to": factor.valid_to.isoformat() if factor.valid_to else None,
        "value": str(factor.value),
        "low": _text(factor.low),
        "high": _text(factor.high),
        "unit": factor.unit,
        "resolution": factor.resolution,
        "uncertainty_percent": _text(factor.uncertainty_percent),
        "parts": factor_table.parts_text(factor.parts),
        "source": factor.source,
        "licence": factor.licence,
        "published": factor.published,
    }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _timeless(factor: Factor) -> Factor:
    """As it is but for when it was known; 52 and 52.0 are the same value."""
    return msgspec.structs.replace(factor, known_from=_EVER)


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
        uncertainty_percent=_number(row.uncertainty_percent),
        source=row.source,
        published=row.published,
        known_from=from_us(row.known_from_us),
        subject=row.subject,
        low=_number(row.low),
        high=_number(row.high),
        resolution=row.resolution,
        licence=row.licence,
        parts=factor_table.parts_of(row.parts),
    )
