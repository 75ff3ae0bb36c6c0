"""SQL of closed months and of publications: rows are added, and neither changed nor taken out.

In: a connection. Out: `Closed`, and what was kept with it as bytes.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec
import zstandard
from sqlalchemy import Connection, select, text

from footprint import json_text, published_file
from footprint.interval import from_us, to_us
from footprint.publication_restated import Then
from footprint.published_file import PublishedFileError, Sealed
from footprint.service import tables, tables_closings
from footprint.statement import Statement

_CLOSED = tables.table(tables_closings.ClosedMonth)
_PUBLISHED = tables.table(tables_closings.PublishedMonth)
_LOCK = 0x666F6F75  # of our own, for the transaction: months are numbered one after the other
_LEVEL = 10


class Closed(msgspec.Struct, frozen=True):
    """A closed month: its number, the hash of its publication and of the one before (None: of the
    first), as of when its figures are known, when and by whom it was closed, and since when
    everybody may read it (None: not yet)."""

    month: str
    number: int
    hash: str
    previous: str | None
    as_of: datetime
    closed: datetime
    actor: str
    published: datetime | None


def lock(connection: Connection) -> None:
    """Hold others back from closing until the transaction ends; of SQLite there is one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def months(connection: Connection) -> list[Closed]:
    """All of them, in the order in which they were closed."""
    published = {row.month: row.at_us for row in connection.execute(select(_PUBLISHED))}
    names = ("month", "number", "hash", "previous", "as_of_us", "at_us", "actor")
    query = select(*(_CLOSED.c[name] for name in names)).order_by(_CLOSED.c.number)
    return [
        Closed(
            row.month,
            row.number,
            row.hash,
            row.previous or None,
            from_us(row.as_of_us),
            from_us(row.at_us),
            row.actor,
            from_us(published[row.month]) if row.month in published else None,
        )
        for row in connection.execute(query)
    ]


def of(connection: Connection, month: str) -> Closed | None:
    """One of them."""
    return next((one for one in months(connection) if one.month == month), None)


def file(connection: Connection, month: str) -> bytes:
    """The file of a closed month, as it was made then."""
    query = select(_CLOSED.c.publication).where(_CLOSED.c.month == month)
    return _unpacked(connection.execute(query).scalar_one())


def then(connection: Connection) -> dict[str, Then]:
    """What all of them said, by month."""
    query = select(_CLOSED.c.month, _CLOSED.c.publication, _CLOSED.c.statement)
    return {
        row.month: Then(
            published_file.decoded(_unpacked(row.publication)).publication,
            msgspec.json.decode(_unpacked(row.statement), type=Statement),
        )
        for row in connection.execute(query)
    }


def statement(connection: Connection, month: str) -> Statement:
    """The statement of the facts that a closed month was made of."""
    query = select(_CLOSED.c.statement).where(_CLOSED.c.month == month)
    return msgspec.json.decode(_unpacked(connection.execute(query).scalar_one()), type=Statement)


def faults(connection: Connection) -> Iterator[str]:
    """What of closed months is not as it was made, one line each: files are read and added up, and
    each has the hash of the one before."""
    before: Closed | None = None
    for closed in months(connection):
        number, previous = (before.number + 1, before.hash) if before else (1, None)
        if (closed.number, closed.previous) != (number, previous):
            yield f"{closed.month}: does not follow from number {number - 1}"
        before = closed
        try:
            found = published_file.read(file(connection, closed.month))
        except (PublishedFileError, zstandard.ZstdError) as error:
            yield f"{closed.month}: {error}"
            continue
        one = found.publication
        held = (closed.month, closed.number, closed.hash, closed.previous, closed.as_of)
        if (one.month, one.number, found.hash, one.previous, one.as_of) != held:
            yield f"{closed.month}: its row says otherwise than its file"


def add(connection: Connection, closed: Closed, sealed: Sealed, stated: Statement) -> None:
    """Keep a month that is closed."""
    values = {
        "number": closed.number,
        "month": closed.month,
        "hash": closed.hash,
        "previous": closed.previous or "",
        "as_of_us": to_us(closed.as_of),
        "at_us": to_us(closed.closed),
        "actor": closed.actor,
        "publication": _packed(published_file.written(sealed)),
        "statement": _packed(json_text.encode(stated)),
    }
    connection.execute(_CLOSED.insert(), values)


def publish(connection: Connection, month: str, at: datetime, who: str) -> None:
    """Let everybody read a closed month from now on."""
    connection.execute(_PUBLISHED.insert(), {"month": month, "at_us": to_us(at), "actor": who})


def _packed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(content)


def _unpacked(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(content)
