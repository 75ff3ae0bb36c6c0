"""SQL of ledgers, whatever their pages hold: heads, evidence, and the rows that follow from pages.

In: which tables a kind of pages has. Out: `Chains`, which reads and extends its ledgers. Nothing is
updated but a head, by a conditional UPDATE that checks that it moved it.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, tuple_
from sqlmodel import SQLModel

from footprint import ledger
from footprint.interval import to_us
from footprint.service import store_bulk, tables

Row = dict[str, Any]
Content = tuple[Any, ...]
"""A row in the order of its table's columns."""
P = TypeVar("P", bound=ledger.Linked)


class Dated(NamedTuple, Generic[P]):
    """A page with its interval in microseconds, reckoned once for all the rows that follow."""

    page: P
    start_us: int
    end_us: int


def dated(page: P) -> Dated[P]:
    """The page with its interval."""
    return Dated(page, to_us(page.start), to_us(page.end))


Derived = tuple[tuple[type[SQLModel], Callable[[Dated[P]], list[Content]]], ...]
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


class HeldHead(NamedTuple):
    """A ledger's head, and the latest end of its accepted pages."""

    head: ledger.Head
    end_us: int | None


class Move(NamedTuple):
    """A head on its way from `old` to page `seq`; `end_us`, the latest end of accepted pages, never
    goes back, and is None where none came."""

    old: ledger.Head
    seq: int
    hash: str
    end_us: int | None

    @property
    def key(self) -> tuple[str, str]:
        """Host and ledger."""
        return self.old.host_id, self.old.ledger_id


class HeadMovedError(RuntimeError):
    """Somebody else moved a head within this transaction's time: cannot be, but is checked."""


EVER = (0, 2**63 - 1)


class Chains(Generic[P]):
    """The ledgers of one kind of pages, in the tables of their heads and evidence, and the tables
    that are `derived` from them."""

    def __init__(self, head: type[SQLModel], page: type[SQLModel], derived: "Derived[P]") -> None:
        self.derived = derived
        self.page_model = page
        self._head = head_rows = tables.table(head)
        self._page = page_rows = tables.table(page)
        # Built once: what runs for every page of a batch.
        of_ledger = "WHERE host_id = ? AND ledger_id = ?"
        name = head_rows.name
        self._head_of = f"SELECT seq, hash, end_us FROM {name} {of_ledger}"  # noqa: S608 - our names
        self._of_hosts = (
            f"SELECT host_id, ledger_id, seq, hash, end_us FROM {name} WHERE host_id IN ()"  # noqa: S608 - our names
        )
        self._move_head = (
            f"UPDATE {name} SET seq = ?, hash = ?, end_us = "  # noqa: S608 - our names
            "CASE WHEN end_us > ? THEN end_us ELSE coalesce(?, end_us) END "
            f"{of_ledger} AND seq = ? AND hash = ?"
        )
        self._hashes_of = select(page_rows.c.seq, page_rows.c.hash).where(
            page_rows.c.host_id == bindparam("host"),
            page_rows.c.ledger_id == bindparam("ledger"),
            page_rows.c.seq.in_(bindparam("numbers", expanding=True)),
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
        found = store_bulk.found(connection, self._head_of, host_id, ledger_id)
        seq, page_hash, _ = found[0] if found else (-1, ledger.GENESIS, None)
        return ledger.Head(host_id, ledger_id, seq, page_hash)

    def head_end_us(self, connection: Connection, host_id: str, ledger_id: str) -> int | None:
        """The latest end of its ledger's accepted pages that a head row gives."""
        found = store_bulk.found(connection, self._head_of, host_id, ledger_id)
        return found[0][2] if found else None

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

    def of_hosts(self, connection: Connection, hosts: Collection[str]) -> list[HeldHead]:
        """Every head of `hosts`."""
        return [
            HeldHead(ledger.Head(*row), end_us)
            for *row, end_us in store_bulk.found_among(connection, self._of_hosts, hosts)
        ]

    def move_heads(self, connection: Connection, moves: Sequence[Move]) -> None:
        """Move heads, each of another ledger."""
        begun = [
            (*move.key, move.seq, move.hash, move.end_us) for move in moves if move.old.seq < 0
        ]
        store_bulk.insert(connection, self._head, begun)
        moved = [
            (move.seq, move.hash, move.end_us, move.end_us, *move.key, move.old.seq, move.old.hash)
            for move in moves
            if move.old.seq >= 0
        ]
        if store_bulk.change_many(connection, self._move_head, moved) != len(moved):
            raise HeadMovedError(f"one of {len(moved)} heads is not where it was found")

    def hashes(
        self, connection: Connection, host_id: str, ledger_id: str, numbers: Sequence[int]
    ) -> dict[int, str]:
        """The hashes of a ledger's pages of these numbers that are held."""
        key = {"host": host_id, "ledger": ledger_id, "numbers": numbers}
        return {row.seq: row.hash for row in connection.execute(self._hashes_of, key)}

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

    def insert_pages(self, connection: Connection, rows: Sequence[PageRow]) -> None:
        """Keep pages' evidence."""
        store_bulk.insert(connection, self._page, [_evidence(row) for row in rows])

    def replace_pages(self, connection: Connection, rows: Sequence[PageRow]) -> None:
        """Exchange the rows of pages that are held for these, whose state is another."""
        held = self._page
        for row in rows:
            connection.execute(
                delete(held).where(
                    held.c.host_id == row.host_id,
                    held.c.ledger_id == row.ledger_id,
                    held.c.seq == row.seq,
                )
            )
        self.insert_pages(connection, rows)

    def quarantined(
        self, connection: Connection, came_us: tuple[int, int] = EVER, hosts: Collection[str] = ()
    ) -> list[Any]:
        """Pages of `hosts` (none: of all) that came in [from, to) and were left out, in the order
        of hosts and time."""
        rows = self._page
        query = select(rows).where(
            rows.c.state == literal_column("'quarantined'"),
            rows.c.known_from_us >= came_us[0],
            rows.c.known_from_us < came_us[1],
        )
        if hosts:
            query = query.where(rows.c.host_id.in_(tuple(hosts)))
        order = (rows.c.host_id, rows.c.start_us, rows.c.ledger_id, rows.c.seq)
        return list(connection.execute(query.order_by(*order)))

    def reasons(
        self, connection: Connection, limit: int
    ) -> tuple[list[tuple[str, str, int, str]], int]:
        """Why pages were left out, of some that came last: host, ledger, number, reason; and how
        many more there are."""
        rows = self._page
        left_out = rows.c.state == literal_column("'quarantined'")
        query = (
            select(rows.c.host_id, rows.c.ledger_id, rows.c.seq, rows.c.reason)
            .where(left_out)
            .order_by(rows.c.known_from_us.desc(), rows.c.host_id, rows.c.ledger_id, rows.c.seq)
            .limit(limit)
        )
        found = [tuple(row) for row in connection.execute(query)]
        count = connection.execute(select(func.count()).where(left_out)).scalar_one()
        return found, count - len(found)

    def insert_content(self, connection: Connection, pages: Sequence[Dated[P]]) -> None:
        """Keep what accepted pages say, as rows that can be summed."""
        for model, derive in self.derived:
            rows = [row for page in pages for row in derive(page)]
            store_bulk.insert(connection, tables.table(model), rows)

    def ledger_pages(self, connection: Connection, host_id: str, ledger_id: str) -> Any:
        """Every page held of a ledger in order, as its row."""
        rows = self._page
        return connection.execute(
            select(rows)
            .where(rows.c.host_id == host_id, rows.c.ledger_id == ledger_id)
            .order_by(rows.c.seq)
        )


def _evidence(row: PageRow) -> Content:
    start_us, end_us = row.interval_us or (None, None)
    accepted = not row.reason
    return (
        row.host_id,
        row.ledger_id,
        row.seq,
        row.hash,
        start_us,
        end_us,
        row.known_from_us,
        "accepted" if accepted else "quarantined",
        row.reason,
        row.body,
        start_us if accepted else row.known_from_us,
    )


def derived_rows(
    connection: Connection, model: type[SQLModel], host_id: str, ledger_id: str
) -> list[Content]:
    """The rows of one derived table and ledger, in the order of their pages."""
    found = tables.table(model)
    rows = connection.execute(
        select(found)
        .where(found.c.host_id == host_id, found.c.ledger_id == ledger_id)
        .order_by(found.c.seq, found.c.ordinal)
    )
    return [tuple(row) for row in rows]


def keyed(of: Dated[Any], contents: Sequence[Content]) -> list[Content]:
    """Rows of a page's contents in order, each with the page's key and its place."""
    page, start_us, _ = of
    host_id, ledger_id, seq = page.host_id, page.ledger_id, page.seq
    return [
        (host_id, start_us, ledger_id, seq, ordinal, *row) for ordinal, row in enumerate(contents)
    ]
