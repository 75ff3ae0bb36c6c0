"""SQL of what has left the database: months, their files, and where each ledger was cut.

In: a connection. Out: `Left` and `Cut`. Which pages leave, and that they do, is `store_archive`.
"""

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, func, select

from footprint.service import tables, tables_archive

KindName = Literal["energy", "usage"]
_MONTH = tables.table(tables_archive.ArchivedMonth)
_HEAD = tables.table(tables_archive.ArchivedHead)


class Left(msgspec.Struct, frozen=True):
    """A month that has left, without the facts of its statement."""

    month: str
    file: str
    sha256: str
    pages: int
    quarantined: int
    until_us: int
    at_us: int


class Cut(msgspec.Struct, frozen=True, order=True):
    """The last page of a ledger that leaves or has left, and the latest end of the accepted pages
    that are then gone."""

    kind: KindName
    host_id: str
    ledger_id: str
    seq: int
    hash: str
    end_us: int


def months(connection: Connection) -> list[Left]:
    """The months that have left, in their order."""
    names = msgspec.structs.fields(Left)
    query = select(*(_MONTH.c[one.name] for one in names)).order_by(_MONTH.c.until_us)
    return [Left(*row) for row in connection.execute(query)]


def until_us(connection: Connection) -> int:
    """Where the last month ends that has left; 0 where none has."""
    found = connection.execute(select(func.max(_MONTH.c.until_us))).scalar_one()
    return int(found or 0)


def facts(connection: Connection, month: str) -> bytes | None:
    """What was kept for the statement of a month that has left; None where it has not."""
    query = select(_MONTH.c.facts).where(_MONTH.c.month == month)
    return connection.execute(query).scalar_one_or_none()


def heads(connection: Connection, kind: KindName) -> dict[tuple[str, str], Cut]:
    """Where each ledger was cut last, by host and ledger."""
    query = select(_HEAD).where(_HEAD.c.kind == kind).order_by(_HEAD.c.until_us)
    return {(row.host_id, row.ledger_id): _cut(row) for row in connection.execute(query)}


def head_of(connection: Connection, kind: KindName, host_id: str, ledger_id: str) -> Cut | None:
    """Where one ledger was cut last; None where none of its pages has left."""
    query = (
        select(_HEAD)
        .where(_HEAD.c.host_id == host_id, _HEAD.c.kind == kind, _HEAD.c.ledger_id == ledger_id)
        .order_by(_HEAD.c.until_us.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return _cut(row) if row else None


def cut_at(
    connection: Connection, kind: KindName, host_id: str, ledger_id: str, seq: int
) -> Cut | None:
    """The cut of a ledger at one of its pages, if it was made there."""
    query = select(_HEAD).where(
        _HEAD.c.host_id == host_id,
        _HEAD.c.kind == kind,
        _HEAD.c.ledger_id == ledger_id,
        _HEAD.c.seq == seq,
    )
    row = connection.execute(query).first()
    return _cut(row) if row else None


def ends_us(connection: Connection, kind: KindName) -> dict[str, int]:
    """The latest end of accepted pages that have left, by host."""
    query = select(_HEAD.c.host_id, func.max(_HEAD.c.end_us).label("end_us")).where(
        _HEAD.c.kind == kind
    )
    return {row.host_id: row.end_us for row in connection.execute(query.group_by(_HEAD.c.host_id))}


def _cut(row: Any) -> Cut:
    return Cut(row.kind, row.host_id, row.ledger_id, row.seq, row.hash, row.end_us)
