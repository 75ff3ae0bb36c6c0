"""One ledger, checked against itself: its head, its chain, its pages and what follows from them.

In: the rows held of a ledger, and what has left. Out: what is wrong, one line each.
"""

from collections.abc import Callable, Iterator
from typing import Any, Generic

import msgspec
from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import boards, judge, store_boards, store_chains, store_check, tables
from footprint.service.archived import Gone
from footprint.service.kinds import Kind
from footprint.service.store_chains import P

Key = tuple[str, str]
"""Host and ledger."""
Add = Callable[[P, int], None]
"""Takes an accepted page, and the instant from which it is known."""
_head_decoder = msgspec.json.Decoder(ledger.PageHead)


class Checked(msgspec.Struct):
    """How much was looked at."""

    ledgers: int = 0
    pages: int = 0
    quarantined: int = 0
    damaged: bool = False
    """Something could not be read, or the database finds itself damaged."""
    days_waiting: int = 0
    """Days that wait to be summed, whose rollups say nothing yet."""


class Ledger(Generic[P]):
    """A ledger of a kind, and its head row if it has one; it goes on where it was cut."""

    def __init__(self, kind: Kind[P], key: Key, head: ledger.Head | None, gone: Gone) -> None:
        self._kind = kind
        self._key = key
        self._head = head
        self._gone = gone
        self._cut = gone.cut(*key)

    def check(self, connection: Connection, add: Add[P], checked: Checked) -> Iterator[str]:
        """What is wrong; counts what it reads, and hands its accepted pages to `add`."""
        chains = self._kind.chains
        rows = chains.ledger_pages(connection, *self._key).all()
        checked.pages += len(rows)
        checked.quarantined += sum(row.state == "quarantined" for row in rows)
        newest = rows[-1] if rows else self._cut
        last = ledger.Head(*self._key, newest.seq, newest.hash) if newest else None
        if self._head != last:
            yield "the head row is not the last page held"
        yield from self._chain(rows)
        accepted: list[P] = []
        for row in rows:
            page = judge.content(row.body, self._kind.decode)
            yield from self._page(connection, row, page)
            if row.state == "accepted" and not isinstance(page, str):
                accepted.append(page)
                add(page, row.known_from_us)
        yield from self._derived(connection, accepted)
        ends_us = [to_us(page.end) for page in accepted]
        ends_us += [self._cut.end_us] if self._cut else []
        end_us = max(ends_us, default=None)
        if self._head and chains.head_end_us(connection, *self._key) != end_us:
            yield "the head row does not end where its accepted pages do"

    def _page(self, connection: Connection, row: Any, page: P | str) -> Iterator[str]:
        """A page beside its row: bytes, interval, state."""
        if ledger.hash_bytes(row.body) != row.hash and not self._is_stub(row):
            yield f"page {row.seq}: its bytes do not have the hash {row.hash}"
        interval_us = judge.interval_us(row.body)
        if (row.start_us, row.end_us) != (interval_us or (None, None)):
            yield f"page {row.seq}: its start and end are not those in its bytes"
        if row.filed_us != (row.start_us if row.state == "accepted" else row.known_from_us):
            yield f"page {row.seq}: it is filed at another instant than its start or arrival"
        if row.state != "quarantined":
            if isinstance(page, str):
                yield f"page {row.seq}: accepted, but {page}"
        elif not isinstance(page, str) and not self._left_out(connection, row, interval_us):
            yield f"page {row.seq}: quarantined, but nothing is wrong with it"

    def _left_out(
        self, connection: Connection, row: Any, interval_us: tuple[int, int] | None
    ) -> bool:
        """Whether a page that can be read is rightly quarantined."""
        came_us = row.known_from_us
        return interval_us is not None and bool(
            judge.mistimed(*interval_us, came_us)
            or interval_us[0] < self._gone.reaches_us(row.host_id)
            or store_check.overlapping(connection, self._kind, self._key, interval_us, came_us)
            or self._counted_elsewhere(connection, row, interval_us, came_us)
        )

    def _counted_elsewhere(
        self, connection: Connection, row: Any, interval_us: tuple[int, int], came_us: int
    ) -> bool:
        """Whether another host counted a GPU of the page when it came."""
        gpus = boards.of_page(judge.content(row.body, self._kind.decode))
        return any(
            store_boards.counts(connection, host_id, gpu, interval_us, came_us)
            for gpu, hosts in (store_boards.hosts(connection, gpus) if gpus else {}).items()
            for host_id in hosts
            if host_id != row.host_id
        )

    def _chain(self, rows: Any) -> Iterator[str]:
        """The chain in full where pages follow each other in time from the first one on; over
        quarantined pages, which cannot be read in full, and over usage, which goes back to restate,
        by heads alone."""
        if self._kind.restates or self._cut or any(row.state == "quarantined" for row in rows):
            yield from self._chain_of_heads(rows)
            return
        try:
            for page in ledger.verify_chain(row.body for row in rows):
                if (page.host_id, page.ledger_id) != self._key:
                    yield f"page {page.seq}: belongs to another ledger"
        except (ledger.PageError, ledger.ChainError) as error:
            yield str(error)

    def _chain_of_heads(self, rows: Any) -> Iterator[str]:
        previous_hash = self._cut.hash if self._cut else ledger.GENESIS
        for seq, row in enumerate(rows, self._cut.seq + 1 if self._cut else 0):
            try:
                head = _head_decoder.decode(row.body)
            except msgspec.DecodeError as error:
                yield f"page {row.seq}: {error}"
                return
            found = (head.host_id, head.ledger_id, head.seq, row.seq, head.previous_hash)
            if found != (*self._key, seq, seq, previous_hash):
                yield f"chain: page {row.seq} does not follow the page before it"
            previous_hash = row.hash if self._is_stub(row) else ledger.hash_bytes(row.body)

    def _is_stub(self, row: Any) -> bool:
        """Whether all that was kept of a page is its place in the chain."""
        return not self._kind.whole and row.state == "quarantined" and judge.is_stub(row.body)

    def _derived(self, connection: Connection, accepted: list[P]) -> Iterator[str]:
        """What follows from the accepted pages, beside the rows held."""
        for model, derive in self._kind.chains.derived:
            expected = [row for page in accepted for row in derive(store_chains.dated(page))]
            found = store_chains.derived_rows(connection, model, *self._key)
            if found != expected:
                name = tables.table(model).name
                yield f"{name}: {len(found)} rows differ from the {len(expected)} in its pages"
