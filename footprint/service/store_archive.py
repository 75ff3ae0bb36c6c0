"""SQL of months that leave: which pages go, and that they do.

Of a ledger all pages up to a cut leave together: the last accepted one that begins before the end
of the month, whatever a quarantined one among them says of its time. A ledger that goes back in
time behind later pages (usage told again) is cut before those; the rest leaves with a later month.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from footprint.interval import from_us, month_of
from footprint.service import (
    store_archived,
    store_bulk,
    store_postgresql,
    tables,
    tables_archive,
    tables_rollups,
)
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.service.store_archived import Cut, KindName, Left

KINDS: dict[KindName, Kind[Any]] = {"energy": ENERGY, "usage": USAGE}
_MONTH = tables.table(tables_archive.ArchivedMonth)
_HEAD = tables.table(tables_archive.ArchivedHead)
_MARK = tables.table(tables_rollups.RollupMark)
_LIGHT = ("seq", "hash", "state", "start_us", "known_from_us")


class Plan(msgspec.Struct, frozen=True):
    """Where ledgers are to be cut, in order; `partly`: of these kinds accepted pages stay that
    begin before the end of the month."""

    cuts: list[Cut]
    partly: list[KindName]


def next_month(connection: Connection, before_us: int) -> str | None:
    """The first month that is held and begins before an instant; None where none does."""
    since_us = store_archived.until_us(connection)
    found = []
    for kind in KINDS.values():
        rows = tables.table(kind.chains.page_model)
        query = select(func.min(rows.c.filed_us)).where(
            rows.c.state == "accepted", rows.c.filed_us >= since_us, rows.c.filed_us < before_us
        )
        found.append(connection.execute(query).scalar_one())
    first_us = min((us for us in found if us is not None), default=None)
    return None if first_us is None else month_of(from_us(first_us))


def plan(connection: Connection, end_us: int) -> Plan:
    """Where every ledger is to be cut so that what begins before `end_us` leaves."""
    found: list[Cut] = []
    partly: list[KindName] = []
    for name in KINDS:
        for cut, whole in _cuts(connection, name, end_us):
            found += [cut] if cut else []
            partly += [] if whole or name in partly else [name]
    return Plan(sorted(found), partly)


def _cuts(connection: Connection, name: KindName, end_us: int) -> Iterator[tuple[Cut | None, bool]]:
    """The cut of each ledger, None where nothing may leave; and whether nothing older stays."""
    rows = tables.table(KINDS[name].chains.page_model)
    keys = (rows.c.host_id, rows.c.ledger_id)
    older = (
        select(*keys, func.max(rows.c.seq).label("seq"), func.max(rows.c.end_us).label("end_us"))
        .where(rows.c.state == "accepted", rows.c.filed_us < end_us)
        .group_by(*keys)
        .subquery()
    )
    later = rows.alias()
    first_later = (
        select(func.min(later.c.seq))
        .where(
            later.c.host_id == older.c.host_id,
            later.c.ledger_id == older.c.ledger_id,
            later.c.seq < older.c.seq,
            later.c.state == "accepted",
            later.c.filed_us >= end_us,
        )
        .scalar_subquery()
    )
    query = select(
        older.c.host_id, older.c.ledger_id, older.c.seq, older.c.end_us, first_later.label("later")
    )
    gone = store_archived.heads(connection, name)
    for host_id, ledger_id, seq, latest_us, later_seq in connection.execute(query).all():
        found: tuple[int, int] | None = (seq, latest_us)
        if later_seq is not None:
            found = _before(connection, rows, (host_id, ledger_id), later_seq)
        if found is None:
            yield None, False
            continue
        last = select(rows.c.hash).where(
            rows.c.host_id == host_id, rows.c.ledger_id == ledger_id, rows.c.seq == found[0]
        )
        cut_before = gone.get((host_id, ledger_id))
        reached_us = max(found[1], cut_before.end_us if cut_before else 0)
        page_hash = connection.execute(last).scalar_one()
        cut = Cut(name, host_id, ledger_id, found[0], page_hash, reached_us)
        yield cut, later_seq is None


def _before(
    connection: Connection, rows: Any, key: tuple[str, str], seq: int
) -> tuple[int, int] | None:
    """Number and latest end of the accepted pages of a ledger before one of them."""
    query = select(func.max(rows.c.seq), func.max(rows.c.end_us)).where(
        rows.c.host_id == key[0],
        rows.c.ledger_id == key[1],
        rows.c.seq < seq,
        rows.c.state == "accepted",
    )
    last, end_us = connection.execute(query).one()
    return None if last is None else (last, end_us)


def sketch(connection: Connection, cut: Cut) -> Sequence[Any]:
    """Number, hash, state, start and arrival of the pages that leave up to a cut, in order."""
    rows = tables.table(KINDS[cut.kind].chains.page_model)
    return connection.execute(_up_to(rows, cut, [rows.c[name] for name in _LIGHT])).all()


def pages(connection: Connection, cut: Cut) -> Sequence[Any]:
    """The pages that leave up to a cut, in order."""
    rows = tables.table(KINDS[cut.kind].chains.page_model)
    return connection.execute(_up_to(rows, cut, list(rows.c))).all()


def _up_to(rows: Any, cut: Cut, columns: list[Any]) -> Any:
    return (
        select(*columns)
        .where(
            rows.c.host_id == cut.host_id,
            rows.c.ledger_id == cut.ledger_id,
            rows.c.seq <= cut.seq,
        )
        .order_by(rows.c.seq)
    )


def hashes(connection: Connection, key: tuple[KindName, str, str]) -> dict[int, str]:
    """The hash of each page held of a ledger."""
    kind, host_id, ledger_id = key
    rows = tables.table(KINDS[kind].chains.page_model)
    query = select(rows.c.seq, rows.c.hash).where(
        rows.c.host_id == host_id, rows.c.ledger_id == ledger_id
    )
    return {row.seq: row.hash for row in connection.execute(query)}


def is_marked(connection: Connection, end_us: int) -> bool:
    """Whether a day before `end_us` waits to be summed again."""
    query = select(_MARK.c.day_us).where(_MARK.c.day_us < end_us).limit(1)
    return connection.execute(query).first() is not None


def remove(connection: Connection, left: Left, facts_kept: bytes, gone: Plan) -> None:
    """Keep that a month has left and where its ledgers were cut, and let go of the pages and of all
    that follows from them but rollups and devices."""
    row = (*msgspec.structs.astuple(left), facts_kept)
    store_bulk.insert(connection, _MONTH, [row])
    store_bulk.insert(
        connection,
        _HEAD,
        [
            (cut.host_id, cut.kind, cut.ledger_id, left.until_us, cut.seq, cut.hash, cut.end_us)
            for cut in gone.cuts
        ],
    )
    if connection.dialect.name == "postgresql":
        for name, kind in KINDS.items():
            content = [tables.table(model).name for model, _ in kind.chains.derived]
            page = tables.table(kind.chains.page_model).name
            names = store_postgresql.Names(name, page, content)
            store_postgresql.drop_months(
                connection, names, left.until_us, whole=name not in gone.partly
            )
        return
    for cut in gone.cuts:
        _delete(connection, cut, left.until_us)


def _delete(connection: Connection, cut: Cut, end_us: int) -> None:
    chains = KINDS[cut.kind].chains
    page = tables.table(chains.page_model).name
    of_ledger = "host_id = ? AND ledger_id = ? AND seq <= ?"
    key = (cut.host_id, cut.ledger_id, cut.seq)
    store_bulk.change(connection, f"DELETE FROM {page} WHERE {of_ledger}", *key)  # noqa: S608 - ours
    for model, _ in chains.derived:
        rows = tables.table(model).name
        statement = f"DELETE FROM {rows} WHERE {of_ledger} AND start_us < ?"  # noqa: S608 - ours
        store_bulk.change(connection, statement, *key, end_us)
