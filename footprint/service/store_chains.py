"""SQL of ledgers, whatever their pages hold: heads, evidence, and the rows that follow from pages.

In: which tables a kind of pages has. Out: `Chains`, which reads and extends its ledgers. Nothing is
updated but a head, by a conditional UPDATE that checks that it moved it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, case, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import SQLModel

from footprint import ledger
from footprint.interval import to_us
from footprint.service import tables

Row = dict[str, Any]
P = TypeVar("P", bound=ledger.Linked)
Derived = tuple[tuple[type[SQLModel], Callable[[P], list[Row]]], ...]
"""Every table whose rows follow from accepted pages alone, and how."""


class PageRow(msgspec.Struct, frozen=True):
    """A page as it is kept. `reason` is empty for an accepted page."""

    host_id: str
    ledger_id: str
    seq: int
    hash: str
    interval_us: tuple[int, int] | None
    known_from_us: int
    reason: str
    body: bytes


class HeldPage(msgspec.Struct, frozen=True):
    """An accepted page that is held: its ledger, number, interval, and since when it is known."""

    ledger_id: str
    seq: int
    interval_us: tuple[int, int]
    known_from_us: int


class HeadMovedError(RuntimeError):
    """Somebody else moved a head within this transaction's time: cannot be, but is checked."""


class Chains(Generic[P]):
    """The ledgers of one kind of pages, in the tables of their heads and evidence, and the tables
    that are `derived` from them."""

    def __init__(self, head: type[SQLModel], page: type[SQLModel], derived: "Derived[P]") -> None:
        self.derived = derived
        self.page_model = page
        self._head = head_rows = tables.table(head)
        self._page = page_rows = tables.table(page)
        # Built once: what runs for every page of a batch.
        self._head_of = select(head_rows.c.seq, head_rows.c.hash, head_rows.c.end_us).where(
            head_rows.c.host_id == bindparam("host"), head_rows.c.ledger_id == bindparam("ledger")
        )
        self._hash_of = select(page_rows.c.hash).where(
            page_rows.c.host_id == bindparam("host"),
            page_rows.c.ledger_id == bindparam("ledger"),
            page_rows.c.seq == bindparam("number"),
        )
        # In the order of the index, so that it is found without a scan.
        self._last_before = (
            select(
                page_rows.c.ledger_id,
                page_rows.c.seq,
                page_rows.c.start_us,
                page_rows.c.end_us,
                page_rows.c.known_from_us,
            )
            .where(
                page_rows.c.host_id == bindparam("host"),
                page_rows.c.start_us < bindparam("before_us"),
                page_rows.c.state == "accepted",
            )
            .order_by(
                page_rows.c.start_us.desc(),
                page_rows.c.end_us.desc(),
                page_rows.c.state.desc(),
                page_rows.c.known_from_us.desc(),
            )
            .limit(1)
        )

    def head(self, connection: Connection, host_id: str, ledger_id: str) -> ledger.Head:
        """The last page held of a ledger; seq -1 and GENESIS where none is."""
        row = connection.execute(self._head_of, {"host": host_id, "ledger": ledger_id}).first()
        seq, page_hash = (row.seq, row.hash) if row else (-1, ledger.GENESIS)
        return ledger.Head(host_id, ledger_id, seq, page_hash)

    def head_end_us(self, connection: Connection, host_id: str, ledger_id: str) -> int | None:
        """The latest end of its ledger's accepted pages that a head row gives."""
        row = connection.execute(self._head_of, {"host": host_id, "ledger": ledger_id}).first()
        return row.end_us if row else None

    def heads(
        self,
        connection: Connection,
        after: tuple[str, str] = ("", ""),
        limit: int | None = None,
    ) -> list[ledger.Head]:
        """Heads in the order of host and ledger, beginning after a pair of them."""
        host_id, ledger_id = self._head.c.host_id, self._head.c.ledger_id
        rows = connection.execute(
            select(self._head)
            .where(tuple_(host_id, ledger_id) > tuple_(*after))
            .order_by(host_id, ledger_id)
            .limit(limit)
        )
        return [ledger.Head(row.host_id, row.ledger_id, row.seq, row.hash) for row in rows]

    def host_count(self, connection: Connection) -> int:
        """How many hosts ever sent a page."""
        query = select(func.count(func.distinct(self._head.c.host_id)))
        return connection.execute(query).scalar_one()

    def last_ends_us(self, connection: Connection) -> dict[str, int]:
        """The end of the newest accepted page of each host."""
        query = (
            select(self._head.c.host_id, func.max(self._head.c.end_us).label("end_us"))
            .where(self._head.c.end_us.is_not(None))
            .group_by(self._head.c.host_id)
        )
        return {row.host_id: row.end_us for row in connection.execute(query)}

    def move_head(
        self,
        connection: Connection,
        old: ledger.Head,
        seq: int,
        page_hash: str,
        end_us: int | None,
    ) -> None:
        """Move a head from `old` to page `seq`; `end_us`, the latest end of accepted pages, never
        goes back, and is None where none came."""
        rows = self._head
        if old.seq < 0:
            connection.execute(
                insert(rows)
                .values(host_id=old.host_id, ledger_id=old.ledger_id, seq=old.seq, hash=old.hash)
                .on_conflict_do_nothing()
            )
        values: dict[str, Any] = {"seq": seq, "hash": page_hash}
        if end_us is not None:
            values["end_us"] = case((rows.c.end_us > end_us, rows.c.end_us), else_=end_us)
        moved = connection.execute(
            update(rows)
            .where(
                rows.c.host_id == old.host_id,
                rows.c.ledger_id == old.ledger_id,
                rows.c.seq == old.seq,
                rows.c.hash == old.hash,
            )
            .values(values)
        )
        if moved.rowcount != 1:
            raise HeadMovedError(f"head of {old.host_id}/{old.ledger_id} is not at page {old.seq}")

    def page_hash(
        self, connection: Connection, host_id: str, ledger_id: str, seq: int
    ) -> str | None:
        """The hash of a page held, None where it is not."""
        key = {"host": host_id, "ledger": ledger_id, "number": seq}
        return connection.execute(self._hash_of, key).scalar_one_or_none()

    def page_body(
        self, connection: Connection, host_id: str, ledger_id: str, seq: int
    ) -> bytes | None:
        """The canonical bytes of a page held, None where it is not."""
        rows = self._page
        query = select(rows.c.body).where(
            rows.c.host_id == host_id, rows.c.ledger_id == ledger_id, rows.c.seq == seq
        )
        return connection.execute(query).scalar_one_or_none()

    def last_before(self, connection: Connection, host_id: str, before_us: int) -> HeldPage | None:
        """The accepted page of the host that began last before an instant, of those with the same
        interval the one known last. Where accepted pages never overlap otherwise, it alone decides
        whether a page that ends at that instant overlaps any.
        """
        found = connection.execute(self._last_before, {"host": host_id, "before_us": before_us})
        row = found.first()
        if row is None:
            return None
        return HeldPage(row.ledger_id, row.seq, (row.start_us, row.end_us), row.known_from_us)

    def insert_page(self, connection: Connection, row: PageRow) -> None:
        """Keep a page's evidence."""
        start_us, end_us = row.interval_us or (None, None)
        connection.execute(
            self._page.insert(),
            {
                "host_id": row.host_id,
                "ledger_id": row.ledger_id,
                "seq": row.seq,
                "hash": row.hash,
                "start_us": start_us,
                "end_us": end_us,
                "known_from_us": row.known_from_us,
                "state": "quarantined" if row.reason else "accepted",
                "reason": row.reason,
                "body": row.body,
            },
        )

    def insert_content(self, connection: Connection, pages: Sequence[P]) -> None:
        """Keep what accepted pages say, as rows that can be summed."""
        for model, derive in self.derived:
            rows = [row for page in pages for row in derive(page)]
            if rows:
                connection.execute(tables.table(model).insert(), rows)

    def ledger_pages(self, connection: Connection, host_id: str, ledger_id: str) -> Any:
        """Every page held of a ledger in order, as its row."""
        rows = self._page
        return connection.execute(
            select(rows)
            .where(rows.c.host_id == host_id, rows.c.ledger_id == ledger_id)
            .order_by(rows.c.seq)
        )


def derived_rows(
    connection: Connection, model: type[SQLModel], host_id: str, ledger_id: str
) -> Any:
    """The rows of one derived table and ledger, in the order of their pages."""
    found = tables.table(model)
    return connection.execute(
        select(found)
        .where(found.c.host_id == host_id, found.c.ledger_id == ledger_id)
        .order_by(found.c.seq, found.c.ordinal)
    ).mappings()


def keyed(page: ledger.Linked, contents: Iterable[Row]) -> list[Row]:
    """Rows of a page's contents in order, each with the page's key and its place."""
    key = {
        "host_id": page.host_id,
        "start_us": to_us(page.start),
        "ledger_id": page.ledger_id,
        "seq": page.seq,
    }
    return [{**key, "ordinal": ordinal, **row} for ordinal, row in enumerate(contents)]
