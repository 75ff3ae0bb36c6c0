"""Checks a database against itself: chains, heads, and every row that follows from the pages.

In: a read connection. Out: what is wrong, one line each; nothing is changed. The evidence is the
pages' bytes; all else must follow from them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import store_check, store_factors, store_pages, tables
from footprint.service.store_pages import Row

_head_decoder = msgspec.json.Decoder(ledger.PageHead)


class Checked(msgspec.Struct):
    """How much was looked at."""

    ledgers: int = 0
    pages: int = 0
    quarantined: int = 0


def check(connection: Connection, checked: Checked) -> Iterator[str]:
    """Everything that is wrong; counts what it reads in `checked`."""
    for message in store_check.integrity(connection):
        yield f"database: {message}"
    devices: dict[tuple[str, str, str], Row] = {}
    heads = {(head.host_id, head.ledger_id): head for head in store_check.heads(connection)}
    for key in sorted(heads.keys() | set(store_check.ledgers(connection))):
        checked.ledgers += 1
        for message in _ledger(connection, key, heads.get(key), devices, checked):
            yield f"host {key[0]}, ledger {key[1]}: {message}"
    yield from _devices(connection, devices)
    for message in store_factors.unusable(connection):
        yield f"factor {message}: it is left out; import a right one"


def _ledger(
    connection: Connection,
    key: tuple[str, str],
    head: ledger.Head | None,
    devices: dict[tuple[str, str, str], Row],
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
    accepted = []
    for row in rows:
        if ledger.hash_bytes(row.body) != row.hash:
            yield f"page {row.seq}: its bytes do not have the hash {row.hash}"
        if row.state == "accepted":
            try:
                accepted.append(ledger.decode(row.body))
            except ledger.PageError as error:
                yield f"page {row.seq}: accepted, but {error}"
    yield from _derived(connection, key, accepted)
    _cover(accepted, devices)


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


def _cover(accepted: list[ledger.Page], devices: dict[tuple[str, str, str], Row]) -> None:
    for page in accepted:
        for row in store_pages.device_rows(page, to_us(page.end)):
            key = (row["host_id"], row["component"], row["device"])
            held = devices.setdefault(key, row)
            held["first_us"] = min(held["first_us"], row["first_us"])
            held["last_us"] = max(held["last_us"], row["last_us"])


def _devices(connection: Connection, expected: dict[tuple[str, str, str], Row]) -> Iterator[str]:
    found = store_check.devices(connection)
    for key in sorted(found.keys() | expected.keys()):
        row = expected.get(key)
        cover = (row["first_us"], row["last_us"]) if row else None
        if found.get(key) != cover:
            yield f"device {'/'.join(key)}: its first and last page are not those held"
