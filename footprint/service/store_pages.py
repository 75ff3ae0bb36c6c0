"""SQL of ledgers and pages: heads, evidence, and what is derived from accepted pages."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import SQLModel

from footprint import ledger
from footprint.interval import to_us
from footprint.service import tables

_HEAD = tables.table(tables.LedgerHead)
_PAGE = tables.table(tables.Page)
_DEVICE = tables.table(tables.Device)

Row = dict[str, Any]


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


class HeadMovedError(RuntimeError):
    """Somebody else moved a head within this transaction's time: cannot be, but is checked."""


# Built once: what runs for every page of a batch.
_HEAD_OF = select(_HEAD.c.seq, _HEAD.c.hash).where(
    _HEAD.c.host_id == bindparam("host"), _HEAD.c.ledger_id == bindparam("ledger")
)
_HASH_OF = select(_PAGE.c.hash).where(
    _PAGE.c.host_id == bindparam("host"),
    _PAGE.c.ledger_id == bindparam("ledger"),
    _PAGE.c.seq == bindparam("number"),
)
# Accepted pages never overlap and last a quarter-hour at most: the one that began last before the
# end of a new one decides, which the index finds without a scan.
_LAST_BEFORE = (
    select(_PAGE.c.ledger_id, _PAGE.c.seq, _PAGE.c.end_us)
    .where(
        _PAGE.c.host_id == bindparam("host"),
        _PAGE.c.start_us < bindparam("before_us"),
        _PAGE.c.state == "accepted",
    )
    .order_by(_PAGE.c.start_us.desc())
    .limit(1)
)
_INSERT_PAGE = _PAGE.insert()


def head(connection: Connection, host_id: str, ledger_id: str) -> ledger.Head:
    """The last page held of a ledger; seq -1 and GENESIS where none is."""
    row = connection.execute(_HEAD_OF, {"host": host_id, "ledger": ledger_id}).one_or_none()
    seq, page_hash = (row.seq, row.hash) if row else (-1, ledger.GENESIS)
    return ledger.Head(host_id, ledger_id, seq, page_hash)


def heads(
    connection: Connection, after: tuple[str, str] = ("", ""), limit: int = 1000
) -> list[ledger.Head]:
    """Heads in the order of host and ledger, beginning after a pair of them."""
    rows = connection.execute(
        select(_HEAD)
        .where(tuple_(_HEAD.c.host_id, _HEAD.c.ledger_id) > tuple_(*after))
        .order_by(_HEAD.c.host_id, _HEAD.c.ledger_id)
        .limit(limit)
    )
    return [ledger.Head(row.host_id, row.ledger_id, row.seq, row.hash) for row in rows]


def host_count(connection: Connection) -> int:
    """How many hosts ever sent a page."""
    return connection.execute(select(func.count(func.distinct(_HEAD.c.host_id)))).scalar_one()


def last_ends_us(connection: Connection) -> dict[str, int]:
    """The end of the newest accepted page of each host."""
    query = (
        select(_HEAD.c.host_id, func.max(_HEAD.c.end_us).label("end_us"))
        .where(_HEAD.c.end_us.is_not(None))
        .group_by(_HEAD.c.host_id)
    )
    return {row.host_id: row.end_us for row in connection.execute(query)}


def move_head(
    connection: Connection, old: ledger.Head, seq: int, page_hash: str, end_us: int | None
) -> None:
    """Move a head from `old` to page `seq`; `end_us` is None where no accepted page came."""
    if old.seq < 0:
        connection.execute(
            insert(_HEAD)
            .values(host_id=old.host_id, ledger_id=old.ledger_id, seq=old.seq, hash=old.hash)
            .on_conflict_do_nothing()
        )
    moved = connection.execute(
        update(_HEAD)
        .where(
            _HEAD.c.host_id == old.host_id,
            _HEAD.c.ledger_id == old.ledger_id,
            _HEAD.c.seq == old.seq,
            _HEAD.c.hash == old.hash,
        )
        .values(seq=seq, hash=page_hash, end_us=func.coalesce(end_us, _HEAD.c.end_us))
    )
    if moved.rowcount != 1:
        raise HeadMovedError(f"head of {old.host_id}/{old.ledger_id} is not at page {old.seq}")


def page_hash(connection: Connection, host_id: str, ledger_id: str, seq: int) -> str | None:
    """The hash of a page held, None where it is not."""
    key = {"host": host_id, "ledger": ledger_id, "number": seq}
    return connection.execute(_HASH_OF, key).scalar_one_or_none()


def page_body(connection: Connection, host_id: str, ledger_id: str, seq: int) -> bytes | None:
    """The canonical bytes of a page held, None where it is not."""
    query = select(_PAGE.c.body).where(
        _PAGE.c.host_id == host_id, _PAGE.c.ledger_id == ledger_id, _PAGE.c.seq == seq
    )
    return connection.execute(query).scalar_one_or_none()


def overlapping(
    connection: Connection, host_id: str, start_us: int, end_us: int
) -> tuple[str, int] | None:
    """Ledger and number of an accepted page of the host that shares time with [start, end)."""
    row = connection.execute(_LAST_BEFORE, {"host": host_id, "before_us": end_us}).one_or_none()
    return (row.ledger_id, row.seq) if row and row.end_us > start_us else None


def insert_page(connection: Connection, row: PageRow) -> None:
    """Keep a page's evidence."""
    start_us, end_us = row.interval_us or (None, None)
    connection.execute(
        _INSERT_PAGE,
        {
            "host_id": row.host_id,
            "ledger_id": row.ledger_id,
            "seq": row.seq,
            "hash": row.hash,
            "start_us": start_us,
            "end_us": end_us,
            "known_from_us": row.known_from_us,
            "state": "quarantined" if row.reason else "accepted",
            "reason": row.reason,
            "body": row.body,
        },
    )


def insert_content(connection: Connection, pages: Sequence[ledger.Page], now_us: int) -> None:
    """Keep what accepted pages say, as rows that can be summed."""
    for model, derive in DERIVED:
        rows = [row for page in pages for row in derive(page)]
        if rows:
            connection.execute(tables.table(model).insert(), rows)
    devices = [row for page in pages for row in device_rows(page, now_us)]
    if devices:
        connection.execute(_upsert_devices(), devices)


def _upsert_devices() -> Any:
    statement = insert(_DEVICE)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[_DEVICE.c.host_id, _DEVICE.c.component, _DEVICE.c.device],
        set_={
            "first_us": func.min(_DEVICE.c.first_us, new.first_us),
            "last_us": func.max(_DEVICE.c.last_us, new.last_us),
            "rated_power_uw": func.coalesce(new.rated_power_uw, _DEVICE.c.rated_power_uw),
        },
    )


def device_rows(page: ledger.Page, now_us: int) -> list[Row]:
    """The devices that a page covers, or should have covered but for a gap."""
    rated_uw = {
        (state.component, state.device): state.rated_power_uw
        for state in page.sensors
        if not state.evidence
    }
    lost = {(gap.component, gap.device): None for gap in page.gaps if gap.kind == "gap"}
    return [
        {
            "host_id": page.host_id,
            "component": component,
            "device": device,
            "first_us": to_us(page.start),
            "last_us": to_us(page.end),
            "known_from_us": now_us,
            "rated_power_uw": rated_power_uw,
        }
        for (component, device), rated_power_uw in (lost | rated_uw).items()
    ]


def _keyed(page: ledger.Page, contents: Iterable[Row]) -> list[Row]:
    key = {
        "host_id": page.host_id,
        "start_us": to_us(page.start),
        "ledger_id": page.ledger_id,
        "seq": page.seq,
    }
    return [{**key, "ordinal": ordinal, **row} for ordinal, row in enumerate(contents)]


def entry_rows(page: ledger.Page) -> list[Row]:
    """The page's entries as rows."""
    return _keyed(page, (msgspec.structs.asdict(entry) for entry in page.entries))


def gap_rows(page: ledger.Page) -> list[Row]:
    """The page's gaps as rows."""
    return _keyed(
        page,
        (
            {
                "kind": gap.kind,
                "component": gap.component,
                "device": gap.device,
                "from_us": to_us(gap.start),
                "to_us": to_us(gap.end),
                "cause": gap.cause,
            }
            for gap in page.gaps
        ),
    )


_SENSOR_FIELDS = (
    "sensor",
    "device",
    "component",
    "covers",
    "evidence",
    "quality",
    "status",
    "metered_uj",
    "interpolated_uj",
    "failures",
    "last_error",
    "rated_power_uw",
)


def sensor_rows(page: ledger.Page) -> list[Row]:
    """The page's sensor states as rows."""
    end_us = to_us(page.end)
    return _keyed(
        page,
        (
            {"end_us": end_us} | {name: getattr(state, name) for name in _SENSOR_FIELDS}
            for state in page.sensors
        ),
    )


def node_rows(page: ledger.Page) -> list[Row]:
    """The page's node facts as rows."""
    return _keyed(
        page,
        (
            {
                "meter": node.meter,
                "host_ids": " ".join(node.host_ids),
                "from_us": to_us(node.start),
                "to_us": to_us(node.end),
                "energy_uj": node.energy_uj,
                "quality": node.quality,
            }
            for node in page.nodes
        ),
    )


DERIVED: tuple[tuple[type[SQLModel], Callable[[ledger.Page], list[Row]]], ...] = (
    (tables.Entry, entry_rows),
    (tables.Gap, gap_rows),
    (tables.Sensor, sensor_rows),
    (tables.Node, node_rows),
)
"""Every table whose rows follow from accepted pages alone, and how."""


def ledger_pages(connection: Connection, host_id: str, ledger_id: str) -> Any:
    """Every page held of a ledger in order, as its row."""
    return connection.execute(
        select(_PAGE)
        .where(_PAGE.c.host_id == host_id, _PAGE.c.ledger_id == ledger_id)
        .order_by(_PAGE.c.seq)
    )


def derived_rows(
    connection: Connection, model: type[SQLModel], host_id: str, ledger_id: str
) -> Any:
    """The rows of one derived table and ledger, in the order of their pages."""
    found = tables.table(model)
    return connection.execute(
        select(found)
        .where(and_(found.c.host_id == host_id, found.c.ledger_id == ledger_id))
        .order_by(found.c.seq, found.c.ordinal)
    ).mappings()
