"""`footprint restatement`: what a month is now against what was known then, with what changed it.

In: a month and the instant as of which it was stated (a published statement says it: `as_of`). Out:
the restatement as JSON or CSV on standard output. Both statements are made by the same code.
"""

import argparse
import csv
import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from footprint.restatement import Restatement, compare
from footprint.service import cli_statement
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footprint.service import subjects
    from footprint.statement import Statement

FORMATS = ("json", "csv")


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
    from footprint.service import (  # noqa: PLC0415 - slow to import
        reports,
        restating,
        rollups,
        subjects,
    )
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
            return compare(old, new, restating.causes(connection, since))
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
