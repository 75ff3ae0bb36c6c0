"""The agent's durable memory: sealed pages until the service holds them, and the open page.

A page and the checkpoint that no longer holds it are written in one transaction, so that no energy
is in both or in neither. What keeps and sends pages is `ledger_file`'s.
"""

from collections.abc import Sequence

import msgspec

from exporters.drafts import Chain, Draft, seal
from exporters.errors import SpoolError
from exporters.ledger_file import LedgerFile
from exporters.sampler import Track
from footprint.interval import from_us, to_us
from footprint.ledger import canonical_bytes, decode


class Checkpoint(msgspec.Struct):
    """Everything needed to go on after a kill: the boot, the open drafts and every track."""

    boot_id: str
    start_us: int
    drafts: list[Draft]
    tracks: list[Track]
    clock_offset_us: int = 0
    host: dict[str, str] = {}


class Spool(LedgerFile):
    """One host's ledger on disk, and the checkpoint."""

    VERSION = 1
    SCHEMA = """
CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    body BLOB NOT NULL
) STRICT;
"""

    def load(self) -> Checkpoint | None:
        """The last checkpoint, or None for a new ledger."""
        with self._using() as db:
            row = db.execute("SELECT body FROM checkpoint").fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=Checkpoint)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SpoolError(
                f"spool: the checkpoint in {self.path} cannot be read: {error}; "
                "was it written by a newer agent?"
            ) from error

    def save(self, checkpoint: Checkpoint, sealed: Sequence[Draft] = ()) -> None:
        """Seal drafts as the next pages and keep the checkpoint, in one transaction.

        Raises SpoolError where the disk does not take it; nothing is written then.
        """
        with self._writing() as db:
            for draft in sealed:
                self._seal(draft, checkpoint)
            db.execute(
                "INSERT INTO checkpoint VALUES (1, ?) "
                "ON CONFLICT (only) DO UPDATE SET body = excluded.body",
                (msgspec.json.encode(checkpoint),),
            )

    def _seal(self, draft: Draft, checkpoint: Checkpoint) -> None:
        def body(seq: int, previous_hash: str) -> bytes:
            chain = Chain(
                host_id=self.host_id,
                ledger_id=self.ledger_id,
                boot_id=checkpoint.boot_id,
                seq=seq,
                previous_hash=previous_hash,
                clock_offset_us=checkpoint.clock_offset_us,
                host=checkpoint.host,
            )
            page = canonical_bytes(seal(draft, chain))
            decode(page)  # a page that nobody can use must never leave: better to stop here
            return page

        self._append(draft.end_us, body)


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
