"""SQL of the audit log: lines are added, numbered and chained by hash, and leave by age alone.

In: a write transaction and an `Event`. Out: its `Line`. Every line has the hash of the one before
it, as pages have (`footprint.ledger`): one that is changed, taken out or put in breaks the chain,
which `footprint fsck` follows. Triggers refuse a change of a line, and that one leaves that is not
older than `LEAST_KEPT_US` (migration 0017).
"""

import hashlib
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, func, or_, select, text

from footprint.service import tables, tables_access

LEAST_KEPT_US = 30 * 86_400_000_000
"""The triggers' measure, back from the newest line."""
FIRST_PREVIOUS = "0" * 64
_EVENT = tables.table(tables_access.AuditEvent)
_LOCK = 0x666F6F74  # of our own, for the transaction: lines are numbered one after the other


class Event(msgspec.Struct, frozen=True):
    """Who did what, for which host, with which outcome; `before` and `after`: what was changed, as
    JSON, None where there was nothing."""

    at_us: int
    actor: str
    action: str
    host_id: str | None
    outcome: str
    before: str | None = None
    after: str | None = None


class Line(Event, frozen=True, kw_only=True):
    """An event with its place in the log, and the hashes of the line before and of itself."""

    seq: int
    previous: str
    hash: str


def hash_of(seq: int, previous: str, event: Event) -> str:
    """SHA-256 over the line as a JSON array: number, the hash before, the event's members."""
    members = (getattr(event, name) for name in Event.__struct_fields__)
    return hashlib.sha256(msgspec.json.encode([seq, previous, *members])).hexdigest()


def add(connection: Connection, event: Event) -> None:
    """Add a line."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    newest = select(_EVENT.c.seq, _EVENT.c.hash).order_by(_EVENT.c.seq.desc()).limit(1)
    last = connection.execute(newest).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, FIRST_PREVIOUS)
    chained = {"seq": seq, "previous": previous, "hash": hash_of(seq, previous, event)}
    connection.execute(_EVENT.insert(), msgspec.structs.asdict(event) | chained)


def drop(connection: Connection, before_us: int) -> None:
    """Let the lines go that are older, as far as the triggers allow: the newest always stays, so
    that the chain goes on."""
    newest = select(func.max(_EVENT.c.seq)).scalar_subquery()
    newest_us = select(func.max(_EVENT.c.at_us)).scalar_subquery()
    connection.execute(
        _EVENT.delete().where(
            _EVENT.c.at_us < before_us,
            _EVENT.c.at_us < newest_us - LEAST_KEPT_US,
            _EVENT.c.seq < newest,
        )
    )


def lines(
    connection: Connection,
    since_us: int = 0,
    host_id: str | None = None,
    *,
    after_seq: int = 0,
    most: int | None = None,
) -> Iterator[Line]:
    """The log since an instant and after a line, oldest first, of everything or of one host."""
    columns = (_EVENT.c[name] for name in Line.__struct_fields__)
    query = select(*columns).where(_EVENT.c.at_us >= since_us, _EVENT.c.seq > after_seq)
    if host_id is not None:
        query = query.where(or_(_EVENT.c.host_id == host_id, _EVENT.c.actor == host_id))
    for row in connection.execute(query.order_by(_EVENT.c.seq).limit(most)):
        yield Line(**row._mapping)


def faults(connection: Connection) -> Iterator[str]:
    """Where the chain is broken, one line each."""
    before: Line | None = None
    for line in lines(connection):
        if line.hash != hash_of(line.seq, line.previous, line):
            yield f"line {line.seq}: its hash is not that of what it says"
        if before is not None and (line.seq, line.previous) != (before.seq + 1, before.hash):
            yield f"line {line.seq}: does not follow from line {before.seq}"
        before = line
