"""SQL that only `footprint fsck` needs: everything held, to be compared with the pages."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, inspect, select, text
from sqlmodel import SQLModel

from footprint.service import damage, judge, tables
from footprint.service.kinds import Kind

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


def ledgers(connection: Connection, model: type[SQLModel]) -> set[tuple[str, str]]:
    """Host and ledger of every row of a table of pages, or of what is derived from them."""
    rows = tables.table(model)
    query = select(rows.c.host_id, rows.c.ledger_id).distinct()
    return {(row.host_id, row.ledger_id) for row in connection.execute(query)}


def overlapping(
    connection: Connection,
    kind: Kind[Any],
    ledger: tuple[str, str],
    interval_us: tuple[int, int],
    at_us: int,
) -> bool:
    """Whether an accepted page of the host that was known by an instant shares time in a way that
    keeps another of this ledger out."""
    host_id, ledger_id = ledger
    start_us, end_us = interval_us
    rows = tables.table(kind.chains.page_model)
    query = select(rows.c.ledger_id, rows.c.start_us, rows.c.end_us).where(
        rows.c.host_id == host_id,
        rows.c.state == "accepted",
        rows.c.known_from_us <= at_us,
        rows.c.start_us < end_us,
        rows.c.end_us > start_us,
    )
    return any(
        not kind.restates
        or not judge.restates(
            interval_us, (row.start_us, row.end_us), same_ledger=row.ledger_id == ledger_id
        )
        for row in connection.execute(query)
    )


def rivals(connection: Connection, kind: Kind[Any]) -> list[str]:
    """Hosts of which two accepted pages of one interval are known from the same instant: nothing
    says which of them holds."""
    rows = tables.table(kind.chains.page_model)
    query = (
        select(rows.c.host_id)
        .where(rows.c.state == "accepted")
        .group_by(rows.c.host_id, rows.c.start_us, rows.c.end_us, rows.c.known_from_us)
        .having(func.count() > 1)
    )
    return sorted(set(connection.execute(query).scalars()))


def devices(connection: Connection) -> dict[tuple[str, str, str], Any]:
    """The row of every device held: first and last cover, when known, rated power."""
    return {
        (row.host_id, row.component, row.device): row for row in connection.execute(select(_DEVICE))
    }
