"""AIB's residual mixes by country and year: what electricity emits that no guarantee claims.

In: the lines of a CSV file, as bytes: `Country,Year,Residual mix (gCO2/kWh)`, `,` or `;` between.
AIB publishes a PDF (European Residual Mixes, table of residual mixes); these are three of its
columns, typed off as they stand. Out: one factor a country and year, market-based, direct CO2 only
(AIB, FAQ on the residual mix). A residual mix of zero is refused: for years before 2023 AIB has it
for countries that disclose everything, where it is none (the same FAQ).
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from footprint import factors
from footprint.factor_files.found import Found
from footprint.factors import RESIDUAL_BASIS, Factor, FactorError
from footprint.interval import FIRST_DAY, LAST_DAY

COLUMNS = ("Country", "Year", "Residual mix (gCO2/kWh)")
UNIT = factors.DIRECT_UNIT
MAX_ROWS = 10_000
_COUNTRY = re.compile(r"[A-Z]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?")


def recognises(first: bytes) -> bool:
    """Whether a file's first line is this format's."""
    plain = first.removeprefix(b"\xef\xbb\xbf")
    return plain.startswith((b"Country,Year,Residual mix", b"Country;Year;Residual mix"))


def read(lines: Iterable[bytes], published: str, known_from: datetime) -> Found:
    """The factors. Raises FactorError with line and column."""
    found: dict[tuple[str, int], Factor] = {}
    for line, row in _rows(lines):
        factor = _factor(row, line, published, known_from)
        key = (factor.zone, factor.valid_from.year)
        if key in found:
            raise FactorError(f"line {line}: {row[0]} has {row[1]} on a line above")
        found[key] = factor
    if not found:
        raise FactorError("no row has a residual mix; is the file cut off?")
    return Found(list(found.values()), len(found), [])


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    text = _text(lines)
    header = next(text, "").rstrip("\r\n")
    delimiter = ";" if ";" in header else ","
    if tuple(header.split(delimiter)) != COLUMNS:
        raise FactorError(f"line 1: the columns must be {delimiter.join(COLUMNS)}")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(rows, 2):
            if number > MAX_ROWS:
                raise FactorError(f"more than {MAX_ROWS:,} rows; is this AIB's table?")
            if len(row) != len(COLUMNS):
                raise FactorError(f"line {rows.line_num + 1}: {len(row)} fields instead of 3")
            yield rows.line_num + 1, [field.strip() for field in row]
    except csv.Error as error:
        raise FactorError(f"line {rows.line_num + 1}: not CSV: {error}") from error


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for number, raw in enumerate(lines, 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise FactorError(f"line {number}: not UTF-8 (byte {error.start + 1})") from error


def _factor(row: list[str], line: int, published: str, known_from: datetime) -> Factor:
    country, year, value = row
    if not _COUNTRY.fullmatch(country):
        raise FactorError(
            f"line {line}, column 'Country': {country[:40]!r} is no code of a country; write its "
            "two letters (ISO 3166-1), such as FR"
        )
    if not _YEAR.fullmatch(year) or not FIRST_DAY.year <= int(year) < LAST_DAY.year:
        raise FactorError(f"line {line}, column 'Year': {year[:40]!r} is not a year")
    if not _NUMBER.fullmatch(value):
        raise FactorError(
            f"line {line}, column {COLUMNS[2]!r}: {value[:40]!r} is not a number; write grams with "
            "a decimal point"
        )
    if not Decimal(value):
        raise FactorError(
            f"line {line}, column {COLUMNS[2]!r}: zero: {country} has no residual mix where all "
            "is disclosed; leave the row out, or import the supplier mix as a plain table"
        )
    factor = Factor(
        indicator="gwp",
        zone=country,
        value=Decimal(value),
        unit=UNIT,
        valid_from=date(int(year), 1, 1),
        valid_to=date(int(year) + 1, 1, 1),
        basis=RESIDUAL_BASIS,
        method="market",
        uncertainty_percent=None,
        source=f"AIB European Residual Mixes {year}",
        published=published,
        known_from=known_from,
    )
    if found := factors.flaw(factor):
        raise FactorError(f"line {line}: {found}")
    return factor
