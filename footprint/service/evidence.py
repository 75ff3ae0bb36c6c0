"""Whether the pages behind a statement are still those that it was made from.

In: what a statement, as JSON, says of its ledgers, and the database. Out: what differs, one line
each. Of each ledger every page up to the one that the statement names is read: bytes, hash, chain;
and the energies are summed again as of the statement's instant.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from footprint import ledger, merkle
from footprint.service import judge, reports, store_archived, subjects
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.statement import LedgerHead, Scope

_head_decoder = msgspec.json.Decoder(ledger.PageHead)


class ToldFigure(msgspec.Struct, frozen=True):
    """What is needed of a figure."""

    energy_uj: int


class ToldLine(msgspec.Struct, frozen=True):
    """What is needed of a line."""

    consumer: str
    component: str
    part: str
    figure: ToldFigure
    via: str | None = None


class Told(msgspec.Struct, frozen=True):
    """What is needed of a statement."""

    month: str
    as_of: str
    zone: str
    scope: Scope
    lines: list[ToldLine]
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
    yield from _figures(connection, told)


def _figures(connection: Connection, told: Told) -> Iterator[str]:
    """Which energies are not those that the pages give as of the statement's instant: of a page
    neither its bytes nor its chain say whether it counts, and since when it is known. Of a month
    whose pages have left nothing can be summed again."""
    if store_archived.facts(connection, told.month) is not None:
        return
    scope = told.scope
    asked = subjects.Asked(
        told.month,
        project=scope.code if scope.kind == "project" else None,
        sia=scope.code if scope.kind in ("sia", "server") else None,
    )
    try:
        as_of = datetime.fromisoformat(told.as_of)
        found = reports.statement(connection, asked, told.zone, as_of, rolled=False)
    except (subjects.ReportError, ValueError) as error:
        yield f"its figures cannot be made again: {error}"
        return
    is_, was = _energies_uj(found.lines), _energies_uj(told.lines)
    for key in sorted(was):
        # More may be there: pages that came while the statement was made.
        if is_.get(key, 0) < was[key]:
            yield (
                f"{', '.join(key)}: its pages give {is_.get(key, 0)} uJ as of {told.as_of}, the "
                f"statement has {was[key]}; whether pages count, or since when, was changed"
            )


def _energies_uj(lines: Iterable[Any]) -> dict[tuple[str, ...], int]:
    """Energies that further pages can only add to: of each component, and of each consumer's own
    lines. A shared server's are divided anew by every page of its usage."""
    servers = {line.via for line in lines if line.via is not None}
    found: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        found["all", line.component] += line.figure.energy_uj
        if line.via is None and line.consumer not in servers:
            found[line.consumer, line.component, line.part] += line.figure.energy_uj
    return dict(found)


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
        if is_damaged(kind, row):
            yield f"page {row.seq}: its bytes were changed"
        last_hash, last_seq = row.hash, row.seq
    if last_seq != head.seq:
        yield f"page {head.seq} is gone"
    elif last_hash != head.hash:
        yield f"page {head.seq} is another: it has the hash {last_hash}, the statement {head.hash}"


def is_damaged(kind: Kind[Any], row: Any) -> bool:
    """Whether the bytes of a page's row are not those that its hash is of."""
    stub = not kind.whole and row.state == "quarantined" and judge.is_stub(row.body)
    return not stub and ledger.hash_bytes(row.body) != row.hash


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
