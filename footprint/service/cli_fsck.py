"""`footprint fsck`: whether a database agrees with its evidence; exit code 1 where it does not."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from footprint.service import damage
from footprint.service.clock import utc_now


def run(chosen: argparse.Namespace) -> int:
    """Check everything; one line for each thing that is wrong."""
    from footprint.service import fsck  # noqa: PLC0415 - slow to import
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
        with store.read() as connection:
            for message in fsck.check(connection, checked):
                _say(chosen.database, message)
                wrong += 1
    finally:
        store.close()
    if checked.damaged:
        _say(chosen.database, f"it is damaged; {damage.REMEDY}")
    state = f"{wrong} things are wrong" if wrong else "all is well"
    sys.stdout.write(
        f"footprint: {chosen.database}: {checked.ledgers} ledgers, {checked.pages} pages, "
        f"{checked.quarantined} quarantined: {state}\n"
    )
    return 1 if wrong else 0


def _say_integrity(path: Path) -> None:
    """What SQLite still finds in a file too damaged to be opened as ours."""
    from footprint.service import store_check  # noqa: PLC0415 - slow to import
    from footprint.service.store import Store  # noqa: PLC0415 - slow to import

    store = Store(path)
    # The caller says why: these lines are what can be had before that.
    with suppress(*damage.UNREADABLE), store.read() as connection:
        for message in store_check.integrity(connection):
            _say(path, f"database: {message}")
    store.close()


def _say(path: Path, message: str) -> None:
    sys.stderr.write(f"footprint: {path}: {damage.one_line(message)}\n")
