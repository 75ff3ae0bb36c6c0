"""`footprint fsck`: whether a database agrees with its evidence; exit code 1 where it does not."""

import argparse
import sys
from contextlib import suppress

from footprint.service import damage, place
from footprint.service.clock import utc_now
from footprint.service.errors import one_line
from footprint.service.place import Place


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    place.add_option(parser)
    parser.add_argument(
        "--repair",
        action="store_true",
        help="first make anew what follows from pages (never a page, its state or a head)",
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Check everything; one line for each thing that is wrong."""
    from footprint.service import fsck, repair  # noqa: PLC0415 - slow to import
    from footprint.service.fsck_ledger import Checked  # noqa: PLC0415 - slow to import
    from footprint.service.store import DamageError, open_store  # noqa: PLC0415 - slow to import

    try:
        store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    except DamageError:
        _say_integrity(chosen.database)
        raise
    checked = Checked()
    wrong = 0
    try:
        if chosen.repair:
            for message in repair.repair(store):
                sys.stdout.write(f"footprint: {chosen.database}: {one_line(message)}\n")
        with store.read() as connection:
            for message in fsck.check(connection, checked):
                _say(chosen.database, message)
                wrong += 1
            for message in fsck.quarantined(connection):
                sys.stdout.write(f"footprint: {chosen.database}: {one_line(message)}\n")
    finally:
        store.close()
    if checked.damaged:
        _say(chosen.database, f"it is damaged; {damage.REMEDY}")
    state = f"{wrong} things are wrong" if wrong else "all is well"
    waiting = (
        f"; days that wait to be summed: {checked.days_waiting}" if checked.days_waiting else ""
    )
    sys.stdout.write(
        f"footprint: {chosen.database}: {checked.ledgers} ledgers, {checked.pages} pages, "
        f"{checked.quarantined} quarantined: {state}{waiting}\n"
    )
    return 1 if wrong else 0


def _say_integrity(place: Place) -> None:
    """What the database itself still finds where it is too damaged to be opened as ours."""
    from footprint.service import store_check  # noqa: PLC0415 - slow to import
    from footprint.service.store import Store  # noqa: PLC0415 - slow to import

    store = Store(place)
    # The caller says why: these lines are what can be had before that.
    with suppress(*damage.UNREADABLE), store.read(any_version=True) as connection:
        for message in store_check.integrity(connection):
            _say(place, f"database: {message}")
    store.close()


def _say(where: Place, message: str) -> None:
    sys.stderr.write(f"footprint: {where}: {one_line(message)}\n")
