"""`footprint import eco2mix FILE...`: what generated France's electricity, all files or none.

In: RTE's or ODRE's files. Out: quarter-hours in the database, and a report of what was read, left
out, found missing, and how the intensity that follows from generation agrees with the published
one. With `--preview` the report alone: nothing is stored.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from footprint.grid import eco2mix
from footprint.grid.intensity import agreement
from footprint.grid.quarter import NATURES, GridError, Series
from footprint.interval import PARIS, from_us, to_us
from footprint.service import place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.file_lines import FileLines

if TYPE_CHECKING:
    from sqlalchemy import Connection

KIND = "eco2mix"
ZONE = "FR"
_US = 1_000_000


class _File(msgspec.Struct, frozen=True):
    """A file that was read whole."""

    path: Path
    sha256: str
    series: Series


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="of RTE or ODRE")
    parser.add_argument(
        "--preview", action="store_true", help="say what an import would change; store nothing"
    )
    place.add_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Import files; reports each, and how many quarter-hours are new or other than before."""
    from footprint.service.preview import SAID, writing  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415

    files = [_read(path) for path in chosen.files]
    report = [f"{file.path}: {line}" for file in files for line in _said(file.series)]
    store = open_store(chosen.database, create=not chosen.preview, migrate=True, now=utc_now())
    try:
        with writing(store, preview=chosen.preview) as connection:
            now = utc_now()
            for file in files:
                report.append(f"{file.path}: {_add(connection, file, now)}")
    finally:
        store.close()
    report += [SAID] if chosen.preview else []
    sys.stdout.write("".join(f"footprint: {line}\n" for line in report))
    return 0


def _add(connection: "Connection", file: _File, now: datetime) -> str:
    """Store what a file changes; says what that is."""
    from footprint.service import audit, store_grid, store_nodes  # noqa: PLC0415 - see above

    known_us = store_nodes.next_us(connection, to_us(now))
    quarters = [file.series.quarters[start_s] for start_s in sorted(file.series.quarters)]
    found = store_grid.difference(connection, ZONE, quarters, known_us)
    if changed := [*found.new, *found.changed]:
        store_grid.add(connection, ZONE, changed, known_us)
        source = store_nodes.Source(file.path.name, file.sha256, ZONE)
        store_nodes.add_sources(connection, KIND, [source], known_us)
        audit.by_command(connection, now, f"import {KIND}", after=source)
    return (
        f"{len(found.new)} quarter-hours new, {len(found.changed)} changed, {found.same} as held, "
        f"{found.less_final} held more finally"
    )


def _read(path: Path) -> _File:
    lines = FileLines(path, "éCO2mix")
    try:
        series = eco2mix.read(lines)
    except GridError as error:
        raise CommandError(f"{path}: {error}; nothing was imported") from error
    return _File(path, lines.sha256, series)


def _said(series: Series) -> list[str]:
    """What was read, and how it agrees with itself."""
    quarters = series.quarters
    natures = {quarter.nature for quarter in quarters.values()}
    told = agreement(quarters.values())
    return [
        f"{series.read} rows: {len(quarters)} quarter-hours "
        f"({', '.join(name for name in NATURES if name in natures)}) from {_paris(min(quarters))} "
        f"to {_paris(max(quarters))}; {series.blank} rows blank, {series.duplicates} duplicates, "
        f"{series.conflicts} contradicting, {series.unreal} in an hour that does not exist; "
        f"{series.missing()} quarter-hours missing between, {series.not_known} values not known",
        f"direct intensity from generation: {told.worst_g_per_kwh:.2f} g/kWh at most from the "
        f"published rate over {told.quarters} quarter-hours, {told.beyond_1_g} of them more than "
        "1 g/kWh",
    ]


def _paris(start_s: int) -> str:
    return from_us(start_s * _US).astimezone(PARIS).isoformat(timespec="minutes")
