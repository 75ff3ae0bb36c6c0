"""Where the facts are kept: a SQLite file, or a database of a PostgreSQL server.

In: what `--database` was given. Out: a `Place`, which messages may show: it holds no password.
"""

import argparse
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

DEFAULT = Path("footprint.db")
SCHEMES = ("postgresql", "postgres")


class PlaceError(Exception):
    """A database that cannot be named like that; the message says why and the remedy."""


class Server(msgspec.Struct, frozen=True):
    """A database of a PostgreSQL server, as libpq's connection URI names it."""

    url: str

    def __str__(self) -> str:
        return self.url


Place = Path | Server


def parse(text: str) -> Place:
    """The place that `text` names: `postgresql://...`, anything else is a file."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in SCHEMES:
        return Path(text)
    url = f"postgresql://{rest}"
    try:
        parts = urlsplit(url)
        secret = parts.password is not None
    except ValueError as error:
        raise PlaceError(f"--database: {scheme}://...: {error}") from error
    if secret or any(name == "password" for name, _ in parse_qsl(parts.query)):
        raise PlaceError(
            "--database: every user of this host can read a password on the command line; "
            "put it into ~/.pgpass, or a file that PGPASSFILE names"
        )
    if not parts.path.strip("/"):
        raise PlaceError(
            "--database: names no database of the server; write postgresql://USER@HOST/NAME"
        )
    return Server(url)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which database it is about."""
    parser.add_argument(
        "--database",
        type=parse,
        default=DEFAULT,
        metavar="PATH",
        help="SQLite file, or postgresql://USER@HOST/NAME (default: ./%(default)s)",
    )
