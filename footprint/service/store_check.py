"""SQL that only `footprint fsck` needs: everything held, to be compared with the pages."""

from typing import Any

from sqlalchemy import Connection, select, text
from sqlmodel import SQLModel

from footprint.ledger import Head
from footprint.service import store_pages, tables

_HEAD = tables.table(tables.LedgerHead)
_PAGE = tables.table(tables.Page)
_DEVICE = tables.table(tables.Device)


def integrity(connection: Connection) -> list[str]:
    """What the database itself finds wrong."""
    messages = connection.execute(text("PRAGMA integrity_check(10)")).scalars()
    return [message for message in messages if message != "ok"]


def heads(connection: Connection) -> list[Head]:
    """Every head row."""
    rows = connection.execute(select(_HEAD).order_by(_HEAD.c.host_id, _HEAD.c.ledger_id))
    return [Head(row.host_id, row.ledger_id, row.seq, row.hash) for row in rows]


def ledgers(connection: Connection) -> set[tuple[str, str]]:
    """Host and ledger of everything held, derived rows included."""
    found: set[tuple[str, str]] = set()
    models: list[type[SQLModel]] = [tables.Page, *(model for model, _ in store_pages.DERIVED)]
    for model in models:
        rows = tables.table(model)
        query = select(rows.c.host_id, rows.c.ledger_id).distinct()
        found |= {(row.host_id, row.ledger_id) for row in connection.execute(query)}
    return found


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
