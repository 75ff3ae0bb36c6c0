"""`footprint fsck`: whether a database agrees with its evidence; exit code 1 where it does not."""

import argparse
import sys

from footprint.service.clock import utc_now


def run(chosen: argparse.Namespace) -> int:
    """Check everything; one line for each thing that is wrong."""
    from footprint.service import fsck  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    checked = fsck.Checked()
    wrong = 0
    try:
        with store.read() as connection:
            for message in fsck.check(connection, checked):
                sys.stderr.write(f"footprint: {chosen.database}: {message}\n")
                wrong += 1
    finally:
        store.close()
    state = f"{wrong} things are wrong" if wrong else "all is well"
    sys.stdout.write(
        f"footprint: {chosen.database}: {checked.ledgers} ledgers, {checked.pages} pages, "
        f"{checked.quarantined} quarantined: {state}\n"
    )
    return 1 if wrong else 0
