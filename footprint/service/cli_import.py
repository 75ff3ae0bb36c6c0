"""`footprint import registry|factors FILE`: all or nothing (`import pdu` is in cli_pdu,
`import eco2mix` in cli_grid)."""

import argparse
import sys
from pathlib import Path

from footprint.interval import to_us
from footprint.service import cli_grid, cli_pdu, place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    for name, what, run in (
        ("registry", "directorates, projects, SIA and shared servers from YAML", run_registry),
        ("factors", "factors from CSV, as in the shipped table", run_factors),
    ):
        kind = kinds.add_parser(name, help=what)
        kind.add_argument("file", type=Path, metavar="FILE")
        place.add_option(kind)
        kind.set_defaults(run=run)
    cli_pdu.add(kinds.add_parser("pdu", help="energy of racks from the exports of their PDUs"))
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


def run_factors(chosen: argparse.Namespace) -> int:
    """Add factors; says how many are new."""
    from footprint import factors  # noqa: PLC0415 - see above
    from footprint.service import store_factors  # noqa: PLC0415
    from footprint.service.store import open_store  # noqa: PLC0415

    now = utc_now()
    try:
        text = chosen.file.read_text(encoding="utf-8-sig")
        found = factors.parse(text, now)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CommandError(f"{chosen.file}: cannot be read: {reason}") from error
    except factors.FactorError as error:
        raise CommandError(f"{chosen.file}: {error}; nothing was imported") from error
    store = open_store(chosen.database, create=True, migrate=True, now=now)
    try:
        with store.write() as connection:
            added = store_factors.add(connection, found)
    finally:
        store.close()
    sys.stdout.write(f"footprint: {added} new factors in {chosen.database}\n")
    return 0
