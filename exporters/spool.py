"""The agent's durable memory: sealed pages until the service holds them, and the open page.

A page and the checkpoint that no longer holds it are written in one transaction, so that no energy
is in both or in neither. A file that is damaged is set aside, and what is whole in it goes into a
new ledger. What keeps and sends pages is `ledger_file`'s.
"""

import contextlib
import logging
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from exporters import salvage, sqlite_file
from exporters.drafts import Chain, Draft, seal
from exporters.errors import DamagedError
from exporters.heir import Bridge, Heir
from exporters.ledger_file import LedgerFile
from exporters.salvage import Salvaged, Stand
from exporters.sampler import Track
from footprint.interval import from_us, to_us
from footprint.ledger import Page, Parent, canonical_bytes, decode

NEVER_US = 2**62
LOOKED_OVER_BYTES = 64 * 1024 * 1024
"""What a start looks over whole: 0.1 s from memory, one from a disk."""

log = logging.getLogger("footprint.spool")


class Checkpoint(msgspec.Struct):
    """Everything needed to go on after a kill: the boot, the open drafts and every track. `lost`:
    all of that was, and `start_us` is where its last page ended."""

    boot_id: str
    start_us: int
    drafts: list[Draft]
    tracks: list[Track]
    clock_offset_us: int = 0
    host: dict[str, str] = {}
    lost: bool = False


_NOTHING = Checkpoint("", 0, [], [])


class Spool(LedgerFile):
    """One host's ledger on disk, and the checkpoint."""

    VERSION = 1
    SCHEMA = """
CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    body BLOB NOT NULL
) STRICT;
"""

    def __init__(self, path: Path, host_id: str, most_bytes: int | None = None) -> None:
        """Open or begin the ledger, in a file of `most_bytes` at most; after one that is damaged or
        gone, one that names it as its parent. Raises SpoolError."""
        super().__init__(path, host_id, most_bytes)
        try:
            self.load()
            self._look_over()
        except DamagedError as error:
            self.begin_anew(error)

    def _open(self) -> None:
        try:
            super()._open()
        except DamagedError as error:
            self.begin_anew(error)
            return
        stand = self._stand() if self.is_new else None
        if stand is not None:
            log.error("spool: %s is gone; a new ledger begins after its last page", self.path)
            self._begin(stand.last, [], _lost(stand))

    def _look_over(self) -> None:
        """Raise DamagedError where the file is broken; a large one shows it when it is used."""
        if self.path.stat().st_size > LOOKED_OVER_BYTES:
            return
        with self._using() as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(f"spool: {self.path} is damaged: {' '.join(found.split())}")

    def begin_anew(self, error: DamagedError, known: Checkpoint | None = None) -> None:
        """Set the damaged file aside and begin a ledger that names it as its parent, with the pages
        that can be read and were not delivered. `known`: the checkpoint, where the meter runs.

        Raises SpoolError where the disk takes no new file.
        """
        with self._lock, contextlib.suppress(AttributeError, *sqlite_file.UNREADABLE):
            self._db.close()
        aside = sqlite_file.set_aside(self.path)
        log.error("%s; it is kept as %s, and a new ledger begins", error, aside.name)
        salvaged = Salvaged(aside, self.host_id)
        stands = [stand for stand in (salvaged.last(), self._stand()) if stand]
        stand = max(stands, key=lambda one: one.end_us, default=None)
        first = next(salvaged.waiting(), None)
        parent = before(first) if first else None
        super()._open()
        checkpoint = known or _read(salvaged.checkpoint()) or (_lost(stand) if stand else None)
        self._begin(parent or (stand.last if stand else None), salvaged.waiting(), checkpoint)

    def _begin(
        self, parent: Parent | None, pages: Iterable[Page], checkpoint: Checkpoint | None
    ) -> None:
        """Make the new file's ledger the heir of another, whose last delivered page only the
        service knows."""
        with self._writing():
            self._name_parent(parent, confirmed=False)
            for item in Heir(None, {}, NEVER_US).pages(pages):
                self._add(item, checkpoint)
            if checkpoint is not None:
                self._keep(checkpoint)

    def load(self) -> Checkpoint | None:
        """The last checkpoint, or None for a new ledger. Raises DamagedError where it is none."""
        with self._using() as db:
            row = db.execute("SELECT body FROM checkpoint").fetchone()
        checkpoint = _read(row[0]) if row else None
        if row and checkpoint is None:
            raise DamagedError(f"spool: the checkpoint in {self.path} cannot be read")
        return checkpoint

    def save(
        self,
        checkpoint: Checkpoint,
        sealed: Sequence[Draft] = (),
        ended: tuple[str, Sequence[Draft]] = ("", ()),
    ) -> None:
        """Seal drafts as the next pages and keep the checkpoint, in one transaction; before them
        those of a boot that `ended`.

        Raises SpoolError where the disk does not take it; nothing is written then.
        """
        self._with_room(lambda: self._save(checkpoint, sealed, ended))
        if sealed or ended[1]:
            self._note_stand()

    def _save(
        self, checkpoint: Checkpoint, sealed: Sequence[Draft], ended: tuple[str, Sequence[Draft]]
    ) -> None:
        with self._writing():
            for draft in ended[1]:
                self._seal(draft, checkpoint, ended[0])
            for draft in sealed:
                self._seal(draft, checkpoint, checkpoint.boot_id)
            self._keep(checkpoint)

    def take_up(
        self,
        parent: Parent | None,
        heir: Heir,
        until_us: int,
        rest: Callable[[], tuple[Checkpoint, Sequence[Draft]]],
    ) -> None:
        """Follow this ledger with a new one, in one transaction: what `heir` takes over of the
        pages, then the checkpoint and the drafts to be sealed that `rest` gives once that is
        known. Delivered pages that end by `until_us` stay, for a service restored from a backup.

        Raises SpoolError where the disk does not take it; nothing has changed then.
        """
        self._with_room(lambda: self._take_up(parent, heir, until_us, rest))
        self._note_stand()

    def _take_up(
        self,
        parent: Parent | None,
        heir: Heir,
        until_us: int,
        rest: Callable[[], tuple[Checkpoint, Sequence[Draft]]],
    ) -> None:
        was = self.ledger_id, self.parent, self.confirmed
        try:
            with self._writing() as db:
                self._retire(db, until_us)
                self.ledger_id = str(uuid.uuid4())
                db.execute("UPDATE ledger SET ledger_id = ?", (self.ledger_id,))
                self._name_parent(parent, confirmed=True)
                rows = db.execute("SELECT body FROM old ORDER BY seq")
                for item in heir.pages(decode(body) for (body,) in rows):
                    self._add(item, _NOTHING)
                db.execute("DROP TABLE old")
                checkpoint, sealed = rest()
                for draft in sealed:
                    self._seal(draft, checkpoint, checkpoint.boot_id)
                self._keep(checkpoint)
        except BaseException:
            self.ledger_id, self.parent, self.confirmed = was
            raise

    def _retire(self, db: sqlite3.Connection, until_us: int) -> None:
        """Put the pages aside under the ledger that they are of."""
        db.execute("DROP INDEX page_waiting")
        db.execute("ALTER TABLE page RENAME TO old")
        for statement in self.PAGE_SCHEMA.split(";"):
            db.execute(statement)
        db.execute(
            "INSERT OR IGNORE INTO former SELECT ?, seq, hash, end_us, body FROM old "
            "WHERE acknowledged = 1 AND end_us <= ?",
            (self.ledger_id, until_us),
        )

    def _name_parent(self, parent: Parent | None, *, confirmed: bool) -> None:
        row = (parent.ledger_id, parent.seq, parent.hash) if parent else (None, None, None)
        self._db.execute("INSERT OR REPLACE INTO lineage VALUES (1, ?, ?, ?, ?)", (*row, confirmed))
        self.parent, self.confirmed = parent, confirmed

    def _keep(self, checkpoint: Checkpoint) -> None:
        self._db.execute(
            "INSERT INTO checkpoint VALUES (1, ?) "
            "ON CONFLICT (only) DO UPDATE SET body = excluded.body",
            (msgspec.json.encode(checkpoint),),
        )

    def _add(self, item: Page | Bridge, checkpoint: Checkpoint | None) -> None:
        """A page taken over, or one that tells of the time between two."""
        if isinstance(item, Bridge):
            self._seal(item.draft, checkpoint or _NOTHING, item.boot_id)
            return

        def body(seq: int, previous_hash: str) -> bytes:
            page = msgspec.structs.replace(
                item,
                ledger_id=self.ledger_id,
                seq=seq,
                previous_hash=previous_hash,
                parent=None if seq else self.parent,
            )
            return canonical_bytes(page)

        self._append(to_us(item.end), body)

    def _seal(self, draft: Draft, checkpoint: Checkpoint, boot_id: str) -> None:
        def body(seq: int, previous_hash: str) -> bytes:
            chain = Chain(
                host_id=self.host_id,
                ledger_id=self.ledger_id,
                boot_id=boot_id,
                seq=seq,
                previous_hash=previous_hash,
                clock_offset_us=checkpoint.clock_offset_us,
                host=checkpoint.host,
                parent=None if seq else self.parent,
            )
            page = canonical_bytes(seal(draft, chain))
            decode(page)  # a page that nobody can use must never leave: better to stop here
            return page

        self._append(draft.end_us, body)

    def _note_stand(self) -> None:
        """Say in a file of its own where the ledger stands."""
        with self._using() as db:
            query = "SELECT seq, hash, end_us FROM page ORDER BY seq DESC LIMIT 1"
            row = db.execute(query).fetchone()
        if row is not None:
            stand = Stand(
                self.host_id, Parent(ledger_id=self.ledger_id, seq=row[0], hash=row[1]), row[2]
            )
            salvage.write_stand(self.path, stand)

    def _stand(self) -> Stand | None:
        stand = salvage.read_stand(self.path)
        return stand if stand and stand.host_id == self.host_id else None


def before(page: Page) -> Parent | None:
    """The page that another one follows in its ledger."""
    if not page.seq:
        return None
    return Parent(ledger_id=page.ledger_id, seq=page.seq - 1, hash=page.previous_hash)


def _lost(stand: Stand) -> Checkpoint:
    """All that is known without a checkpoint: until when pages told."""
    return Checkpoint("", stand.end_us, [], [], lost=True)


def _read(body: bytes | None) -> Checkpoint | None:
    try:
        return msgspec.json.decode(body or b"", type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def close_for_reboot(checkpoint: Checkpoint) -> list[Draft]:
    """The drafts of a boot that ended, the last one cut where its devices were last settled.

    The checkpoint begins anew from there; what follows belongs to the next boot.
    """
    settled_us = max((track.covered_us for track in checkpoint.tracks), default=0)
    drafts = [draft for draft in checkpoint.drafts if draft.start_us < settled_us]
    for draft in drafts:
        draft.end_us = min(draft.end_us, settled_us)
        for track in checkpoint.tracks:
            _close_gap(draft, track)
    checkpoint.drafts = []
    if drafts:
        checkpoint.start_us = drafts[-1].end_us
    return drafts


def _close_gap(draft: Draft, track: Track) -> None:
    """A device behind at the end of its boot is a gap until that end."""
    start_us = max(draft.start_us, track.covered_us)
    if start_us < draft.end_us:
        draft.cover(track.device).gaps.append(
            ["gap", track.failing or "reboot", start_us, draft.end_us]
        )
        track.covered_us = draft.end_us


def newest_instant_us(checkpoint: Checkpoint) -> int:
    """The latest instant the checkpoint knows: time must not begin before it."""
    instants = [checkpoint.start_us, *(track.covered_us for track in checkpoint.tracks)]
    return max(instants, default=to_us(from_us(0)))
