"""`footprint verify`: checks a published file by itself, without a database or a network.

In: a file. Out: one line that it is as published and adds up, or the first figure that is not.
"""

import argparse
import hmac
import sys
from pathlib import Path

from footprint import published_file
from footprint.published_file import PublishedFileError
from footprint.service.errors import CommandError

MOST_BYTES = 256 * 1024 * 1024


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a published month, as JSON")
    parser.add_argument("--hash", metavar="HEX", help="the hash that was announced")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Check the file."""
    try:
        with chosen.file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"verify: {chosen.file}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise CommandError(f"verify: {chosen.file}: larger than {MOST_BYTES} bytes")
    try:
        file = published_file.read(content)
    except PublishedFileError as error:
        raise CommandError(f"verify: {chosen.file}: {error}") from error
    told = (chosen.hash or file.hash).strip().lower()
    if not hmac.compare_digest(told.encode(), file.hash.encode()):
        raise CommandError(f"verify: {chosen.file}: hash {file.hash}, announced was {told}")
    one = file.publication
    announced = "" if chosen.hash else "; compare it with the one that was announced"
    sys.stdout.write(
        f"footprint: {chosen.file}: {one.month}, number {one.number}, {len(one.lines)} lines: as "
        f"published, and adds up; hash {file.hash}{announced}\n"
    )
    return 0
