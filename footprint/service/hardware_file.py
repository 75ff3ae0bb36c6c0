"""Reads what hosts are made of from CSV: a row for each part of a host.

    host;name;from;to;lifetime_years;part;count;document
    gpu-01;Server with 8 boards;2026-01-01;;5;gpu/h100;8;Delivery note 2025-113
    gpu-01;Server with 8 boards;2026-01-01;;5;server/gpu-host;1;Delivery note 2025-113

`;`, UTF-8, a header that names the columns; `to`, `lifetime_years` and `document` may be left out.
In: lines. Out: `Hardware` by host, or CommandError with the line and column at fault; all of the
file or nothing.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from footprint.service.errors import CommandError
from footprint.service.register import Hardware, HardwarePart

REQUIRED = ("host", "name", "from", "part", "count")
COLUMNS = ("host", "name", "from", "to", "lifetime_years", "part", "count", "document")
DELIMITER = ";"
MAX_ROWS = 200_000
MAX_FIELD = 600


class _Row(msgspec.Struct, frozen=True):
    """A row: what it says of its host, its part, and its line."""

    hardware: dict[str, Any]
    part: HardwarePart
    line: int


def read(path: str, lines: Iterable[str]) -> list[Hardware]:
    """The hardware, in the order of hosts."""
    by_host: dict[str, list[_Row]] = {}
    rows = csv.reader(lines, delimiter=DELIMITER, strict=True)
    try:
        header = next(rows, [])
        _check_header(path, header)
        for number, cells in enumerate((row for row in rows if row), 1):
            if number > MAX_ROWS:
                raise _error(path, rows.line_num, f"more than {MAX_ROWS:,} rows; give fewer")
            row = _row(path, rows.line_num, header, cells)
            by_host.setdefault(row.hardware["code"], []).append(row)
    except csv.Error as error:
        raise _error(path, rows.line_num, f"not CSV: {error}") from error
    return [_hardware(path, by_host[host]) for host in sorted(by_host)]


def _error(path: str, line: int, why: str) -> CommandError:
    return CommandError(f"{path}: line {line}: {why}; nothing was imported")


def _check_header(path: str, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            told = f"column {name[:40]!r} is not known, or stands there twice"
            raise _error(path, 1, f"{told}; the columns are {DELIMITER.join(COLUMNS)}")
    for name in REQUIRED:
        if name not in header:
            raise _error(path, 1, f"column {name!r} is missing")


def _row(path: str, line: int, header: list[str], cells: list[str]) -> _Row:
    if len(cells) != len(header):
        raise _error(path, line, f"{len(cells)} fields instead of {len(header)}")
    told = dict(zip(header, cells, strict=True))
    for name, text in told.items():
        if len(text) > MAX_FIELD:
            raise _error(path, line, f"{name} has more than {MAX_FIELD} characters")
    part = {"part": told["part"], "count": _number(path, line, told, "count")}
    hardware: dict[str, Any] = {"code": told["host"], "name": told["name"]}
    hardware["from"] = _day(path, line, told, "from")
    if told.get("to"):
        hardware["to"] = _day(path, line, told, "to")
    if told.get("lifetime_years"):
        hardware["lifetime_years"] = _number(path, line, told, "lifetime_years")
    if told.get("document"):
        hardware["document"] = told["document"]
    try:
        found = msgspec.convert(part, HardwarePart)
    except msgspec.ValidationError as error:
        raise _error(path, line, str(error)) from error
    return _Row(hardware, found, line)


def _number(path: str, line: int, told: Mapping[str, str], name: str) -> int:
    text = told[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise _error(path, line, f"{name} {text[:40]!r} is not a whole number")
    return int(text)


def _day(path: str, line: int, told: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(told[name])
    except ValueError:
        text = told[name][:40]
        raise _error(path, line, f"{name} {text!r} is not a date, YYYY-MM-DD") from None


def _hardware(path: str, rows: list[_Row]) -> Hardware:
    first = rows[0]
    for row in rows:
        if row.hardware != first.hardware:
            host = first.hardware["code"]
            raise _error(path, row.line, f"host {host!r} is told otherwise in line {first.line}")
    try:
        return msgspec.convert(
            first.hardware | {"parts": [msgspec.to_builtins(row.part) for row in rows]}, Hardware
        )
    except msgspec.ValidationError as error:
        raise _error(path, first.line, str(error)) from error
