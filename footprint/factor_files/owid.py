"""Our World in Data's table of Ember's yearly carbon intensities of electricity, by country.

In: the lines of the CSV file, as bytes: `Entity,Code,Year,Carbon intensity of electricity - ...`.
Out: one factor a country and year: life-cycle, of what the country generates. Groups of countries
have no code (or one of OWID's own) and are left out. When it was published stands nowhere in the
file: whoever imports it says.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from footprint import factors
from footprint.factor_files.found import Found
from footprint.factors import GWP_UNIT, Factor, FactorError
from footprint.interval import FIRST_DAY, LAST_DAY

COLUMNS = ("Entity", "Code", "Year")
VALUE = "Carbon intensity of electricity"
BASIS = "life-cycle, generation"
LICENCE = "CC BY 4.0"
MAX_ROWS = 100_000
OWN_CODE = "OWID_"
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,15})?(e-?[0-9]{1,2})?")
_YEAR = re.compile(r"[0-9]{4}")


def recognises(first: bytes) -> bool:
    """Whether a file's first line is this format's."""
    return first.removeprefix(b"\xef\xbb\xbf").startswith(",".join(COLUMNS).encode())


def read(
    lines: Iterable[bytes], zones: Mapping[str, str], published: str, known_from: datetime
) -> Found:
    """The factors; `zones` has the two letters of each country's three. Raises FactorError with
    line and column."""
    found: dict[tuple[str, int], Factor] = {}
    number, without_code, unknown = 0, 0, set[str]()
    for line, row in _rows(lines):
        number, code = number + 1, row[1]
        if not code or code.startswith(OWN_CODE):
            without_code += 1
        elif code not in zones:
            unknown.add(code)
        else:
            factor = _factor(row, line, zones[code], published, known_from)
            key = (factor.zone, factor.valid_from.year)
            if key in found:
                raise FactorError(f"line {line}: {code} has {row[2]} on a line above")
            found[key] = factor
    if not found:
        raise FactorError("no row is a country's; is the file cut off?")
    remarks = [f"{without_code} rows of groups of countries left out"]
    if unknown:
        remarks.append(f"codes of no country left out: {', '.join(sorted(unknown)[:20])}")
    return Found(list(found.values()), number, remarks)


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Each row with its line."""
    rows = csv.reader(_text(lines), strict=True)
    try:
        header = next(rows, [])
        if tuple(header[:3]) != COLUMNS or len(header) != 4 or not header[3].startswith(VALUE):
            raise FactorError(
                f"line 1: the columns must be {','.join(COLUMNS)},{VALUE}...: give the table of "
                "carbon intensity as it was published"
            )
        for number, row in enumerate(rows, 1):
            if number > MAX_ROWS:
                raise FactorError(f"more than {MAX_ROWS:,} rows; is this OWID's table?")
            if len(row) != 4:
                raise FactorError(
                    f"line {rows.line_num}: {len(row)} fields instead of 4; the file may be cut "
                    "off: download it again"
                )
            yield rows.line_num, row
    except csv.Error as error:
        raise FactorError(f"line {rows.line_num}: not CSV: {error}") from error


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for number, raw in enumerate(lines, 1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise FactorError(
                f"line {number}: not UTF-8 (byte {error.start + 1}); download it again"
            ) from error


def _factor(row: list[str], line: int, zone: str, published: str, known_from: datetime) -> Factor:
    year, value = row[2:]
    if not _YEAR.fullmatch(year) or not FIRST_DAY.year <= int(year) < LAST_DAY.year:
        raise FactorError(f"line {line}, column 'Year': {year[:40]!r} is not a year")
    if not _NUMBER.fullmatch(value):
        raise FactorError(f"line {line}, column {VALUE!r}: {value[:40]!r} is not a number")
    factor = Factor(
        indicator="gwp",
        zone=zone,
        value=Decimal(value),
        unit=GWP_UNIT,
        valid_from=date(int(year), 1, 1),
        valid_to=date(int(year) + 1, 1, 1),
        basis=BASIS,
        method="location",
        uncertainty_percent=None,
        source="Ember, as carried by Our World in Data: carbon intensity of electricity",
        published=published,
        known_from=known_from,
        licence=LICENCE,
    )
    if found := factors.flaw(factor):
        raise FactorError(f"line {line}, column {VALUE!r}: {found}")
    return factor
