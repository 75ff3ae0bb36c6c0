"""Takes a batch of pages in: each exactly once, its chain verified, all of the batch or none.

In: the decoded body of `POST /v1/pages` or `/v1/usage` and a write transaction. Out: `Outcome`, or
a `Problem` that carries the heads held, so that the sender knows where to resume. A page whose hash
and chain are right but whose content cannot be used is kept, quarantined: it never blocks its
chain.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Generic

import msgspec
from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import judge
from footprint.service.kinds import Kind
from footprint.service.problems import Problem
from footprint.service.store_chains import P, PageRow

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


class Taken(msgspec.Struct, Generic[P], frozen=True):
    """A page taken in: accepted with its content, or quarantined with the reason."""

    sheet: Sheet
    interval_us: tuple[int, int] | None
    known_from_us: int
    page: P | None
    reason: str


class Outcome(msgspec.Struct, Generic[P], frozen=True):
    """What became of a batch. `heads`: of every ledger in it, as they are now."""

    heads: list[ledger.Head]
    taken: list[Taken[P]]
    duplicates: int

    def pages(self) -> list[P]:
        """The pages that were accepted."""
        return [item.page for item in self.taken if item.page is not None]


_head_decoder = msgspec.json.Decoder(ledger.PageHead)


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


def take(
    connection: Connection, kind: Kind[P], batches: dict[Key, list[Sheet]], now: datetime
) -> Outcome[P]:
    """Store what is new in the batch; a `Problem` (nothing may be stored then) where it cannot be.

    `now` becomes the pages' `known_from`, or the next microsecond after the page that one replaces.
    """
    taken: list[Taken[P]] = []
    duplicates = 0
    for key, sheets in batches.items():
        head = kind.chains.head(connection, *key)
        fresh = _fresh(connection, kind, head, sheets)
        duplicates += len(sheets) - len(fresh)
        if fresh:
            taken += _extend(connection, kind, head, fresh, to_us(now))
    outcome = Outcome(heads(connection, kind, batches), taken, duplicates)
    kind.chains.insert_content(connection, outcome.pages())
    kind.also(connection, outcome.pages(), to_us(now))
    return outcome


def heads(connection: Connection, kind: Kind[P], keys: Iterable[Key]) -> list[ledger.Head]:
    """The heads held of the ledgers in a batch."""
    return [kind.chains.head(connection, *key) for key in keys]


def _fresh(
    connection: Connection, kind: Kind[P], head: ledger.Head, sheets: list[Sheet]
) -> list[Sheet]:
    """The pages beyond the head, in unbroken order; those held already must be the same."""
    fresh: list[Sheet] = []
    hashes: dict[int, str] = {}
    for sheet in sheets:
        seq = sheet.head.seq
        held = hashes.get(seq)
        if seq <= head.seq:
            held = kind.chains.page_hash(connection, *sheet.key, seq)
        if held is None:
            _check_follows(kind, sheet, fresh[-1] if fresh else None, head)
            fresh.append(sheet)
            hashes[seq] = sheet.hash
        elif held != sheet.hash:
            raise _conflict(kind, sheet, held)
    return fresh


def _check_follows(kind: Kind[P], sheet: Sheet, before: Sheet | None, head: ledger.Head) -> None:
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
            f"one before it has {last_hash}; seal this ledger and open {kind.heir}",
        )


def _conflict(kind: Kind[P], sheet: Sheet, held: str) -> Problem:
    return Problem(
        409,
        "page-conflict",
        f"{_name(sheet.head)}: held with the hash {held}, sent with {sheet.hash}; pages never "
        f"change: seal this ledger and open {kind.heir}",
        host_id=sheet.head.host_id,
        ledger_id=sheet.head.ledger_id,
        seq=sheet.head.seq,
        held_hash=held,
        sent_hash=sheet.hash,
    )


def _extend(
    connection: Connection, kind: Kind[P], head: ledger.Head, sheets: list[Sheet], now_us: int
) -> list[Taken[P]]:
    taken = []
    for sheet in sheets:
        item = _judge(connection, kind, sheet, now_us)
        kind.chains.insert_page(connection, _row(item))
        taken.append(item)
    last = sheets[-1]
    ends = [item.interval_us[1] for item in taken if item.page and item.interval_us]
    kind.chains.move_head(connection, head, last.head.seq, last.hash, max(ends, default=None))
    return taken


def _row(item: Taken[P]) -> PageRow:
    sheet = item.sheet
    return PageRow(
        host_id=sheet.head.host_id,
        ledger_id=sheet.head.ledger_id,
        seq=sheet.head.seq,
        hash=sheet.hash,
        interval_us=item.interval_us,
        known_from_us=item.known_from_us,
        reason=item.reason,
        body=sheet.body,
    )


def _judge(connection: Connection, kind: Kind[P], sheet: Sheet, now_us: int) -> Taken[P]:
    page = judge.content(sheet.body, kind.decode)
    if isinstance(page, str):
        interval_us = judge.interval_us(sheet.body)
        if not kind.whole:
            sheet = msgspec.structs.replace(sheet, body=judge.stub(sheet.head, interval_us))
        return Taken(sheet, interval_us, now_us, None, page)
    start_us, end_us = interval_us = to_us(page.start), to_us(page.end)
    reason = judge.mistimed(start_us, end_us, now_us)
    if reason:
        return Taken(sheet, interval_us, now_us, None, reason)
    other = kind.chains.last_before(connection, page.host_id, end_us)
    if other is None or other.interval_us[1] <= start_us:
        return Taken(sheet, interval_us, now_us, page, "")
    same_ledger = other.ledger_id == page.ledger_id
    if kind.restates and judge.restates(interval_us, other.interval_us, same_ledger=same_ledger):
        # Which of the two is the newer must be told, also within a batch and by a clock set back.
        return Taken(sheet, interval_us, max(now_us, other.known_from_us + 1), page, "")
    return Taken(sheet, interval_us, now_us, None, judge.overlap(other, start_us, end_us))
