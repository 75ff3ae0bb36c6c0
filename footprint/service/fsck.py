"""Checks a database against itself: chains, heads, and every row that follows from the pages.

In: a read connection. Out: what is wrong, one line each; nothing is changed. The evidence is the
pages' bytes; all else must follow from them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlmodel import SQLModel

from footprint import ledger
from footprint.interval import to_us
from footprint.service import damage, judge, store_check, store_factors, store_pages, tables
from footprint.service.fsck_devices import Devices

_head_decoder = msgspec.json.Decoder(ledger.PageHead)


class Checked(msgspec.Struct):
    """How much was looked at."""

    ledgers: int = 0
    pages: int = 0
    quarantined: int = 0
    damaged: bool = False
    """Something could not be read, or the database finds itself damaged."""


def check(connection: Connection, checked: Checked) -> Iterator[str]:
    """Everything that is wrong; counts what it reads in `checked`. What is damaged is said, and
    the rest is checked as far as it can be read.
    """
    yield from _readable(_integrity(connection, checked), checked)
    devices = Devices()
    yield from _readable(_ledgers(connection, devices, checked), checked)
    if not checked.damaged:  # else the devices of what was not read would seem to be at fault
        yield from _readable(devices.check(connection), checked)
    yield from _readable(_factors(connection), checked)


def _integrity(connection: Connection, checked: Checked) -> Iterator[str]:
    for message in store_check.integrity(connection):
        checked.damaged = True
        yield f"database: {message}"


def _factors(connection: Connection) -> Iterator[str]:
    for message in store_factors.unusable(connection):
        yield f"factor {message}: it is left out; import a right one"


def _readable(messages: Iterator[str], checked: Checked) -> Iterator[str]:
    """`messages` as far as what they are about can be read, and where that ends."""
    try:
        yield from messages
    except damage.UNREADABLE as error:
        checked.damaged = True
        yield f"the rest cannot be read: {damage.reason(error)}"


def _ledgers(connection: Connection, devices: Devices, checked: Checked) -> Iterator[str]:
    heads: dict[tuple[str, str], ledger.Head] = {}
    keys: set[tuple[str, str]] = set()
    yield from _readable(_find_heads(connection, heads), checked)
    models: list[type[SQLModel]] = [tables.Page, *(model for model, _ in store_pages.DERIVED)]
    for model in models:
        yield from _readable(_find_in(connection, model, keys), checked)
    for key in sorted(heads.keys() | keys):
        checked.ledgers += 1
        messages = _ledger(connection, key, heads.get(key), devices, checked)
        for message in _readable(messages, checked):
            yield f"host {key[0]}, ledger {key[1]}: {message}"


def _find_heads(connection: Connection, heads: dict[tuple[str, str], ledger.Head]) -> Iterator[str]:
    """Fill `heads`; says nothing, but may find that it cannot."""
    heads.update(((head.host_id, head.ledger_id), head) for head in store_check.heads(connection))
    yield from ()


def _find_in(
    connection: Connection, model: type[SQLModel], keys: set[tuple[str, str]]
) -> Iterator[str]:
    """Fill `keys`; as above."""
    keys |= store_check.ledgers(connection, model)
    yield from ()


def _ledger(
    connection: Connection,
    key: tuple[str, str],
    head: ledger.Head | None,
    devices: Devices,
    checked: Checked,
) -> Iterator[str]:
    rows = store_pages.ledger_pages(connection, *key).all()
    checked.pages += len(rows)
    quarantined = [row.seq for row in rows if row.state == "quarantined"]
    checked.quarantined += len(quarantined)
    last = ledger.Head(*key, rows[-1].seq, rows[-1].hash) if rows else None
    if head != last:
        yield "the head row is not the last page held"
    yield from _chain(key, rows, whole=not quarantined)
    accepted: list[ledger.Page] = []
    for row in rows:
        if ledger.hash_bytes(row.body) != row.hash:
            yield f"page {row.seq}: its bytes do not have the hash {row.hash}"
        if (row.start_us, row.end_us) != (judge.interval_us(row.body) or (None, None)):
            yield f"page {row.seq}: its start and end are not those in its bytes"
        page = judge.content(row.body)
        if row.state == "quarantined":
            if not isinstance(page, str) and not _left_out(connection, row):
                yield f"page {row.seq}: quarantined, but nothing is wrong with it"
        elif isinstance(page, str):
            yield f"page {row.seq}: accepted, but {page}"
        else:
            accepted.append(page)
            devices.add(page, row.known_from_us)
    yield from _derived(connection, key, accepted)
    end_us = to_us(accepted[-1].end) if accepted else None
    if head and store_check.head_end_us(connection, *key) != end_us:
        yield "the head row does not end where its last accepted page does"


def _left_out(connection: Connection, row: Any) -> bool:
    """Whether a page that can be read is rightly quarantined."""
    interval_us = judge.interval_us(row.body)
    return interval_us is not None and bool(
        judge.mistimed(*interval_us, row.known_from_us)
        or store_check.overlapping(connection, row.host_id, interval_us, row.known_from_us)
    )


def _chain(key: tuple[str, str], rows: Any, *, whole: bool) -> Iterator[str]:
    """The chain in full; over quarantined pages, which cannot be read in full, by heads alone."""
    if whole:
        try:
            for page in ledger.verify_chain(row.body for row in rows):
                if (page.host_id, page.ledger_id) != key:
                    yield f"page {page.seq}: belongs to another ledger"
        except (ledger.PageError, ledger.ChainError) as error:
            yield str(error)
        return
    previous_hash = ledger.GENESIS
    for seq, row in enumerate(rows):
        try:
            head = _head_decoder.decode(row.body)
        except msgspec.DecodeError as error:
            yield f"page {row.seq}: {error}"
            return
        found = (head.host_id, head.ledger_id, head.seq, row.seq, head.previous_hash)
        if found != (*key, seq, seq, previous_hash):
            yield f"chain: page {row.seq} does not follow the page before it"
        previous_hash = ledger.hash_bytes(row.body)


def _derived(
    connection: Connection, key: tuple[str, str], accepted: list[ledger.Page]
) -> Iterator[str]:
    for model, derive in store_pages.DERIVED:
        expected = [row for page in accepted for row in derive(page)]
        found = [dict(row) for row in store_pages.derived_rows(connection, model, *key)]
        if found != expected:
            name = tables.table(model).name
            yield f"{name}: {len(found)} rows differ from the {len(expected)} in its pages"
