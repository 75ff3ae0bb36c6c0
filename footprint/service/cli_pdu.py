"""`footprint import pdu FILE... --hosts FILE.yaml`: energy of racks, all or nothing.

In: exports of the feeds of racks, and which rack powers which hosts. Out: node facts in the
database, and a report of everything that was read, dropped or found missing. The exports of all
feeds of a rack belong in one import: half a rack is no figure, and exit code 1 once the other racks
of the import are stored.
"""

import argparse
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from footprint import pdu
from footprint.interval import from_us, paris_date, to_us
from footprint.nodes import NodeEnergy
from footprint.service import place, rack_file
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.file_lines import FileLines
from footprint.service.rack_file import Rack, RackFile

KIND = "pdu"
_US = 1_000_000
Files = dict[str, dict[str, list[Path]]]
"""Exports by rack and feed."""


class Export(msgspec.Struct, frozen=True):
    """A file that was read whole."""

    path: Path
    sha256: str


class RackEnergy(msgspec.Struct):
    """What the exports of one rack say: the facts, the files they come from, the report."""

    facts: list[NodeEnergy] = []
    exports: list[Export] = []
    report: list[str] = []
    lacking: list[str] = []
    """The feeds of which there is no file, or no usable row in it."""


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="CSV, one per feed")
    parser.add_argument(
        "--hosts",
        type=Path,
        required=True,
        metavar="FILE.yaml",
        help="which rack, by its feeds, powers which hosts since when",
    )
    place.add_option(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Import exports; reports each rack and feed, and how many facts are new."""
    from footprint.service import audit, store_nodes  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415

    racks = rack_file.read(chosen.hosts)
    files = _by_feed(racks, chosen.files)
    now = utc_now()
    store = open_store(chosen.database, create=True, migrate=True, now=now)
    report, lacking, new = [], [], 0
    try:
        energies = [
            (rack, read_rack(rack, files[rack.code], now))
            for rack in racks.racks
            if rack.code in files
        ]
        with store.write() as connection:
            now = utc_now()
            known_us = store_nodes.next_us(connection, to_us(now))
            sources = []
            for rack, found in energies:
                lacking += found.lacking
                added = store_nodes.add(connection, found.facts, known_us)
                report += found.report
                new += added
                if added:
                    sources += [
                        store_nodes.Source(export.path.name, export.sha256, meter(rack))
                        for export in found.exports
                    ]
            if sources:
                store_nodes.add_sources(connection, KIND, sources, known_us)
                audit.by_command(connection, now, f"import {KIND}", after=sources)
    finally:
        store.close()
    lines = [*report, f"{new} new facts in {chosen.database}"]
    sys.stdout.write("".join(f"footprint: {line}\n" for line in lines))
    if lacking:
        raise CommandError(
            f"nothing could be known of {len(lacking)} rack(s): {'; '.join(lacking[:5])}: a rack's "
            "energy is the sum of all its feeds; give the files of all of them in one import"
        )
    return 0


def _by_feed(racks: RackFile, paths: list[Path]) -> Files:
    files: Files = {}
    for path in paths:
        rack, feed = racks.feed_of(path.name)
        files.setdefault(rack, {}).setdefault(feed, []).append(path)
    return files


def meter(rack: Rack) -> str:
    """The name of a rack's meter."""
    return f"{KIND}:{rack.code}"


def read_rack(rack: Rack, files: dict[str, list[Path]], now: datetime) -> RackEnergy:
    """The energy of a rack from the exports of its feeds. Raises CommandError with file, line."""
    found = RackEnergy()
    feeds = []
    for name in rack.feeds:
        feed = pdu.Feed()
        for path in files.get(name, []):
            found.exports.append(_read(path, feed, now))
        feeds.append(feed)
        if not feed.rows:
            what = "no usable row" if files.get(name) else "no file"
            found.lacking.append(f"{meter(rack)}: {what} of feed {name}")
        found.report.append(f"{meter(rack)}: feed {name}: {_said(feed, files.get(name, []))}")
    energy = pdu.rack(feeds)
    found.facts = [fact for step in energy.steps if (fact := _fact(rack, step))]
    integrated = sum(fact.quality == "integrated" for fact in found.facts)
    found.report.append(
        f"{meter(rack)}: {len(found.facts)} intervals of 5 minutes known "
        f"({integrated} from power), {energy.missing} unknown ({energy.resets} for a counter that "
        f"fell, {energy.implausible} for more than a feed can carry), "
        f"{len(energy.steps) - len(found.facts)} while it powers no host"
    )
    return found


def _said(feed: pdu.Feed, paths: list[Path]) -> str:
    if not paths:
        return (
            "no file: nothing of this rack is known; give the files of all its feeds in one import"
        )
    return (
        f"{feed.read} rows, {feed.duplicates} duplicates dropped, {feed.conflicts} contradicting "
        f"rows, {feed.off_step} not on 5 minutes, {feed.blank} without values"
    )


def _fact(rack: Rack, step: pdu.Step) -> NodeEnergy | None:
    start_us = step.start_s * _US
    hosts = rack.hosts(paris_date(from_us(start_us)))
    if not hosts:
        return None
    end_us = to_us(from_us(start_us) + timedelta(seconds=pdu.STEP_SECONDS))
    return NodeEnergy(start_us, end_us, meter(rack), hosts, step.energy_uj, step.quality)


def _read(path: Path, feed: pdu.Feed, now: datetime) -> Export:
    lines = FileLines(path, "a PDU export")
    try:
        for row in pdu.parse(lines.text(), now):
            feed.add(row)
    except pdu.PduError as error:
        raise CommandError(f"{path}: {error}; nothing was imported") from error
    return Export(path, lines.sha256)
