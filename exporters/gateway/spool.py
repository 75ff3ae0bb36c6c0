"""The reader's durable memory: pages of usage, what may still change them, and every counter.

In one transaction: drafts, the pages that they became, and where each counter stood, so that a
count is in a draft or still in the gateway's counter, and never in both. What is kept of a series
is a digest under a key in a file beside the spool, readable by its owner alone: no team's, key's or
user's name is on disk.
"""

import contextlib
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from exporters import sqlite_file
from exporters.errors import SpoolError
from exporters.gateway import sealing
from exporters.gateway.book import KEEP_US, Draft
from exporters.gateway.counting import Marks
from exporters.ledger_file import LedgerFile
from footprint.usage import Cause, Origin

KEY_BYTES = 32
T = TypeVar("T")


class Stand(msgspec.Struct):
    """Where an endpoint stands: until when its counts are in drafts, why it cannot be read now, the
    start of the process that counts. `marks`, kept apart: None before the first look."""

    covered_us: int
    failing: Cause | None = None
    started: float | None = None
    begun: bool = False


class Unsaved(msgspec.Struct):
    """What changed of an endpoint's counters; `anew`: those known before are no more."""

    marks: Marks
    anew: bool = False


class UsageSpool(LedgerFile):
    """One reader's ledger, drafts and counters."""

    VERSION = 101
    SCHEMA = """
CREATE TABLE draft (
    start_us INTEGER PRIMARY KEY,
    end_us INTEGER NOT NULL,
    sealed INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE endpoint (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE counter (
    endpoint TEXT NOT NULL,
    series BLOB NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (endpoint, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE known (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    key_check BLOB NOT NULL,
    first_us INTEGER,
    newest_us INTEGER NOT NULL
) STRICT;
"""

    def __init__(self, path: Path, host_id: str, origin: Origin) -> None:
        """Open or begin the spool and its key. Raises SpoolError."""
        super().__init__(path, host_id)
        self._origin = origin
        try:
            self.key = self._own_key(path.with_suffix(".key"))
        except BaseException:
            self.close()
            raise

    @property
    def newest_us(self) -> int:
        """The latest instant that is known here (0: none): time must not begin before it."""
        with self._using() as db:
            return int(db.execute("SELECT newest_us FROM known").fetchone()[0])

    def stands(self) -> dict[str, Stand]:
        """Where every endpoint stood, by its digest."""
        with self._using() as db:
            rows = db.execute("SELECT name, body FROM endpoint").fetchall()
        return {name: self._read(body, Stand) for name, body in rows}

    def marks(self, endpoint: str) -> Marks:
        """What its counters showed."""
        with self._using() as db:
            query = "SELECT series, total FROM counter WHERE endpoint = ?"
            return dict(db.execute(query, (endpoint,)).fetchall())

    def open_drafts(self) -> list[Draft]:
        """Drafts that are not sealed yet, oldest first."""
        return self._drafts("sealed = 0", ())

    def drafts(self, start_us: int, end_us: int) -> list[Draft]:
        """Drafts of which a part lies in [start_us, end_us), sealed ones too, oldest first."""
        return self._drafts("start_us < ? AND end_us > ?", (end_us, start_us))

    def save(
        self,
        newest_us: int,
        drafts: Iterable[Draft],
        due: Sequence[Draft] = (),
        stands: dict[str, Stand] | None = None,
        unsaved: dict[str, Unsaved] | None = None,
    ) -> None:
        """Keep it all and seal what is `due` as the next pages, in one transaction.

        Raises SpoolError where the disk does not take it; nothing is written then.
        """
        with self._writing() as db:
            for draft in drafts:
                self._keep(draft)
            for draft in due:
                self._seal(draft)
            for name, counters in (unsaved or {}).items():
                self._count_from(name, counters)
            db.executemany(
                "INSERT INTO endpoint VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET body = excluded.body",
                [(name, msgspec.json.encode(stand)) for name, stand in (stands or {}).items()],
            )
            db.execute(
                "UPDATE known SET newest_us = max(newest_us, ?), "
                "first_us = coalesce(first_us, (SELECT min(start_us) FROM draft))",
                (newest_us,),
            )
            if self.KEEP_US is not None:
                db.execute(
                    "DELETE FROM draft WHERE sealed = 1 AND end_us < ?", (newest_us - KEEP_US,)
                )

    def _keep(self, draft: Draft, *, sealed: bool | None = None) -> None:
        if sealed is not None:
            draft = msgspec.structs.replace(draft, sealed=sealed)
        self._db.execute(
            "INSERT INTO draft VALUES (?, ?, ?, ?) ON CONFLICT (start_us) "
            "DO UPDATE SET end_us = excluded.end_us, sealed = excluded.sealed, "
            "body = excluded.body",
            (draft.start_us, draft.end_us, draft.sealed, msgspec.json.encode(draft)),
        )

    def _seal(self, draft: Draft) -> None:
        def body(seq: int, previous_hash: str) -> bytes:
            link = sealing.Link(self.host_id, self.ledger_id, seq, previous_hash)
            return self._body(draft, link)

        self._keep(draft, sealed=True)
        self._append(draft.end_us, body)

    def _body(self, draft: Draft, link: sealing.Link) -> bytes:
        return sealing.body(draft, self._origin, link)

    def _count_from(self, endpoint: str, unsaved: Unsaved) -> None:
        if unsaved.anew:
            self._db.execute("DELETE FROM counter WHERE endpoint = ?", (endpoint,))
        self._db.executemany(
            "INSERT INTO counter VALUES (?, ?, ?) "
            "ON CONFLICT (endpoint, series) DO UPDATE SET total = excluded.total",
            [(endpoint, series, total) for series, total in unsaved.marks.items()],
        )

    def _drafts(self, where: str, values: tuple[int, ...]) -> list[Draft]:
        query = f"SELECT body FROM draft WHERE {where} ORDER BY start_us"  # noqa: S608 - ours
        with self._using() as db:
            rows = db.execute(query, values).fetchall()
        return [self._read(body, Draft) for (body,) in rows]

    def _read(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SpoolError(
                f"spool: what {self.path} keeps cannot be read: {error}; "
                "was it written by a newer reader?"
            ) from error

    def _own_key(self, path: Path) -> bytes:
        """The key of the digests: made with the spool, and never another one's."""
        with self._using() as db:
            row = db.execute("SELECT key_check FROM known").fetchone()
        key = _read_key(path) if row or path.exists() else _make_key(path)
        check = hashlib.blake2b(b"footprint gateway", key=key, digest_size=16).digest()
        if row is None:
            with self._using() as db, db:
                db.execute("INSERT INTO known VALUES (1, ?, NULL, 0)", (check,))
        elif row[0] != check:
            raise SpoolError(
                f"spool: {path} is not the key that {self.path} was written with, so that no "
                "counter could be found again; restore it, or move both away to begin a new ledger"
            )
        return key


def cover(path: Path) -> tuple[int, int] | None:
    """From when until when the reader of this spool has looked, also while it runs; None where it
    never has. Raises SpoolError."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT first_us, newest_us FROM known").fetchone()
    except sqlite_file.UNREADABLE as error:
        raise SpoolError(
            f"spool: cannot read {path}: {error}; check the folder's rights"
        ) from error
    return (row[0], row[1]) if row and row[0] is not None else None


def _read_key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SpoolError(
            f"spool: cannot read {path}: {error.strerror}; the spool beside it cannot be used "
            "without: restore it, or move both away to begin a new ledger"
        ) from error
    if len(key) != KEY_BYTES:
        raise SpoolError(
            f"spool: {path} is no key of {KEY_BYTES} bytes; restore it, or move it and the spool "
            "away to begin a new ledger"
        )
    return key


def _make_key(path: Path) -> bytes:
    """A new key on disk: in a file of its own first, so that no half of one is found."""
    key = secrets.token_bytes(KEY_BYTES)
    half = path.with_suffix(".half")
    try:
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SpoolError(
            f"spool: cannot write {path}: {error.strerror}; check the folder's rights and space"
        ) from error
    return key
