"""Which factor applies: dated, sourced, known from an instant on; never of mixed bases.

In: rows of a factor table (CSV text or stored). Out: `FactorUse`, the factor with everything needed
to dispute it. METHOD.md, "Factors", has the words.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import msgspec

from footprint.interval import Interval, check_day, paris_date, paris_midnight
from footprint.statement import FactorUse

Method = Literal["location", "market"]
METHODS = ("location", "market")
COLUMNS = (
    "indicator",
    "zone",
    "value",
    "unit",
    "valid_from",
    "valid_to",
    "basis",
    "method",
    "uncertainty_percent",
    "source",
    "published",
)
HEADLINE = ("gwp", "location")
HEADLINE_BASIS = "life-cycle, consumption mix"
"""What a regulatory balance of emissions must use in France (ADEME, BEGES: "mix de consommation -
moyen"). Direct factors are about half of it: the two are never mixed."""
GWP_UNIT = "gCO2e/kWh"
DIRECT_UNIT = "gCO2/kWh"
"""Of direct factors of the market alone: carbon dioxide, without the other gases."""
LARGEST = Decimal(100_000)
SMALLEST = Decimal("1e-20")
"""A factor beyond these is a mistake: the dirtiest electricity emits some 1200 g/kWh, the smallest
factor shipped is 5e-8."""
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


class FactorError(LookupError):
    """No factor applies, or a table of factors cannot be used; the message says what to do."""


class Factor(msgspec.Struct, frozen=True):
    """One row of a factor table: `value` in `unit` over Paris days [valid_from, valid_to)."""

    indicator: str
    zone: str
    value: Decimal
    unit: str
    valid_from: date
    valid_to: date | None
    basis: str
    method: Method
    uncertainty_percent: Decimal | None
    source: str
    published: str
    known_from: datetime

    @property
    def id(self) -> str:
        """The name under which figures cite it."""
        return f"{self.indicator}:{self.zone}:{self.method}:{self.valid_from}:{self.published}"


def parse(text: str, known_from: datetime) -> list[Factor]:
    """The factors in CSV text: `;`, decimal point, a header with `COLUMNS`, one factor a line.

    Raises FactorError with the line and column at fault.
    """
    rows = csv.reader(io.StringIO(text), delimiter=";", strict=True)
    found: list[Factor] = []
    try:
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise FactorError(f"factors: line 1: the header must be {';'.join(COLUMNS)}")
        for row in rows:
            if row:
                factor = _factor(row, rows.line_num, known_from)
                _check_new(factor, found, rows.line_num)
                found.append(factor)
    except csv.Error as error:
        raise FactorError(f"factors: line {rows.line_num}: {error}") from error
    return found


def _check_new(factor: Factor, found: list[Factor], line: int) -> None:
    if any(_validity(other) == _validity(factor) for other in found):
        raise FactorError(f"factors: line {line}: the same factor stands on a line above")


def _validity(factor: Factor) -> tuple[str, str, str, date, str]:
    return factor.indicator, factor.zone, factor.method, factor.valid_from, factor.basis


def _factor(row: list[str], line: int, known_from: datetime) -> Factor:
    if len(row) != len(COLUMNS):
        raise FactorError(f"factors: line {line}: {len(row)} fields instead of {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    column = ""
    try:
        column = "value"
        value = _number(cells[column])
        column = "uncertainty_percent"
        uncertainty = _number(cells[column]) if cells[column] else None
        column = "valid_from"
        valid_from = _day(cells[column])
        column = "valid_to"
        valid_to = _day(cells[column]) if cells[column] else None
    except ValueError as error:
        raise FactorError(
            f"factors: line {line}: {column} {cells[column][:40]!r} {error}"
        ) from None
    if cells["method"] not in METHODS:
        raise FactorError(f"factors: line {line}: method must be one of {', '.join(METHODS)}")
    if valid_to is not None and valid_to <= valid_from:
        raise FactorError(f"factors: line {line}: valid_to is not after valid_from")
    for column in ("indicator", "zone", "unit", "basis", "source", "published"):
        if not cells[column]:
            raise FactorError(f"factors: line {line}: {column} is empty")
    factor = Factor(
        indicator=cells["indicator"],
        zone=cells["zone"],
        value=value,
        unit=cells["unit"],
        valid_from=valid_from,
        valid_to=valid_to,
        basis=cells["basis"],
        method=cells["method"],  # type: ignore[arg-type]
        uncertainty_percent=uncertainty,
        source=cells["source"],
        published=cells["published"],
        known_from=known_from,
    )
    found = flaw(factor)
    if found:
        raise FactorError(f"factors: line {line}: {found}")
    return factor


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number with a decimal point, 0 or more")
    return Decimal(text)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date, YYYY-MM-DD") from None
    try:
        return check_day(day)
    except ValueError as error:
        raise ValueError(f"cannot be used: {error}; leave valid_to empty for no end") from None


def flaw(factor: Factor) -> str:
    """Why a factor cannot be applied, with column and remedy; empty where it can."""
    for column in ("value", "uncertainty_percent"):
        number = getattr(factor, column)
        if number is not None and not _plausible(number):
            return f"{column} {number} is not 0 or between {SMALLEST} and {LARGEST}; check its unit"
    if factor.indicator != "gwp" or factor.unit == GWP_UNIT:
        return ""
    if factor.unit == DIRECT_UNIT and _is_direct(factor):
        return ""
    return (
        f"unit {factor.unit!r} cannot be applied to gwp; write the value in {GWP_UNIT} "
        f"({DIRECT_UNIT} only where method is market and basis begins with direct)"
    )


def _plausible(number: Decimal) -> bool:
    return number.is_finite() and (number == 0 or SMALLEST <= number <= LARGEST)


def _is_direct(factor: Factor) -> bool:
    return factor.method == "market" and factor.basis.startswith("direct")


def applicable(
    factors: Iterable[Factor],
    indicator: str,
    zone: str,
    method: Method,
    on: date,
    *,
    as_of: datetime,
    basis: str | None = None,
) -> FactorUse:
    """The factor for a Paris day `on`, as known at `as_of`.

    The one valid on that day; else the newest before it, else the oldest, `provisional` until the
    day's own is published. Only factors whose basis begins with `basis` count (for the headline
    indicator: life-cycle, consumption mix). Raises FactorError where the zone has none.
    """
    if basis is None:
        basis = HEADLINE_BASIS if (indicator, method) == HEADLINE else ""
    known = _known(factors, indicator, zone, method, basis=basis, as_of=as_of)
    if not known:
        raise FactorError(
            f"no {indicator} factor for zone {zone} ({method}{', ' + basis if basis else ''}): "
            f"import one with: footprint import factors FILE.csv (columns {';'.join(COLUMNS)})"
        )
    valid = [f for f in known if f.valid_from <= on and (f.valid_to is None or on < f.valid_to)]
    if valid:
        return use(max(valid, key=_newest), provisional=False)
    before = [f for f in known if f.valid_from <= on]
    chosen = max(before, key=_newest) if before else min(known, key=_newest)
    return use(chosen, provisional=True)


def _known(
    factors: Iterable[Factor],
    indicator: str,
    zone: str,
    method: Method,
    *,
    basis: str,
    as_of: datetime,
) -> list[Factor]:
    """The latest word on each validity, as known at `as_of`."""
    latest: dict[tuple[date, str], Factor] = {}
    for factor in sorted(factors, key=lambda factor: factor.known_from):
        same = (factor.indicator, factor.zone, factor.method) == (indicator, zone, method)
        if same and factor.basis.startswith(basis) and factor.known_from <= as_of:
            latest[factor.valid_from, factor.basis] = factor
    return list(latest.values())


def _newest(factor: Factor) -> tuple[date, str, datetime]:
    return factor.valid_from, factor.published, factor.known_from


def use(factor: Factor, *, provisional: bool) -> FactorUse:
    """The factor as it is applied and cited."""
    return FactorUse(
        id=factor.id,
        indicator=factor.indicator,
        zone=factor.zone,
        value=factor.value,
        unit=factor.unit,
        valid_from=factor.valid_from.isoformat(),
        valid_to=factor.valid_to.isoformat() if factor.valid_to else None,
        basis=factor.basis,
        method=factor.method,
        uncertainty_percent=factor.uncertainty_percent,
        source=factor.source,
        published=factor.published,
        provisional=provisional,
    )


def headline(factors: Iterable[Factor], zone: str, on: date, as_of: datetime) -> FactorUse:
    """The factor of every headline figure: gwp, by location, life-cycle, consumption mix."""
    return applicable(factors, "gwp", zone, "location", on, as_of=as_of)


def headline_periods(
    factors: Sequence[Factor], zone: str, interval: Interval, as_of: datetime
) -> list[tuple[Interval, FactorUse]]:
    """`interval` cut where a factor may change, each piece with its own headline factor.

    Cuts fall on Paris midnights: the last hour of a UTC year is of the next year in France.
    """
    days = {factor.valid_from for factor in factors} | {
        factor.valid_to for factor in factors if factor.valid_to
    }
    return [
        (piece, headline(factors, zone, paris_date(piece.start), as_of))
        for piece in cut_at(interval, days)
    ]


def cut_at(interval: Interval, days: Iterable[date]) -> list[Interval]:
    """`interval` cut at the Paris midnights that begin `days`."""
    midnights = {paris_midnight(day) for day in days}
    inner = sorted(at for at in midnights if interval.start < at < interval.end)
    edges = [interval.start, *inner, interval.end]
    return [Interval(start, end) for start, end in pairwise(edges)]
