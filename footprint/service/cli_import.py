"""`footprint import registry FILE`: all or nothing; others have their own."""

import argparse
import sys
from pathlib import Path

from footprint.interval import to_us
from footprint.service import cli_factors, cli_grid, cli_hardware, cli_pdu, place
from footprint.service.clock import utc_now


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    kind = kinds.add_parser(
        "registry", help="directorates, projects, SIA, servers, sites, hardware from YAML"
    )
    kind.add_argument("file", type=Path, metavar="FILE")
    place.add_option(kind)
    kind.set_defaults(run=run_registry)
    cli_factors.add(
        kinds.add_parser("factors", help="factors from CSV, ADEME's and others' as published")
    )
    cli_pdu.add(kinds.add_parser("pdu", help="energy of racks from the exports of their PDUs"))
    cli_hardware.add(kinds.add_parser("hardware", help="what hosts are made of, from CSV"))
    cli_grid.add(kinds.add_parser("eco2mix", help="what generated France's electricity, from RTE"))


def run_registry(chosen: argparse.Namespace) -> int:
    """Take a register over; says how many rows are new, by list."""
    from footprint.service import registry, registry_file  # noqa: PLC0415 - slow to import
    from footprint.service.register import RegisterError  # noqa: PLC0415
    from footprint.service.store import open_store  # noqa: PLC0415

    file = registry_file.read(chosen.file)
    now = utc_now()
    store = open_store(chosen.database, create=True, migrate=True, now=now)
    try:
        with store.write() as connection:
            changed = registry.take(connection, file.register, to_us(now))
    except RegisterError as error:
        raise file.error(error) from error
    finally:
        store.close()
    parts = ", ".join(f"{name} {number}" for name, number in changed.items())
    sys.stdout.write(
        f"footprint: {sum(changed.values())} new or changed in {chosen.database}: {parts}\n"
    )
    return 0
