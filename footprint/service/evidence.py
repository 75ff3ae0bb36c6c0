"""Whether the pages behind a statement are still those that it was made from.

In: what a statement, as JSON, says of its ledgers, and the database. Out: what differs, one line
each. Of each ledger every page up to the one that the statement names is read: bytes, hash, chain.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from footprint import ledger, merkle
from footprint.service import judge, store_archived
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.statement import LedgerHead

_head_decoder = msgspec.json.Decoder(ledger.PageHead)


class Told(msgspec.Struct, frozen=True):
    """What is needed of a statement."""

    month: str
    as_of: str
    ledgers: list[LedgerHead]
    ledgers_root: str
    usage_ledgers: list[LedgerHead] = []

    def leaves(self) -> list[str]:
        """What its root is the root of."""
        return merkle.leaves(self.ledgers, self.usage_ledgers)


def differences(connection: Connection, told: Told) -> Iterator[str]:
    """What is not as the statement says."""
    if merkle.root(told.leaves()) != told.ledgers_root:
        yield "the file: its root is not that of its ledgers; it was changed itself"
    kinds: tuple[tuple[Kind[Any], list[LedgerHead]], ...] = (
        (ENERGY, told.ledgers),
        (USAGE, told.usage_ledgers),
    )
    for kind, heads in kinds:
        for head in heads:
            for said in _ledger(connection, kind, head):
                yield f"{kind.name}s of {head.host_id}, ledger {head.ledger_id}: {said}"


def _ledger(connection: Connection, kind: Kind[Any], head: LedgerHead) -> Iterator[str]:
    """What is wrong with a ledger up to the page that a statement names; of pages that have left,
    that the last of them is the one that the rest follows."""
    cut = store_archived.head_of(connection, kind.archived, head.host_id, head.ledger_id)
    last_hash, last_seq = (cut.hash, cut.seq) if cut else ("", -1)
    if cut and head.seq < cut.seq:
        yield from _left(connection, kind, head)
        return
    for row in kind.chains.ledger_pages(connection, head.host_id, head.ledger_id):
        if row.seq > head.seq:
            break
        if last_seq >= 0 and row.seq != last_seq + 1:
            yield f"pages {last_seq + 1} to {row.seq - 1} are gone"
        elif last_hash and _previous(row.body) != last_hash:
            yield f"page {row.seq} does not follow from the page before it"
        stub = not kind.whole and row.state == "quarantined" and judge.is_stub(row.body)
        if not stub and ledger.hash_bytes(row.body) != row.hash:
            yield f"page {row.seq}: its bytes were changed"
        last_hash, last_seq = row.hash, row.seq
    if last_seq != head.seq:
        yield f"page {head.seq} is gone"
    elif last_hash != head.hash:
        yield f"page {head.seq} is another: it has the hash {last_hash}, the statement {head.hash}"


def _left(connection: Connection, kind: Kind[Any], head: LedgerHead) -> Iterator[str]:
    """Whether the page that a statement names is the last one that left with its month."""
    found = store_archived.cut_at(connection, kind.archived, head.host_id, head.ledger_id, head.seq)
    if found is None:
        yield f"page {head.seq} has left; look into its month's file: footprint archive --verify"
    elif found.hash != head.hash:
        yield f"page {head.seq} is another: it has the hash {found.hash}, the statement {head.hash}"


def _previous(body: bytes) -> str:
    try:
        return _head_decoder.decode(body).previous_hash
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unreadable"
