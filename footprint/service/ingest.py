"""Takes a batch of pages in: each exactly once, its chain verified, all of the batch or none.

In: the decoded body of `POST /v1/pages` and a write transaction. Out: `Outcome`, or a `Problem`
that carries the heads held, so that the sender knows where to resume. A page whose hash and chain
are right but whose content cannot be used is kept, quarantined: it never blocks its chain.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import judge, store_pages
from footprint.service.problems import Problem

Key = tuple[str, str]


class Sheet(msgspec.Struct, frozen=True):
    """A page on its way in: its bytes, their hash, and what chains it."""

    head: ledger.PageHead
    hash: str
    body: bytes

    @property
    def key(self) -> Key:
        """Host and ledger."""
        return self.head.host_id, self.head.ledger_id


class Taken(msgspec.Struct, frozen=True):
    """A page taken in: accepted with its content, or quarantined with the reason."""

    sheet: Sheet
    interval_us: tuple[int, int] | None
    page: ledger.Page | None
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of a batch. `heads`: of every ledger in it, as they are now."""

    heads: list[ledger.Head]
    taken: list[Taken]
    duplicates: int


_head_decoder = msgspec.json.Decoder(ledger.PageHead)
Result = Literal["accepted", "duplicate", "quarantined", "conflict", "refused"]


def open_batch(batch: ledger.Batch, keys: set[Key]) -> dict[Key, list[Sheet]]:
    """The batch's pages by ledger in the order of their numbers, every hash recomputed.

    `keys` receives host and ledger of every page that names them. Raises the 409 `hash-mismatch`
    or, where a page does not say what it is, a 400.
    """
    sheets = defaultdict(list)
    for index, envelope in enumerate(batch.pages):
        sheet = _open(envelope, index, keys)
        sheets[sheet.key].append(sheet)
    return {key: sorted(found, key=lambda sheet: sheet.head.seq) for key, found in sheets.items()}


def _open(envelope: ledger.Envelope, index: int, keys: set[Key]) -> Sheet:
    body = bytes(envelope.page)
    actual = ledger.hash_bytes(body)
    head: ledger.PageHead | None = None
    try:
        head = _head_decoder.decode(body)
        keys.add((head.host_id, head.ledger_id))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if actual == envelope.hash:
            raise Problem(400, "malformed", f"pages[{index}].page: {error}") from error
    if actual != envelope.hash or head is None:
        raise Problem(
            409,
            "hash-mismatch",
            f"pages[{index}] ({_name(head)}): its bytes have the hash {actual}, "
            f"{envelope.hash} was declared; send the bytes as they were hashed",
            host_id=head.host_id if head else None,
            ledger_id=head.ledger_id if head else None,
            seq=head.seq if head else None,
            declared_hash=envelope.hash,
            actual_hash=actual,
        )
    return Sheet(head, actual, body)


def _name(head: ledger.PageHead | None) -> str:
    if head is None:
        return "unreadable"
    return f"host {head.host_id}, ledger {head.ledger_id}, page {head.seq}"


def take(connection: Connection, batches: dict[Key, list[Sheet]], now: datetime) -> Outcome:
    """Store what is new in the batch; a `Problem` (nothing may be stored then) where it cannot be.

    `now` becomes the pages' `known_from`.
    """
    taken: list[Taken] = []
    duplicates = 0
    for key, sheets in batches.items():
        head = store_pages.head(connection, *key)
        fresh = _fresh(connection, head, sheets)
        duplicates += len(sheets) - len(fresh)
        if fresh:
            taken += _extend(connection, head, fresh, to_us(now))
    store_pages.insert_content(connection, [item.page for item in taken if item.page], to_us(now))
    return Outcome(heads(connection, batches), taken, duplicates)


def heads(connection: Connection, keys: Iterable[Key]) -> list[ledger.Head]:
    """The heads held of the ledgers in a batch."""
    return [store_pages.head(connection, *key) for key in keys]


def _fresh(connection: Connection, head: ledger.Head, sheets: list[Sheet]) -> list[Sheet]:
    """The pages beyond the head, in unbroken order; those held already must be the same."""
    fresh: list[Sheet] = []
    hashes: dict[int, str] = {}
    for sheet in sheets:
        seq = sheet.head.seq
        held = hashes.get(seq)
        if seq <= head.seq:
            held = store_pages.page_hash(connection, *sheet.key, seq)
        if held is None:
            _check_follows(sheet, fresh[-1] if fresh else None, head)
            fresh.append(sheet)
            hashes[seq] = sheet.hash
        elif held != sheet.hash:
            raise _conflict(sheet, held)
    return fresh


def _check_follows(sheet: Sheet, before: Sheet | None, head: ledger.Head) -> None:
    last_seq, last_hash = (before.head.seq, before.hash) if before else (head.seq, head.hash)
    if sheet.head.seq != last_seq + 1:
        raise Problem(
            409,
            "chain-hole",
            f"{_name(sheet.head)}: page {last_seq + 1} comes next; send it first",
        )
    if sheet.head.previous_hash != last_hash:
        raise Problem(
            409,
            "chain-broken",
            f"{_name(sheet.head)}: follows a page with the hash {sheet.head.previous_hash}, the "
            f"one before it has {last_hash}; seal this ledger and open one that names its parent",
        )


def _conflict(sheet: Sheet, held: str) -> Problem:
    return Problem(
        409,
        "page-conflict",
        f"{_name(sheet.head)}: held with the hash {held}, sent with {sheet.hash}; pages never "
        "change: seal this ledger and open one that names its parent",
        host_id=sheet.head.host_id,
        ledger_id=sheet.head.ledger_id,
        seq=sheet.head.seq,
        held_hash=held,
        sent_hash=sheet.hash,
    )


def _extend(
    connection: Connection, head: ledger.Head, sheets: list[Sheet], now_us: int
) -> list[Taken]:
    taken = []
    for sheet in sheets:
        item = _judge(connection, sheet, now_us)
        store_pages.insert_page(
            connection,
            store_pages.PageRow(
                host_id=sheet.head.host_id,
                ledger_id=sheet.head.ledger_id,
                seq=sheet.head.seq,
                hash=sheet.hash,
                interval_us=item.interval_us,
                known_from_us=now_us,
                reason=item.reason,
                body=sheet.body,
            ),
        )
        taken.append(item)
    last = sheets[-1]
    ends = [item.interval_us[1] for item in taken if item.page and item.interval_us]
    store_pages.move_head(connection, head, last.head.seq, last.hash, ends[-1] if ends else None)
    return taken


def _judge(connection: Connection, sheet: Sheet, now_us: int) -> Taken:
    page = judge.content(sheet.body)
    if isinstance(page, str):
        return Taken(sheet, judge.interval_us(sheet.body), None, page)
    interval_us = start_us, end_us = to_us(page.start), to_us(page.end)
    reason = judge.mistimed(start_us, end_us, now_us)
    if reason:
        return Taken(sheet, interval_us, None, reason)
    other = store_pages.overlapping(connection, page.host_id, start_us, end_us)
    if other is not None:
        return Taken(sheet, interval_us, None, judge.overlap(other, start_us, end_us))
    return Taken(sheet, interval_us, page, "")
