"""SQL that only `footprint fsck` needs: everything held, to be compared with the pages."""

from sqlalchemy import Connection, select, text
from sqlmodel import SQLModel

from footprint.ledger import Head
from footprint.service import store_pages, tables

_HEAD = tables.table(tables.LedgerHead)
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


def devices(connection: Connection) -> dict[tuple[str, str, str], tuple[int, int]]:
    """First and last cover of every device held."""
    return {
        (row.host_id, row.component, row.device): (row.first_us, row.last_us)
        for row in connection.execute(select(_DEVICE))
    }
