"""The sums that every fault ends with: what a service holds, recomputed, and checked by fsck.

In: a database. Out: totals in microjoules; AssertionError where the database disagrees with itself.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from footprint.ledger import Page, decode
from footprint.service import fsck
from footprint.service.fsck_ledger import Checked
from footprint.service.place import Place
from footprint.service.store import open_store


class Held(msgspec.Struct, frozen=True):
    """A page as a service holds it."""

    host_id: str
    ledger_id: str
    seq: int
    hash: str
    body: bytes
    state: str

    @property
    def key(self) -> tuple[str, str, int]:
        """Host, ledger and number."""
        return self.host_id, self.ledger_id, self.seq


def held_pages(database: Path) -> list[Held]:
    """Every page of a SQLite database, in the order in which they came."""
    names = ", ".join(field for field in Held.__struct_fields__)
    query = f"SELECT {names} FROM page ORDER BY known_from_us, host_id, ledger_id, seq"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return [Held(*row) for row in opened.execute(query)]


def total_uj(database: Path) -> int:
    """Energy of a SQLite database's derived entries."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return int(opened.execute("SELECT coalesce(sum(energy_uj), 0) FROM entry").fetchone()[0])


def entries_uj(pages: Sequence[Page]) -> int:
    """Energy of pages' entries."""
    return sum(entry.energy_uj for page in pages for entry in page.entries)


def accepted_uj(pages: Sequence[Held]) -> int:
    """Energy of the pages that count, from their bytes."""
    return entries_uj([decode(page.body) for page in pages if page.state == "accepted"])


def check(place: Place) -> Checked:
    """fsck finds nothing wrong, after the start that a service would make."""
    store = open_store(place, create=True, migrate=True, now=datetime.now(UTC))
    checked = Checked()
    try:
        with store.read() as connection:
            wrong = list(fsck.check(connection, checked))
    finally:
        store.close()
    assert wrong == []
    return checked
