"""`footprint import registry FILE`: all or nothing; others have their own."""

import argparse
import sys
from pathlib import Path

from footprint.service import cli_factors, cli_grid, cli_hardware, cli_pdu, place
from footprint.service.clock import utc_now


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    kind = kinds.add_parser(
        "registry",
        help="directorates, projects, SIA, servers, sites and more from YAML, or a list from CSV",
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
    from footprint.service import (  # noqa: PLC0415 - slow to import
        registry,
        registry_csv,
        registry_file,
        store_register,
    )
    from footprint.service.register import LISTS, RegisterError  # noqa: PLC0415
    from footprint.service.store import open_store  # noqa: PLC0415

    reader = registry_csv if chosen.file.suffix.lower() == ".csv" else registry_file
    file = reader.read(chosen.file)
    store = open_store(chosen.database, create=True, migrate=True, now=utc_now())
    try:
        with store.write() as connection:
            held = store_register.held(connection)
            if reader is registry_csv:
                registry_csv.check(file, held)
            register = file.over(held) if file.untold else file.register
            changed = registry.take_by_command(connection, register, utc_now())
    except RegisterError as error:
        raise file.error(error) from error
    finally:
        store.close()
    parts = ", ".join(f"{name} {changed[name]}" for name in LISTS)
    sys.stdout.write(
        f"footprint: {sum(changed.values())} new or changed in {chosen.database}: {parts}\n"
    )
    return 0
