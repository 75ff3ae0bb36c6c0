"""One ledger on disk: sealed pages, numbered and chained, kept until the service holds them.

SQLite, WAL, synchronous=FULL: what a commit returned from survives a power cut. What else belongs
to the meter that writes the ledger (an open page, the state of counters) is in tables of the
subclass, and is written in the same transaction as the pages. Acknowledged pages stay 35 days where
there is room, to be sent again to a service restored from a backup; so do those of the ledgers that
this one follows.
"""

import contextlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from exporters import sqlite_file
from exporters.errors import DamagedError, SpoolError, SpoolFullError
from footprint.ledger import GENESIS, Envelope, Head, PageError, PageHead, Parent, hash_bytes

KEEP_ACKNOWLEDGED_US = 35 * 86_400 * 1_000_000
AT_ONCE = 32
"""Pages that go at once where there is no room."""

_SCHEMA = """
CREATE TABLE ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    ledger_id TEXT NOT NULL,
    host_id TEXT NOT NULL
) STRICT;
"""
_PAGES = """
CREATE TABLE page (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    end_us INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX page_waiting ON page (seq) WHERE acknowledged = 0;
"""
_LATER = """
CREATE TABLE IF NOT EXISTS lineage (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    ledger_id TEXT,
    seq INTEGER,
    hash TEXT,
    confirmed INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS former (
    ledger_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    end_us INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (ledger_id, seq)
) STRICT;
"""
"""What an agent that does not know of it can do without: which page this ledger follows, and the
acknowledged pages of ledgers before it."""


_DELETE_FORMER = """
DELETE FROM former WHERE (ledger_id, seq) IN (
    SELECT ledger_id, seq FROM former ORDER BY end_us LIMIT ?
)"""
_DELETE_DELIVERED = """
DELETE FROM page WHERE seq IN (
    SELECT seq FROM page WHERE acknowledged = 1 AND seq < (SELECT max(seq) FROM page)
    ORDER BY seq LIMIT ?
)"""


class Counts(msgspec.Struct, frozen=True):
    """What the spool holds."""

    waiting: int
    acknowledged: int
    bytes: int


class LedgerFile:
    """One ledger. Used from the meter's thread and the pusher's: one lock."""

    VERSION: ClassVar[int]
    """Of the file's format: another one is refused."""
    SCHEMA: ClassVar[str]
    """The subclass's own tables."""
    PAGE_SCHEMA: ClassVar[str] = _PAGES
    KEEP_US: ClassVar[int | None] = KEEP_ACKNOWLEDGED_US
    """How long acknowledged pages stay; None: for good."""

    def __init__(self, path: Path, host_id: str, most_bytes: int | None = None) -> None:
        """Open or begin the ledger, in a file of `most_bytes` at most. Raises SpoolError: what,
        where, remedy."""
        self.path = path
        self.host_id = host_id
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._counted: tuple[int, Counts] | None = None
        self._reserve = sqlite_file.Reserve(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held = sqlite_file.hold(path.with_suffix(".lock"))
        except OSError as error:
            raise sqlite_file.unusable(path, error) from error
        try:
            self._open()
        except BaseException:
            os.close(self._held)
            raise

    def _open(self) -> None:
        """Open the file, which is this process's by now. Raises SpoolError."""
        most, schema = self.most_bytes, f"{_SCHEMA} {_PAGES} {self.SCHEMA}"
        try:
            self._db = sqlite_file.open_file(self.path, schema, self.VERSION, _LATER, most)
        except (OSError, *sqlite_file.UNREADABLE) as error:
            raise sqlite_file.unusable(self.path, error) from error
        try:
            self.ledger_id = self._identify(self.host_id)
            row = self._db.execute("SELECT * FROM lineage").fetchone()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite_file.UNREADABLE):
                raise sqlite_file.unusable(self.path, error) from error
            raise
        self.parent = Parent(ledger_id=row[1], seq=row[2], hash=row[3]) if row and row[1] else None
        self.confirmed = row is None or bool(row[4])
        self._counted = None
        self._reserve.keep()

    def waiting(self, limit: int, most_bytes: int = 2**63) -> list[Envelope]:
        """The oldest pages that the service has not acknowledged, as they were hashed: `limit`
        pages and `most_bytes` bytes at most, but never none where one waits."""
        pages, size = list[Envelope](), 0
        query = "SELECT hash, body FROM page WHERE acknowledged = 0 ORDER BY seq LIMIT ?"
        with self._using() as db, contextlib.closing(db.execute(query, (limit,))) as rows:
            for hash_, body in rows:
                size += len(body)
                if pages and size > most_bytes:
                    break
                pages.append(self._envelope(hash_, body))
        return pages

    def _envelope(self, hash_: str, body: bytes) -> Envelope:
        """A page on its way. SQLite does not notice a changed byte; the service would refuse it
        for ever."""
        if hash_bytes(body) != hash_:
            raise DamagedError(f"spool: a page in {self.path} is not what was sealed")
        return Envelope(hash_, msgspec.Raw(body))

    def acknowledge(self, head_seq: int) -> int:
        """The service holds every page up to `head_seq` (-1: none) and no later one; how many that
        it held before it has lost. Where the disk is full the reserve is given up for it: what is
        acknowledged can be deleted."""
        try:
            return self._acknowledge(head_seq)
        except SpoolFullError:
            self._reserve.drop()
            return self._acknowledge(head_seq)

    def _acknowledge(self, head_seq: int) -> int:
        query = "SELECT count(*) FROM page WHERE acknowledged = 1 AND seq > ?"
        with self._writing() as db:
            (lost,) = db.execute(query, (head_seq,)).fetchone()
            db.execute(
                "UPDATE page SET acknowledged = (seq <= ?) WHERE acknowledged != (seq <= ?)",
                (head_seq, head_seq),
            )
        return int(lost)

    def disagrees(self, head: Head) -> bool:
        """Whether the service's last page of this ledger is not ours of that number, or so old that
        the page after it is not here any more.

        A page that was deleted after its 35 days cannot be compared; it agrees.
        """
        with self._using() as db:
            row = db.execute("SELECT hash FROM page WHERE seq = ?", (head.seq,)).fetchone()
            query = "SELECT coalesce(min(seq), 0), coalesce(max(seq), -1) FROM page"
            oldest, newest = db.execute(query).fetchone()
        return bool(row[0] != head.hash) if row else not oldest - 1 <= head.seq <= newest

    def before(self) -> Parent | None:
        """The page before the oldest one here, None where that is the ledger's first."""
        query = "SELECT seq, body FROM page ORDER BY seq LIMIT 1"
        with self._using() as db:
            row = db.execute(query).fetchone()
        if row is None or row[0] == 0:
            return None
        return Parent(
            self.ledger_id, row[0] - 1, msgspec.json.decode(row[1], type=PageHead).previous_hash
        )

    def confirm(self) -> None:
        """The service has been asked where this ledger takes up."""
        with self._writing() as db:
            db.execute("UPDATE lineage SET confirmed = 1")
        self.confirmed = True

    def former(self) -> dict[str, int]:
        """The ledgers before this one of which pages are kept, and the last number of each."""
        query = "SELECT ledger_id, max(seq) FROM former GROUP BY ledger_id ORDER BY min(end_us)"
        with self._using() as db:
            return dict(db.execute(query).fetchall())

    def former_pages(self, head: Head, limit: int) -> list[Envelope]:
        """The pages of a ledger before this one that follow `head`, where they are still here."""
        query = "SELECT seq, hash, body FROM former WHERE ledger_id = ? AND seq > ? ORDER BY seq"
        with self._using() as db:
            rows = db.execute(f"{query} LIMIT ?", (head.ledger_id, head.seq, limit)).fetchall()
        follows = bool(rows) and rows[0][0] == head.seq + 1
        return [self._envelope(row[1], row[2]) for row in rows] if follows else []

    def bodies(self) -> Iterator[bytes]:
        """Every page kept, oldest first."""
        with self._using() as db:
            rows = db.execute("SELECT body FROM page ORDER BY seq").fetchall()
        return (row[0] for row in rows)

    def counts(self) -> Counts:
        """How much the spool holds; asked for at every tick, counted after a change only."""
        with self._using() as db:
            if self._counted is None or self._counted[0] != db.total_changes:
                self._counted = db.total_changes, self._count(db)
            return self._counted[1]

    def _count(self, db: sqlite3.Connection) -> Counts:
        waiting, total = db.execute(
            "SELECT count(*) FILTER (WHERE acknowledged = 0), count(*) FROM page"
        ).fetchone()
        (former,) = db.execute("SELECT count(*) FROM former").fetchone()
        return Counts(waiting, total + former - waiting, sqlite_file.size(self.path))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
            os.close(self._held)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The database in one transaction that is written whole or not at all.

        Raises SpoolError where the disk does not take it, or a page contradicts itself.
        """
        try:
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
        except PageError as error:
            raise SpoolError(
                f"spool: a page of {self.path} contradicts itself and is not sealed: {error}; "
                "this is a defect of the agent: keep the file and report it"
            ) from error
        except sqlite_file.UNREADABLE as error:
            raise sqlite_file.unwritable(self.path, error) from error

    def _with_room(self, step: Callable[[], None]) -> None:
        """Take a step that writes; where there is no room, delivered pages go first, the oldest
        before all. Raises SpoolFullError where that was not enough."""
        while True:
            try:
                step()
            except SpoolFullError:
                if not self._make_room():
                    self._reserve.keep()
                    raise
            else:
                self._reserve.keep()
                return

    def _make_room(self) -> bool:
        """Delete some delivered pages; whether there were any. The newest page stays: the next one
        follows it."""
        self._reserve.drop()
        with self._writing() as db:
            gone = db.execute(_DELETE_FORMER, (AT_ONCE,)).rowcount
            if not gone:
                gone = db.execute(_DELETE_DELIVERED, (AT_ONCE,)).rowcount
        return gone > 0

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time. Raises SpoolError."""
        try:
            with self._lock:
                yield self._db
        except sqlite_file.UNREADABLE as error:
            raise sqlite_file.unusable(self.path, error) from error

    def _identify(self, host_id: str) -> str:
        row = self._db.execute("SELECT ledger_id, host_id FROM ledger").fetchone()
        self.is_new = row is None
        if row is None:
            ledger_id = str(uuid.uuid4())
            with self._db:
                self._db.execute("INSERT INTO ledger VALUES (1, ?, ?)", (ledger_id, host_id))
            return ledger_id
        if row[1] != host_id:
            raise SpoolError(
                f"spool: {self.path} belongs to host {row[1]}, this is {host_id}; "
                "a spool is not copied between hosts: give this one a state_dir of its own"
            )
        return str(row[0])

    def _append(self, end_us: int, seal: Callable[[int, str], bytes]) -> None:
        """The next page: `seal` makes its bytes from its number and the hash before it."""
        row = self._db.execute("SELECT seq, hash FROM page ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous_hash = (row[0] + 1, row[1]) if row else (0, GENESIS)
        body = seal(seq, previous_hash)
        self._db.execute(
            "INSERT INTO page (seq, hash, end_us, body) VALUES (?, ?, ?, ?)",
            (seq, hash_bytes(body), end_us, body),
        )
        if self.KEEP_US is not None:
            until_us = end_us - self.KEEP_US
            self._db.execute(
                "DELETE FROM page WHERE acknowledged = 1 AND end_us < ? AND seq < ?",
                (until_us, seq),
            )
            self._db.execute("DELETE FROM former WHERE end_us < ?", (until_us,))
