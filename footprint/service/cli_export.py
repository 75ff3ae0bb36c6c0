"""`footprint export registry`: the register as a file that can be imported again."""

import argparse
import sys
from typing import Any

import msgspec

from footprint.service import place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

LISTED = ("directorates", "projects", "sia")


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    kind = kinds.add_parser("registry", help="the whole register as YAML, or a list as CSV")
    kind.add_argument("--format", choices=("yaml", "csv"), default="yaml")
    kind.add_argument("--list", choices=LISTED, dest="name", help="the list that a CSV has")
    place.add_option(kind)
    kind.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the register, as it is known now, to standard output."""
    from footprint.service import registry_csv, store_register  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    if (chosen.format == "csv") != (chosen.name is not None):
        raise CommandError("export: a CSV has one list: give --format csv and --list NAME together")
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with store.read() as connection:
            held = store_register.held(connection)
    finally:
        store.close()
    if chosen.name:
        sys.stdout.write(registry_csv.text(chosen.name, getattr(held, chosen.name)))
    else:
        sys.stdout.write(_yaml(held))
    return 0


def _yaml(register: Any) -> str:
    """As `registry_file` reads it, without what nobody said."""
    import yaml  # noqa: PLC0415 - slow to import

    content = {
        name: [_said(item) for item in items]
        for name, items in msgspec.to_builtins(register).items()
        if items
    }
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)


def _said(value: Any) -> Any:
    """Without what is None or empty, at every level."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one not in (None, [], {})}
    return value
