"""`footprint archive`: lets old months leave the database as files, and checks such files."""

import argparse
import sys
from pathlib import Path

from footprint.service import place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    place.add_option(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--before", metavar="YYYY-MM", help="let every month before this one leave (Europe/Paris)"
    )
    what.add_argument("--verify", type=Path, metavar="FILE", help="check a file, and nothing else")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where the files go")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Do the one or the other."""
    from footprint.service import archive_file  # noqa: PLC0415 - slow to import

    try:
        return _verify(chosen.verify) if chosen.verify else _archive(chosen)
    except archive_file.ArchiveError as error:
        raise CommandError(f"archive: {error}") from error


def _verify(path: Path) -> int:
    from footprint.service import archive_file  # noqa: PLC0415 - slow to import

    checked = archive_file.verify(path)
    header = checked.header
    sys.stdout.write(
        f"footprint: {path}: {header.month}, {header.pages} pages of {header.ledgers} ledgers, "
        f"{header.quarantined} quarantined: all is well; sha256 {checked.sha256}\n"
    )
    return 0


def _archive(chosen: argparse.Namespace) -> int:
    from footprint.service import archive  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    if chosen.to is None:
        raise CommandError("--to FOLDER: say where the files go")
    now = utc_now()
    before = archive.limit(chosen.before, now)
    store = open_store(chosen.database, create=False, migrate=False, now=now)
    count = 0
    try:
        for left in archive.run(store, chosen.to, before, now):
            count += 1
            sys.stdout.write(
                f"footprint: {chosen.to / left.file}: {left.month}, {left.pages} pages, "
                f"{left.quarantined} quarantined; sha256 {left.sha256}\n"
            )
            sys.stdout.flush()
    finally:
        store.close()
    if not count:
        sys.stderr.write(f"footprint: {chosen.database}: holds no month before {chosen.before}\n")
    return 0
