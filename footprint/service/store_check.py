"""SQL that only `footprint fsck` needs: everything held, to be compared with the pages."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, inspect, select, text
from sqlmodel import SQLModel

from footprint.ledger import Head
from footprint.service import damage, tables

_HEAD = tables.table(tables.LedgerHead)
_PAGE = tables.table(tables.Page)
_DEVICE = tables.table(tables.Device)
MOST_LINES = 10


def integrity(connection: Connection) -> list[str]:
    """What the database itself finds wrong, at most `MOST_LINES`."""
    try:
        return _integrity(connection, str(MOST_LINES))
    except damage.UNREADABLE:
        # SQLite gave up at a page that is none, and the driver dropped what it had said: table by
        # table, so that at least the damaged ones are named.
        return list(islice(_integrity_by_table(connection), MOST_LINES))


def _integrity(connection: Connection, argument: str) -> list[str]:
    messages = connection.execute(text(f"PRAGMA integrity_check({argument})")).scalars()
    lines = [line for message in messages for line in str(message).splitlines()]
    return [line for line in lines if line != "ok" and not line.startswith("***")][:MOST_LINES]


def _integrity_by_table(connection: Connection) -> Iterator[str]:
    for name in inspect(connection).get_table_names():
        try:
            quoted = name.replace("'", "''")
            yield from _integrity(connection, f"'{quoted}'")
        except damage.UNREADABLE as error:
            yield f"table {name}: {damage.reason(error)}"


def heads(connection: Connection) -> list[Head]:
    """Every head row."""
    rows = connection.execute(select(_HEAD).order_by(_HEAD.c.host_id, _HEAD.c.ledger_id))
    return [Head(row.host_id, row.ledger_id, row.seq, row.hash) for row in rows]


def ledgers(connection: Connection, model: type[SQLModel]) -> set[tuple[str, str]]:
    """Host and ledger of every row of a table of pages, or of what is derived from them."""
    rows = tables.table(model)
    query = select(rows.c.host_id, rows.c.ledger_id).distinct()
    return {(row.host_id, row.ledger_id) for row in connection.execute(query)}


def head_end_us(connection: Connection, host_id: str, ledger_id: str) -> int | None:
    """The end that a head row gives."""
    query = select(_HEAD.c.end_us).where(_HEAD.c.host_id == host_id, _HEAD.c.ledger_id == ledger_id)
    return connection.execute(query).scalar_one_or_none()


def overlapping(
    connection: Connection, host_id: str, interval_us: tuple[int, int], came_us: int
) -> bool:
    """Whether an accepted page of the host that was known by `came_us` shares time."""
    start_us, end_us = interval_us
    query = (
        select(_PAGE.c.seq)
        .where(
            _PAGE.c.host_id == host_id,
            _PAGE.c.state == "accepted",
            _PAGE.c.known_from_us <= came_us,
            _PAGE.c.start_us < end_us,
            _PAGE.c.end_us > start_us,
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def devices(connection: Connection) -> dict[tuple[str, str, str], Any]:
    """The row of every device held: first and last cover, when known, rated power."""
    return {
        (row.host_id, row.component, row.device): row for row in connection.execute(select(_DEVICE))
    }
