"""`footprint close`: closes the month that has ended last, or another; publishes it if told to.

In: a database. Out: what was closed on standard output, one line. Run again, it changes nothing: a
timer may call it on the announced day and again after a failure.
"""

import argparse
import sys

from footprint.service.clock import utc_now
from footprint.service.errors import CommandError


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--month", metavar="YYYY-MM", help="month (Europe/Paris; default: the one that ended last)"
    )
    parser.add_argument("--publish", action="store_true", help="let everybody read it")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Close, and publish where that is asked for."""
    from footprint.service import audit, closing, subjects  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    work = closing.Work(
        store,
        utc_now,
        chosen.zone,
        audit.COMMAND,
        lambda connection, action, closed: audit.by_command(
            connection, utc_now(), action, after=closed
        ),
    )
    month = chosen.month or closing.last_month(utc_now())
    try:
        closed = closing.close(work, month)
        if chosen.publish:
            closed = closing.publish(work, month)
    except subjects.ReportError as error:
        raise CommandError(f"close: {error}") from error
    finally:
        store.close()
    state = f"published {closed.published.isoformat()}" if closed.published else "not published"
    sys.stdout.write(
        f"footprint: {closed.month}: number {closed.number}, closed {closed.closed.isoformat()}, "
        f"{state}; hash {closed.hash}\n"
    )
    return 0
