"""`footprint import factors FILE...`: all files or none, each in the format of its first line.

In: a plain table (README, "Factors") or a file as its publisher writes it. Out: factors in the
database, each a new version beside what was held, and a report of every value that changes. With
`--preview` the report alone: nothing is stored.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from footprint import factor_table
from footprint.factor_files import ademe, aib, electricity_maps, owid
from footprint.factor_files.found import Found
from footprint.factors import ELECTRICITY, Factor, FactorError, headline
from footprint.service import place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.file_lines import FileLines

if TYPE_CHECKING:
    from footprint.service.store_factors import Difference

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
SHOWN = 50
"""Changed values that are named; of more, their number."""


class _File(msgspec.Struct, frozen=True):
    path: Path
    what: str
    found: Found


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument(
        "--published",
        metavar="YYYY-MM-DD",
        help="when it was published, for a file that does not say (Our World in Data, AIB)",
    )
    parser.add_argument(
        "--preview", action="store_true", help="say what an import would change; store nothing"
    )
    place.add_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Import files; reports each, and every value that is other than before."""
    from footprint.service import audit, store_factors  # noqa: PLC0415 - slow to import
    from footprint.service.preview import SAID, writing  # noqa: PLC0415
    from footprint.service.store import open_store  # noqa: PLC0415

    began = utc_now()
    files = [_read(path, chosen.published, began) for path in chosen.files]
    report = []
    store = open_store(chosen.database, create=not chosen.preview, migrate=True, now=began)
    try:
        with writing(store, preview=chosen.preview) as connection:
            now = utc_now()  # known from here on, not from when the files were begun to be read
            for file in files:
                before = store_factors.all_factors(connection)
                learned = [
                    msgspec.structs.replace(one, known_from=now) for one in file.found.factors
                ]
                changes = store_factors.add(connection, learned)
                if changes.new or changes.changed:
                    audit.by_command(
                        connection,
                        now,
                        "import factors",
                        before=[old for old, _ in changes.changed],
                        after={
                            "file": file.path.name,
                            "new": len(changes.new),
                            "changed": [new for _, new in changes.changed],
                        },
                    )
                after = store_factors.all_factors(connection)
                told = [*_said(file, changes), *_applies(file.found, before, after)]
                report += [f"{file.path}: {line}" for line in told]
    finally:
        store.close()
    report += [SAID] if chosen.preview else []
    sys.stdout.write("".join(f"footprint: {line}\n" for line in report))
    return 0


def _read(path: Path, published: str | None, now: datetime) -> _File:
    lines = FileLines(path, _WHAT)
    lines.check()
    first = lines.head()
    try:
        for what, recognises, read in _FORMATS:
            if recognises(first):
                return _File(path, what, read(FileLines(path, what), published, now))
        return _File(path, "table of factors", _table(path, now))
    except FactorError as error:
        raise CommandError(f"{path}: {error}; nothing was imported") from error


_WHAT = "a file of factors"


def _table(path: Path, now: datetime) -> Found:
    found = factor_table.parse_lines(FileLines(path, _WHAT).text(), now)
    return Found(found, len(found), [])


def _ademe(lines: FileLines, _published: str | None, now: datetime) -> Found:
    return ademe.read(lines, now)


def _said_when(published: str | None) -> str:
    try:
        if not _DAY.fullmatch(published or ""):
            raise ValueError
        date.fromisoformat(published or "")
    except ValueError:
        raise FactorError(
            "this file does not say when it was published; say it with --published YYYY-MM-DD"
        ) from None
    return published or ""


def _aib(lines: FileLines, published: str | None, now: datetime) -> Found:
    return aib.read(lines, _said_when(published), now)


def _owid(lines: FileLines, published: str | None, now: datetime) -> Found:
    from babel.core import get_global  # noqa: PLC0415 - slow to import

    when = _said_when(published)
    aliases = get_global("territory_aliases")
    zones = {
        code: names[0] for code, names in aliases.items() if len(code) == 3 and len(names) == 1
    }
    return owid.read(lines, zones, when, now)


def _electricity_maps(lines: FileLines, _published: str | None, now: datetime) -> Found:
    return electricity_maps.read(lines.whole(electricity_maps.MOST_BYTES + 1), now)


_Reader = Callable[[FileLines, str | None, datetime], Found]
_FORMATS: tuple[tuple[str, Callable[[bytes], bool], _Reader], ...] = (
    ("ADEME's Base Empreinte", ademe.recognises, _ademe),
    ("AIB's residual mixes", aib.recognises, _aib),
    ("Our World in Data's table", owid.recognises, _owid),
    ("Electricity Maps' years", electricity_maps.recognises, _electricity_maps),
)


def _said(file: _File, changes: "Difference") -> list[str]:
    found = file.found
    lines = [f"{file.what}: {found.rows} rows, {len(found.factors)} factors", *found.remarks]
    for before, after in changes.changed[:SHOWN]:
        lines.append(f"changed: {after.id}: {_value(before)} becomes {_value(after)}")
    if len(changes.changed) > SHOWN:
        lines.append(f"changed: {len(changes.changed) - SHOWN} more")
    lines.append(f"{len(changes.new)} new, {len(changes.changed)} changed, {changes.same} as held")
    return lines


def _applies(found: Found, before: list[Factor], after: list[Factor]) -> Iterator[str]:
    """Every day from which another headline factor applies than before: what figures rest on."""
    zones = {one.zone for one in found.factors if one.subject == ELECTRICITY}
    for zone in sorted(zones):
        was, is_ = ([one for one in held if one.zone == zone] for held in (before, after))
        days = {one.valid_from for one in is_} | {one.valid_to for one in is_ if one.valid_to}
        last = None
        for day in sorted(days):
            old, new = _headline(was, zone, day), _headline(is_, zone, day)
            if old != new and (old, new) != last:
                yield f"applies from {day} in {zone}: {new} instead of {old}"
            last = (old, new)


def _headline(held: list[Factor], zone: str, day: date) -> str:
    try:
        use = headline(held, zone, day, _NEVER)
    except FactorError:
        return "none"
    return f"{use.value.normalize():f} {use.unit}{' (provisional)' if use.provisional else ''}"


def _value(factor: Factor) -> str:
    return f"{factor.value:f} {factor.unit} ({factor.source}, {factor.published})"
