"""`footprint readmit`: pages that were left out while this service's clock was behind count after
all; exit code 1 where one of them still cannot."""

import argparse
import sys

from footprint.service import cli_statement, place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError, one_line


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    for name, what in (
        ("--since", "when this service's clock began to be behind"),
        ("--until", "when it was right again"),
    ):
        parser.add_argument(name, required=True, metavar="INSTANT", help=f"{what}, as it showed")
    parser.add_argument("--host", action="append", default=[], help="of these hosts (all)")
    place.add_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Judge them again; one line each."""
    from footprint.service import readmit  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415

    since = cli_statement.instant(chosen.since, "--since")
    until = cli_statement.instant(chosen.until, "--until")
    if until <= since:
        raise CommandError(f"--until {chosen.until}: is not after --since {chosen.since}")
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    counted = left = 0
    try:
        for counts, line in readmit.readmit(store, since, until, chosen.host, utc_now):
            sys.stdout.write(f"footprint: {one_line(line)}\n")
            counted, left = counted + counts, left + (not counts)
    finally:
        store.close()
    sys.stdout.write(f"footprint: {counted} pages count from now on, {left} stay left out\n")
    return 1 if left else 0
