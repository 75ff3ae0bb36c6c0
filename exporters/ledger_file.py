"""One ledger on disk: sealed pages, numbered and chained, kept until the service holds them.

SQLite, WAL, synchronous=FULL: what a commit returned from survives a power cut. What else belongs
to the meter that writes the ledger (an open page, the state of counters) is in tables of the
subclass, and is written in the same transaction as the pages. Acknowledged pages stay 35 days, to
be sent again to a service restored from a backup.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from exporters.errors import SpoolError
from footprint.ledger import GENESIS, Envelope, Head, PageError, hash_bytes

KEEP_ACKNOWLEDGED_US = 35 * 86_400 * 1_000_000

_SCHEMA = """
CREATE TABLE ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    ledger_id TEXT NOT NULL,
    host_id TEXT NOT NULL
) STRICT;
CREATE TABLE page (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    end_us INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX page_waiting ON page (seq) WHERE acknowledged = 0;
"""


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
    KEEP_US: ClassVar[int | None] = KEEP_ACKNOWLEDGED_US
    """How long acknowledged pages stay; None: for good."""

    def __init__(self, path: Path, host_id: str) -> None:
        """Open or begin the ledger. Raises SpoolError: what, where, remedy."""
        self.path = path
        self._lock = threading.Lock()
        self._counted: tuple[int, Counts] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held = _hold(path.with_suffix(".lock"))
            self._db = _open(path, self.SCHEMA, self.VERSION)
            self.ledger_id = self._identify(host_id)
        except (OSError, sqlite3.Error) as error:
            raise SpoolError(_unusable(path, error)) from error
        self.host_id = host_id

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
                pages.append(Envelope(hash_, msgspec.Raw(body)))
        return pages

    def acknowledge(self, head_seq: int) -> None:
        """The service holds every page up to `head_seq` (-1: none) and no later one."""
        with self._using() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "UPDATE page SET acknowledged = (seq <= ?) WHERE acknowledged != (seq <= ?)",
                (head_seq, head_seq),
            )

    def disagrees(self, head: Head) -> bool:
        """Whether the service's last page of this ledger is not ours of that number.

        A page that was deleted after its 35 days cannot be compared; it agrees.
        """
        with self._using() as db:
            row = db.execute("SELECT hash FROM page WHERE seq = ?", (head.seq,)).fetchone()
            (newest,) = db.execute("SELECT coalesce(max(seq), -1) FROM page").fetchone()
        return bool(row[0] != head.hash) if row else head.seq > newest

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
        log = self.path.with_name(self.path.name + "-wal")
        size = sum(file.stat().st_size for file in (self.path, log) if file.exists())
        return Counts(waiting, total - waiting, size)

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
        except sqlite3.Error as error:
            raise SpoolError(
                f"spool: cannot write {self.path}: {error}; free some space, nothing is lost "
                "meanwhile as long as the agent runs"
            ) from error

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time. Raises SpoolError."""
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise SpoolError(_unusable(self.path, error)) from error

    def _identify(self, host_id: str) -> str:
        row = self._db.execute("SELECT ledger_id, host_id FROM ledger").fetchone()
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
            self._db.execute(
                "DELETE FROM page WHERE acknowledged = 1 AND end_us < ? AND seq < ?",
                (end_us - self.KEEP_US, seq),
            )


def _unusable(path: Path, error: Exception) -> str:
    return (
        f"spool: cannot use {path}: {error}; check the folder's rights and free space, or "
        "move the file away to begin a new ledger"
    )


def _hold(path: Path) -> int:
    """Keep the spool to this process: two writers would each lose what the other counts."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise SpoolError(
            f"spool: another footprint-agent uses {path.parent}; stop it, or give this one a "
            "state_dir of its own"
        ) from error
    return held


def _open(path: Path, schema: str, known: int) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.executescript(f"BEGIN; {_SCHEMA} {schema} PRAGMA user_version = {known}; COMMIT;")
    elif version != known:
        raise SpoolError(
            f"spool: {path} has format {version}, this agent knows {known}; "
            "install the agent that wrote it, or move the file away to begin a new ledger"
        )
    return db
