"""The register's lists as CSV, for those who keep them in a spreadsheet: written and read alike.

One file has one list, told by its header: `code;name` directorates, `code;name;directorate`
projects, and the columns of `SIA` systems, of which a file may lack some: what they would say stays
as it is held, while an empty field says that there is nothing. `;` between fields, UTF-8 with or
without a byte-order mark. `shares` has a share after another with a space between:
`project=permille`, and where it is dated `@from/to`, each of the two left out for no limit:
`accueil=600@2026-01-01/ autre=400`; `aliases` has a code after another, dated alike:
`tri-v1@/2026-03-01`. A text that a spreadsheet could take for a formula begins with `'`.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from footprint.service import yaml_lines
from footprint.service.errors import Place, PlaceError
from footprint.service.register import LISTS, Dated, Item, Register, RegisterError
from footprint.service.registry_file import RegisterFile

DIRECTORATES = ("code", "name")
PROJECTS = ("code", "name", "directorate")
SIA = (
    *("code", "name", "purpose", "stage", "hosting", "charter", "owner", "unit"),
    *("users", "shares", "aliases"),
)
TEXTS = ("name", "purpose", "owner", "unit")
COLUMNS: dict[str, tuple[str, ...]] = {
    "directorates": DIRECTORATES,
    "projects": PROJECTS,
    "sia": SIA,
}
MOST_ROWS = 100_000
_Rows = Iterator[tuple[int, dict[str, str]]]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def text(name: str, items: Sequence[Item]) -> str:
    """A list as CSV."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS[name])
    for item in items:
        writer.writerow([_cell(item, column) for column in COLUMNS[name]])
    return written.getvalue()


def _cell(item: Item, column: str) -> str:
    value = getattr(item, column)
    if column == "shares":
        return " ".join(f"{one.project}={one.permille}{_days(one)}" for one in value)
    if column == "aliases":
        return " ".join(f"{one.code}{_days(one)}" for one in value)
    told = "" if value is None else str(value)
    return f"'{told}" if told.startswith(_FORMULA) else told


def _days(dated: Dated) -> str:
    return f"@{dated.from_ or ''}/{dated.to or ''}" if dated.from_ or dated.to else ""


def read(path: Path) -> RegisterFile:
    """The register in a CSV file; CommandError with line, field and what is allowed."""
    lines: dict[Place, int] = {(): 1}
    try:
        name, untold, rows = _rows(path, lines)
        items = []
        for index, (line, row) in enumerate(rows):
            place = (name, index)
            lines.update({(*place, column): line for column in COLUMNS[name]} | {place: line})
            items.append(yaml_lines.convert(_content(row, place), LISTS[name], place))
    except PlaceError as error:
        raise yaml_lines.at(path, lines, error.path, str(error)) from error
    register = msgspec.structs.replace(Register(), **{name: items})
    return RegisterFile(register, path, lines, untold)


def check(file: RegisterFile, held: Register) -> None:
    """Raise RegisterError where what has the columns of directorates is another list, whose other
    columns are missing: a code is never used again."""
    known = {one.code for one in held.directorates}
    others = {one.code: "a project" for one in held.projects}
    others |= {one.code: "a SIA" for one in held.sia}
    for index, one in enumerate(file.register.directorates):
        if one.code in others and one.code not in known:
            raise RegisterError(
                f"code: {one.code!r} is {others[one.code]}, and `code;name` are the columns of "
                "directorates; projects have `directorate` too, SIA another of their columns",
                ("directorates", index, "code"),
            )


def _rows(path: Path, lines: dict[Place, int]) -> tuple[str, tuple[str, ...], _Rows]:
    """Which list it is, the columns that it lacks, and each row with its line."""
    try:
        found = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise RegisterError(f"cannot be read: {reason}") from error
    reader = csv.reader(io.StringIO(found, newline=""), delimiter=";", strict=True)
    try:
        header = tuple(field.strip() for field in next(reader, []))
    except csv.Error as error:
        raise RegisterError(f"not CSV: {error}") from error
    name = _list_of(header)
    if name is None:
        known = "; ".join(f"{name}: {';'.join(columns)}" for name, columns in COLUMNS.items())
        raise RegisterError(f"the columns are those of no list; write one of {known}")
    untold = tuple(column for column in COLUMNS[name] if column not in header)
    return name, untold, _numbered(reader, header, lines)


def _list_of(header: Sequence[str]) -> str | None:
    """The list that has these columns."""
    told = {*header}
    if len(told) < len(header):
        return None
    whole = next((name for name, columns in COLUMNS.items() if {*columns} == told), None)
    return whole or ("sia" if {*DIRECTORATES} < told <= {*SIA} else None)


def _numbered(reader: Any, header: Sequence[str], lines: dict[Place, int]) -> _Rows:
    while True:
        line = reader.line_num + 1
        here: Place = ("row", line)
        lines[here] = line
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise RegisterError(f"not CSV: {error}", here) from error
        if line > MOST_ROWS:
            raise RegisterError(f"more than {MOST_ROWS:,} rows", here)
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(header):
            raise RegisterError(f"{len(row)} fields instead of {len(header)}", here)
        yield line, {name: _plain(name, field) for name, field in zip(header, row, strict=True)}


def _plain(column: str, field: str) -> str:
    """A field without what protects it; blanks around a text are for the register to refuse."""
    stripped = field.strip()
    return (field if stripped and column in TEXTS else stripped).removeprefix("'")


def _content(row: dict[str, str], place: Place) -> dict[str, Any]:
    """A row's fields as the register's own; what is empty is left out."""
    content: dict[str, Any] = {column: value for column, value in row.items() if value}
    if "shares" in content:
        content["shares"] = [_shared(one, (*place, "shares")) for one in row["shares"].split()]
    if "aliases" in content:
        content["aliases"] = [_alias(one, (*place, "aliases")) for one in row["aliases"].split()]
    return content


def _shared(one: str, place: Place) -> dict[str, Any]:
    told, _, days = one.partition("@")
    project, equals, permille = told.partition("=")
    number = permille.isascii() and permille.isdigit() and len(permille) <= 4
    if not equals or not number or ("@" in one) != ("/" in days):
        raise RegisterError(
            f"shares: {one!r} is no share; write project=permille, or project=permille@from/to "
            "with days such as 2026-01-01",
            place,
        )
    return {"project": project, "permille": int(permille), **_dated(days)}


def _alias(one: str, place: Place) -> dict[str, Any]:
    code, _, days = one.partition("@")
    if ("@" in one) != ("/" in days):
        raise RegisterError(
            f"aliases: {one!r} is none; write code, or code@from/to with days such as 2026-01-01",
            place,
        )
    return {"code": code, **_dated(days)}


def _dated(days: str) -> dict[str, str]:
    first, _, last = days.partition("/")
    return {name: day for name, day in (("from", first), ("to", last)) if day}
