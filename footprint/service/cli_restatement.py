"""`footprint restatement`: what a month is now against what was known then, with what changed it.

In: a month and the instant as of which it was stated (a published statement says it: `as_of`). Out:
the restatement as JSON or CSV on standard output. Both statements are made by the same code.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from footprint.interval import to_us
from footprint.restatement import Cause, Kind, Restatement, compare
from footprint.service import cli_statement
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footprint.service import subjects
    from footprint.statement import Statement

FORMATS = ("json", "csv")
_LISTS: dict[Kind, str] = {
    "sia": "sia",
    "server": "servers",
    "site": "sites",
    "external": "externals",
}
_TELLING = {"name", "purpose", "stage", "hosting", "charter", "owner", "users"}
"""What the register says of an entry that no figure rests on."""


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="month (Europe/Paris)")
    parser.add_argument(
        "--since",
        required=True,
        metavar="INSTANT",
        help="as of when it was stated: 2026-12-05T00:00:00Z",
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--project", metavar="CODE", help="one project's share")
    scope.add_argument("--sia", metavar="CODE", help="one SIA")
    parser.add_argument("--format", choices=FORMATS, default="json")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the restatement to standard output."""
    found = _made(chosen)
    text = msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"
    sys.stdout.write(text if chosen.format == "json" else _csv(found))
    return 0


def _made(chosen: argparse.Namespace) -> Restatement:
    from footprint.service import reports, rollups, subjects  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    since = cli_statement.instant(chosen.since, "--since")
    asked = subjects.Asked(chosen.month, chosen.project, chosen.sia)
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with rollups.settled(store, utc_now) as (connection, now):
            if since > now:
                raise CommandError(f"--since {chosen.since}: is yet to come; give an earlier one")
            new = reports.statement(connection, asked, chosen.zone, now, rolled=True)
            old = _stated(connection, asked, chosen.zone, since)
            return compare(old, new, _register(connection, since))
    except subjects.ReportError as error:
        raise CommandError(f"restatement: {error}") from error
    finally:
        store.close()


def _stated(
    connection: "Connection", asked: "subjects.Asked", zone: str, since: datetime
) -> "Statement":
    """As known then, of a scope that is known now."""
    from footprint.service import reports, subjects  # noqa: PLC0415 - slow to import

    try:
        return reports.statement(connection, asked, zone, since, rolled=False)
    except subjects.ReportError as error:
        if not error.unknown:
            raise
        raise CommandError(
            f"restatement: --since {since.isoformat()}: {asked.project or asked.sia} was not "
            "known then; give a later instant"
        ) from error


def _register(connection: "Connection", since: datetime) -> Iterator[Cause]:
    """What figures rest on and the register says otherwise than it did (hardware is told by what it
    makes), and pages that were taken in again, which leave every head where it was: the audit log
    has them."""
    from footprint.service import readmit, store_audit  # noqa: PLC0415 - slow to import
    from footprint.service.known import known_at  # noqa: PLC0415 - slow to import

    for event in store_audit.lines(connection, to_us(since)):
        if event.action.startswith(readmit.ACTION):
            yield Cause("pages", event.host_id or "", None, event.action)
    before, now = known_at(connection, to_us(since)), known_at(connection)
    for kind, name in _LISTS.items():
        old, new = getattr(before, name), getattr(now, name)
        for code in sorted({*old, *new}):
            was, is_ = old.get(code), new.get(code)
            if _counting(was) != _counting(is_):
                yield Cause(kind, code, _words(was), _words(is_))


def _counting(one: msgspec.Struct | None) -> dict[str, object] | None:
    """What figures rest on of an entry."""
    if one is None:
        return None
    return {name: getattr(one, name) for name in one.__struct_fields__ if name not in _TELLING}


def _words(one: msgspec.Struct | None) -> str | None:
    return None if one is None else msgspec.json.encode(one).decode()


def _csv(found: Restatement) -> str:
    """Rows of what changed and of causes, each kind with a header of its own."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    for name in ("month", "since", "as_of", "method_version"):
        told = getattr(found, name)
        writer.writerow((f"# {name}", told.isoformat() if isinstance(told, datetime) else told))
    writer.writerow(("# scope", found.scope.kind, found.scope.code))
    writer.writerow(("consumer", "others", "measure", "old", "new", "difference"))
    for row in found.changed:
        numbers = (row.old, row.new, row.difference)
        writer.writerow((_safe(row.consumer), row.others or "", row.measure, *numbers))
    writer.writerow(("cause", "id", "old", "new", "source"))
    for one in found.causes:
        writer.writerow((one.kind, *map(_safe, (one.id, one.old, one.new, one.source))))
    return text.getvalue()


def _safe(text: str | None) -> str | None:
    """A text that no spreadsheet takes for a formula, as in a statement's CSV."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text
