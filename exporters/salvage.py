"""What can still be read of a damaged spool, and the small file beside it that says where it stood.

In: the file as it was set aside. Out: the pages that are what was sealed, and the checkpoint.
Whatever cannot be read is left out; nothing here fails.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from exporters import sqlite_file
from footprint.interval import to_us
from footprint.ledger import Page, PageError, Parent, canonical_bytes, decode, hash_bytes


class Stand(msgspec.Struct, frozen=True):
    """Where a ledger stood when its last page was sealed: kept in a file of its own."""

    host_id: str
    last: Parent
    end_us: int


class Salvaged:
    """A damaged spool that was set aside, read as far as it can be. `host_id`: whose it must be."""

    def __init__(self, path: Path, host_id: str) -> None:
        self._path = path
        self._host_id = host_id

    def waiting(self) -> Iterator[Page]:
        """Its pages that the service had not acknowledged, oldest first, one in memory."""
        for seq, acknowledged in sorted(self._numbers().items()):
            page = None if acknowledged else self._page(seq)
            if page is not None:
                yield page

    def checkpoint(self) -> bytes | None:
        """The checkpoint's bytes."""
        row = self._row("SELECT body FROM checkpoint")
        return row[0] if row and isinstance(row[0], bytes) else None

    def last(self) -> Stand | None:
        """Its newest page that can be read."""
        for seq in sorted(self._numbers(), reverse=True):
            page = self._page(seq)
            if page is not None:
                last = Parent(
                    ledger_id=page.ledger_id, seq=seq, hash=hash_bytes(canonical_bytes(page))
                )
                return Stand(self._host_id, last, to_us(page.end))
        return None

    def _numbers(self) -> dict[int, bool]:
        """Which pages there seem to be, by whether they were acknowledged: read from the oldest on,
        then from the newest back, each until something cannot be read."""
        found: dict[int, bool] = {}
        for order in ("ASC", "DESC"):
            with contextlib.suppress(*sqlite_file.UNREADABLE), self._open() as db:
                query = f"SELECT seq, acknowledged FROM page ORDER BY seq {order}"  # noqa: S608
                for seq, acknowledged in db.execute(query):
                    found[seq] = bool(acknowledged)
        return found

    def _page(self, seq: int) -> Page | None:
        """A page, where it is what was sealed: SQLite does not notice a changed byte."""
        row = self._row("SELECT body, hash FROM page WHERE seq = ?", seq)
        if row is None or not isinstance(row[0], bytes) or hash_bytes(row[0]) != row[1]:
            return None
        try:
            page = decode(row[0])
        except PageError:
            return None
        return page if page.host_id == self._host_id else None

    def _row(self, query: str, *values: int) -> tuple[Any, ...] | None:
        with contextlib.suppress(*sqlite_file.UNREADABLE), self._open() as db:
            row: tuple[Any, ...] | None = db.execute(query, values).fetchone()
            return row
        return None

    def _open(self) -> "contextlib.closing[sqlite3.Connection]":
        return contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True))


def owner(path: Path) -> str | None:
    """Whose a spool is; None where that cannot be read."""
    with contextlib.suppress(*sqlite_file.UNREADABLE):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT host_id FROM ledger").fetchone()
        return str(row[0]) if row else None
    return None


def forget_stand(spool: Path) -> None:
    """What was noted was another host's."""
    _beside(spool).unlink(missing_ok=True)


def write_stand(spool: Path, stand: Stand) -> None:
    """Note where the ledger stands; a disk that does not take it is no error."""
    with contextlib.suppress(OSError):
        sqlite_file.write_whole(_beside(spool), msgspec.json.encode(stand).decode())


def read_stand(spool: Path) -> Stand | None:
    """What was noted, None where nothing readable is."""
    try:
        return msgspec.json.decode(_beside(spool).read_bytes(), type=Stand)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _beside(spool: Path) -> Path:
    return spool.with_suffix(".stand")
