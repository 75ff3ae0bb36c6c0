"""`footprint import hardware FILE`: what hosts are made of, from CSV; `--draft` writes one to begin
with, from what the agents say of their hosts.

In: a file, all of which is taken over or nothing. Out: rows of the register. A draft is a proposal:
the day in service is that of a host's first page, parts are named by their models, and a person has
to check both.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from footprint.embodied import ANYWHERE, BOARD, YEARS
from footprint.factors import HARDWARE
from footprint.interval import (
    FIRST_DAY,
    LAST_DAY,
    Interval,
    from_us,
    paris_date,
    paris_midnight,
)
from footprint.service import hardware_file, place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.file_lines import FileLines

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT_ONCE = 500
FEW_BOARDS = 3
"""A host with more boards than these is taken for a server that was made for them."""


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="CSV, a row a part")
    parser.add_argument(
        "--draft",
        action="store_true",
        help="write a file to begin with, of the hosts of which nothing is registered",
    )
    place.add_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Take hardware over, or draft it."""
    if (chosen.file is None) != chosen.draft:
        raise CommandError("import hardware: give either a FILE or --draft")
    return _draft(chosen) if chosen.draft else _import(chosen)


def _import(chosen: argparse.Namespace) -> int:
    from footprint.service import registry  # noqa: PLC0415 - slow to import
    from footprint.service.register import Register, RegisterError  # noqa: PLC0415
    from footprint.service.store import open_store  # noqa: PLC0415

    lines = FileLines(chosen.file, "a list of hardware")
    lines.check()
    found = hardware_file.read(str(chosen.file), lines.text())
    store = open_store(chosen.database, create=True, migrate=True, now=utc_now())
    try:
        with store.write() as connection:
            register = msgspec.structs.replace(Register(), hardware=found)
            changed = registry.take_by_command(connection, register, utc_now())["hardware"]
    except RegisterError as error:
        raise CommandError(f"{chosen.file}: {error}; nothing was imported") from error
    finally:
        store.close()
    sys.stdout.write(
        f"footprint: hardware of {len(found)} hosts read, {changed} new or changed in "
        f"{chosen.database}\n"
    )
    return 0


def _draft(chosen: argparse.Namespace) -> int:
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    writer = csv.writer(sys.stdout, delimiter=hardware_file.DELIMITER, lineterminator="\n")
    try:
        with store.read() as connection:
            writer.writerow(hardware_file.COLUMNS)
            writer.writerows(_rows(connection))
    finally:
        store.close()
    return 0


class _Sensor(msgspec.Struct, frozen=True):
    component: str | None
    evidence: bool
    parameters: dict[str, str] = {}


class _Face(msgspec.Struct, frozen=True):
    host: dict[str, str]
    sensors: list[_Sensor]


def _rows(connection: "Connection") -> Iterator[tuple[Any, ...]]:
    from footprint.service import (  # noqa: PLC0415 - slow to import
        store_factors,
        store_facts,
        store_hardware,
        store_nodes,
        store_spent,
        store_versions,
    )

    registered = store_hardware.hardware(connection, store_versions.EVER_US)
    hosts = [host for host in store_spent.hosts(connection) if host not in registered]
    known = store_factors.all_factors(connection, ANYWHERE)
    names = {one.subject.removeprefix(HARDWARE) for one in known}
    ever = Interval(paris_midnight(FIRST_DAY), paris_midnight(LAST_DAY))
    for first in range(0, len(hosts), AT_ONCE):
        some = tuple(hosts[first : first + AT_ONCE])
        window = store_facts.Window(ever, store_versions.EVER_US, some)
        began_us: dict[str, int] = {}
        for (host_id, _, _), device in store_facts.devices(connection, window).items():
            began_us[host_id] = min(began_us.get(host_id, device.first_us), device.first_us)
        for host_id, body in store_nodes.newest_bodies(connection, window, some):
            face = msgspec.json.decode(body, type=_Face)
            began = began_us.get(host_id)
            # A host without a device that counts says no day: the field is left to fill.
            day = "" if began is None else paris_date(from_us(began)).isoformat()
            name = _name(face, host_id)
            for part, count in _parts(face, names):
                yield (host_id, name, day, "", YEARS, part, count, "")


def _name(face: _Face, host_id: str) -> str:
    """The host's own words for itself, unless a spreadsheet would take them for a formula or could
    not show them."""
    name = face.host.get("machine") or face.host.get("processor") or host_id
    return name if name.isprintable() and name[0] not in "=+-@" else host_id


def _parts(face: _Face, known: Collection[str]) -> Iterator[tuple[str, int]]:
    """The boards by model, and the server that holds them."""
    own = [one for one in face.sensors if one.component == "gpu" and not one.evidence]
    boards = Counter(_board(one.parameters.get("model", "unknown"), known) for one in own)
    yield from sorted(boards.items())
    yield ("server/gpu-host" if len(own) > FEW_BOARDS else "server/ordinary"), 1


def _board(model: str, known: Collection[str]) -> str:
    """The part whose name is a word of the model's, else one that is named after the model."""
    words = re.findall(r"[a-z0-9]+", model.lower())
    for word in words:
        if f"{BOARD}{word}" in known:
            return f"{BOARD}{word}"
    named = "-".join(words)[:40].strip("-")
    return f"{BOARD}{named}" if named[:1].isalpha() else f"{BOARD}model-{named}"[:40]
