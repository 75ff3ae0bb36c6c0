"""Electricity Maps' yearly carbon intensities, as its API answers and its portal exports in JSON.

In: the bytes of a file: `{"zone": ..., "data": [...]}` or a list of such rows, each a year of a
zone with its intensity, whether of the life cycle or direct, and when it was made. Out: one factor
a zone, year and kind, of what is consumed, imports traced. Hours, days and months are refused: this
reads years.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from footprint import factors
from footprint.factor_files.found import Found
from footprint.factors import GWP_UNIT, Factor, FactorError
from footprint.interval import FIRST_DAY, LAST_DAY

BASES = {"lifecycle": "life-cycle, flow-traced", "direct": "direct, flow-traced"}
"""Not the words of a regulatory mix: these never stand for it."""
MOST_BYTES = 16 << 20
MOST_ROWS = 100_000


class _Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A year of a zone; what else the row has is not looked at."""

    carbon_intensity: Decimal
    at: datetime = msgspec.field(name="datetime")
    emission_factor_type: Literal["lifecycle", "direct"]
    zone: str | None = None
    updated_at: datetime | None = None
    temporal_granularity: str | None = None
    is_estimated: bool = False


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    data: list[dict[str, Any]]
    zone: str | None = None
    temporal_granularity: str | None = None


def recognises(first: bytes) -> bool:
    """Whether a file's first line begins JSON."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read(content: bytes, known_from: datetime) -> Found:
    """The factors. Raises FactorError with the row's number and field."""
    if len(content) > MOST_BYTES:
        raise FactorError(f"more than {MOST_BYTES >> 20} MiB; is this a table of years?")
    answer = _decode(content.removeprefix(b"\xef\xbb\xbf"))
    if len(answer.data) > MOST_ROWS:
        raise FactorError(f"more than {MOST_ROWS:,} rows; is this a table of years?")
    found: dict[tuple[Any, ...], Factor] = {}
    estimated = 0
    for number, content_of_row in enumerate(answer.data, 1):
        row = _row(content_of_row, number)
        factor = _factor(row, answer, number, known_from)
        if factor.validity in found:
            raise _error(number, f"{factor.zone} has {factor.valid_from.year} in a row above")
        found[factor.validity] = factor
        estimated += row.is_estimated
    if not found:
        raise FactorError("no row in it; is the answer empty?")
    remarks = [f"{estimated} of them hold estimates"] if estimated else []
    return Found(list(found.values()), len(answer.data), remarks)


def _error(number: int, why: str) -> FactorError:
    return FactorError(f"row {number}: {why}")


def _decode(content: bytes) -> _Answer:
    try:
        parsed = msgspec.json.decode(content)
        if isinstance(parsed, list):
            parsed = {"data": parsed}
        return msgspec.convert(parsed, _Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FactorError(
            f"not Electricity Maps' JSON: {' '.join(str(error).split())[:200]}; give its answer as "
            "it came"
        ) from error


def _row(content: Mapping[str, Any], number: int) -> _Row:
    try:
        return msgspec.convert(content, _Row, strict=True)
    except msgspec.ValidationError as error:
        raise _error(number, " ".join(str(error).split())[:200]) from error


def _factor(row: _Row, answer: _Answer, number: int, known_from: datetime) -> Factor:
    zone = row.zone or answer.zone
    if not zone or not zone.isascii() or not zone.isprintable() or len(zone) > 40:
        raise _error(number, "zone: neither the row nor the answer names one")
    granularity = row.temporal_granularity or answer.temporal_granularity
    if granularity != "yearly":
        raise _error(
            number,
            f"temporalGranularity: {str(granularity)[:40]!r} is not 'yearly'; ask for years",
        )
    start = row.at
    if start.tzinfo is None or start.astimezone(UTC).replace(month=1, day=1, hour=0) != start:
        raise _error(number, f"datetime: {start.isoformat()} is not the start of a year in UTC")
    year = start.astimezone(UTC).year
    if not FIRST_DAY.year <= year < LAST_DAY.year:
        raise _error(number, f"datetime: {year} is not between {FIRST_DAY} and {LAST_DAY}")
    published = row.updated_at.date().isoformat() if row.updated_at else ""
    if not published:
        raise _error(number, "updatedAt is missing: when it was published is not known")
    factor = Factor(
        indicator="gwp",
        zone=zone,
        value=row.carbon_intensity,
        unit=GWP_UNIT,
        valid_from=date(year, 1, 1),
        valid_to=date(year + 1, 1, 1),
        basis=BASES[row.emission_factor_type],
        method="location",
        uncertainty_percent=None,
        source="Electricity Maps, yearly carbon intensity of what is consumed",
        published=published,
        known_from=known_from,
    )
    if why := factors.flaw(factor):
        raise _error(number, f"carbonIntensity: {why}")
    return factor
