"""`footprint db distribute`: spreads a PostgreSQL database over a Citus cluster, by host."""

import argparse
import sys
from pathlib import Path

from footprint.service import place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError


def add(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    distribute = verbs.add_parser("distribute", help="spread the tables over a Citus cluster")
    place.add_option(distribute)
    distribute.set_defaults(run=_distribute)


def _distribute(chosen: argparse.Namespace) -> int:
    """Spread what is not spread yet, table by table; run again, it goes on."""
    from sqlalchemy import text  # noqa: PLC0415 - slow to import

    from footprint.service import citus  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    if isinstance(chosen.database, Path):
        raise CommandError(
            f"--database {chosen.database}: a file stays in one place; name the coordinator of a "
            "Citus cluster: postgresql://USER@HOST/NAME"
        )
    store = open_store(chosen.database, create=False, migrate=True, now=utc_now())
    try:
        with store.read() as connection:
            if citus.version(connection) is None:
                raise CommandError(
                    f"database {chosen.database}: has no Citus; on the coordinator of a cluster, "
                    "first: CREATE EXTENSION citus"
                )
            for fault in citus.faults(connection):
                raise CommandError(f"database {chosen.database}: {fault}")
            tables = citus.missing(connection)
        for name, statement in tables:
            with store.write() as connection:
                connection.execute(text(statement), {"name": name})
            sys.stdout.write(f"footprint: {chosen.database}: {name} is spread\n")
    finally:
        store.close()
    sys.stdout.write(f"footprint: {chosen.database}: {len(tables)} tables spread, all are\n")
    return 0
