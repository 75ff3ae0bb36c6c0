"""Factors from a plain CSV table, as the shipped ones are: every field checked, every fault named.

In: text. Out: `Factor`s, known from the instant of their import. Columns stand in any order;
README, "Factors", describes them.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from footprint import codes, factors
from footprint.factors import ELECTRICITY, INDICATORS, METHODS, RESOLUTIONS, Factor, FactorError
from footprint.interval import check_day

REQUIRED = (
    "indicator",
    "zone",
    "value",
    "unit",
    "valid_from",
    "basis",
    "method",
    "source",
    "published",
)
OPTIONAL = (
    "subject",
    "low",
    "high",
    "valid_to",
    "resolution",
    "uncertainty_percent",
    "licence",
    "parts",
)
DELIMITER = ";"
MAX_FIELD = 1000
"""Characters of a field: a source with its words."""
MAX_FACTORS = 100_000
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_SHOWN = re.compile(codes.SHOWN_PATTERN)
_ZONE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,8})*")
_SUBJECT = re.compile(r"[a-z][a-z0-9_-]{0,40}(/[a-z][a-z0-9_-]{0,40}){0,3}")
_PART = re.compile(r"([a-z][a-z0-9_]{0,40})=(\S+)")


def parse(text: str, known_from: datetime) -> list[Factor]:
    """The factors in CSV text, as `parse_lines` reads them."""
    return parse_lines(io.StringIO(text, newline=""), known_from)


def parse_lines(lines: Iterable[str], known_from: datetime) -> list[Factor]:
    """The factors in lines of CSV: `;`, decimal point, a header that names the columns.

    Raises FactorError with the line and column at fault.
    """
    rows = csv.reader(lines, delimiter=DELIMITER, strict=True)
    found: dict[tuple[Any, ...], Factor] = {}
    try:
        header = next(rows, [])
        _check_header(header)
        for row in rows:
            if row:
                factor = _factor(_cells(row, header, rows.line_num), rows.line_num, known_from)
                if factor.validity in found:
                    raise _error(rows.line_num, "the same factor stands on a line above")
                found[factor.validity] = factor
                if len(found) > MAX_FACTORS:
                    raise _error(rows.line_num, f"more than {MAX_FACTORS:,} factors")
    except csv.Error as error:
        raise _error(rows.line_num, str(error)) from error
    return list(found.values())


def _error(line: int, why: str) -> FactorError:
    return FactorError(f"factors: line {line}: {why}")


def _check_header(header: list[str]) -> None:
    for name in header:
        if name not in (*REQUIRED, *OPTIONAL):
            raise _error(1, f"no column is called {name[:40]!r}; the columns are {_columns()}")
        if header.count(name) > 1:
            raise _error(1, f"column {name!r} stands there twice")
    for name in REQUIRED:
        if name not in header:
            raise _error(1, f"column {name!r} is missing; the columns are {_columns()}")


def _columns() -> str:
    return f"{DELIMITER.join(REQUIRED)} and, where they say something, {DELIMITER.join(OPTIONAL)}"


def _cells(row: list[str], header: list[str], line: int) -> dict[str, str]:
    if len(row) != len(header):
        raise _error(line, f"{len(row)} fields instead of {len(header)}")
    for name, text in zip(header, row, strict=True):
        if len(text) > MAX_FIELD:
            raise _error(line, f"{name} has more than {MAX_FIELD} characters")
        if not _SHOWN.fullmatch(text):
            raise _error(line, f"{name} has characters that do not show; write it anew")
    return dict.fromkeys(OPTIONAL, "") | dict(zip(header, row, strict=True))


def _factor(cells: Mapping[str, str], line: int, known_from: datetime) -> Factor:
    def read(column: str, reader: Any) -> Any:
        try:
            return reader(cells[column])
        except ValueError as error:
            raise _error(line, f"{column} {cells[column][:40]!r} {error}") from None

    def read_if(column: str, reader: Any) -> Any:
        return read(column, reader) if cells[column] else None

    value, uncertainty = read("value", _number), read_if("uncertainty_percent", _number)
    low, high = read_if("low", _number), read_if("high", _number)
    valid_from, valid_to = read("valid_from", _day), read_if("valid_to", _day)
    if valid_to is not None and valid_to <= valid_from:
        raise _error(line, "valid_to is not after valid_from")
    _check_words(cells, line)
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
        subject=cells["subject"] or ELECTRICITY,
        low=low,
        high=high,
        resolution=cells["resolution"] or "year",  # type: ignore[arg-type]
        licence=cells["licence"],
        parts=read("parts", parts_of),
    )
    found = factors.flaw(factor)
    if found:
        raise _error(line, found)
    return factor


def _check_words(cells: Mapping[str, str], line: int) -> None:
    """Raise FactorError where a cell that has to hold words of a kind holds others, or none."""
    for column in REQUIRED:
        if not cells[column]:
            raise _error(line, f"{column} is empty")
    for column, pattern, form in (
        ("zone", _ZONE, "FR, or FR-COR"),
        ("subject", _SUBJECT, "electricity, or electricity/gas"),
    ):
        if cells[column] and not pattern.fullmatch(cells[column]):
            raise _error(line, f"{column} {cells[column][:40]!r} is not written like {form}")
    for column, allowed in (
        ("indicator", INDICATORS),
        ("method", METHODS),
        ("resolution", (*RESOLUTIONS, "")),
    ):
        if cells[column] not in allowed:
            raise _error(line, f"{column} must be one of {', '.join(filter(None, allowed))}")


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


def parts_of(text: str) -> dict[str, Decimal]:
    """The parts that a text such as `combustion=33.8 losses=4.74` names; ValueError where it names
    none or one of them twice."""
    found: dict[str, Decimal] = {}
    for word in text.split():
        match = _PART.fullmatch(word)
        if match is None or not _NUMBER.fullmatch(match[2]) or match[1] in found:
            raise ValueError(f"has {word[:40]!r}; write combustion=33.8 upstream=13.5, each once")
        found[match[1]] = Decimal(match[2])
    return found


def parts_text(parts: Mapping[str, Decimal]) -> str:
    """What `parts_of` reads."""
    return " ".join(f"{name}={value:f}" for name, value in parts.items())
