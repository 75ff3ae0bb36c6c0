"""SQL that only `footprint fsck` needs: everything held, to be compared with the pages."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, func, inspect, select, text
from sqlmodel import SQLModel

from footprint.service import damage, judge, store_bulk, tables
from footprint.service.kinds import Kind
from footprint.service.store_chains import Content, Row

_DEVICE = tables.table(tables.Device)
MOST_LINES = 10


def integrity(connection: Connection) -> list[str]:
    """What the database itself finds wrong, at most `MOST_LINES`; PostgreSQL has its own programs
    for that (pg_amcheck, checksums)."""
    if connection.dialect.name != "sqlite":
        return []
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


def overlaps(connection: Connection) -> list[tuple[str, str, int]]:
    """Host, ledger and number of accepted pages of energy that begin before an earlier one of their
    host has ended."""
    rows = tables.table(tables.Page)
    order = (rows.c.start_us, rows.c.end_us, rows.c.ledger_id, rows.c.seq)
    before_us = func.max(rows.c.end_us).over(
        partition_by=rows.c.host_id, order_by=order, rows=(None, -1)
    )
    each = (
        select(rows.c.host_id, rows.c.ledger_id, rows.c.seq, rows.c.start_us, before_us.label("us"))
        .where(rows.c.state == "accepted")
        .subquery()
    )
    keys = (each.c.host_id, each.c.ledger_id, each.c.seq)
    query = select(*keys).where(each.c.us > each.c.start_us).order_by(*keys)
    return [(row.host_id, row.ledger_id, row.seq) for row in connection.execute(query)]


def devices(connection: Connection, host_id: str | None = None) -> dict[tuple[str, str, str], Any]:
    """The row of every device held, of a host or of all: first and last cover, when known, rated
    power."""
    query = select(_DEVICE)
    if host_id is not None:
        query = query.where(_DEVICE.c.host_id == host_id)
    return {(row.host_id, row.component, row.device): row for row in connection.execute(query)}


def replace(
    connection: Connection,
    model: type[SQLModel],
    ledger: tuple[str, str],
    expected: Sequence[Content],
) -> None:
    """Put the rows of a ledger in a derived table in the place of those held."""
    rows = tables.table(model)
    host_id, ledger_id = ledger
    connection.execute(delete(rows).where(rows.c.host_id == host_id, rows.c.ledger_id == ledger_id))
    store_bulk.insert(connection, rows, expected)


def replace_devices(connection: Connection, host_id: str, expected: Sequence[Row]) -> None:
    """Put the device rows of a host in the place of those held."""
    connection.execute(delete(_DEVICE).where(_DEVICE.c.host_id == host_id))
    if expected:
        connection.execute(_DEVICE.insert(), expected)
