"""Takes batches of pages in: each page exactly once, its chain verified, all of a batch or none.

In: the decoded bodies of `POST /v1/pages` or `/v1/usage`, and a write transaction. Out: of each its
`Outcome`, or a `Problem` that carries the heads held, so that the sender knows where to resume. A
page whose hash and chain are right but whose content cannot be used is kept, quarantined: it never
blocks its chain.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Generic

import msgspec
from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import boards, judge
from footprint.service.archived import Gone
from footprint.service.boards import Boards
from footprint.service.kinds import Kind
from footprint.service.problems import Problem
from footprint.service.store_chains import Chains, Dated, HeldHead, HeldPage, Move, P, PageRow

Key = tuple[str, str]


class Sheet(msgspec.Struct, Generic[P], frozen=True):
    """A page on its way in: what chains it, its bytes and their hash; the page, or why it cannot
    be used, the interval it claims, and the GPUs that it counts."""

    head: ledger.PageHead
    hash: str
    body: bytes
    content: P | str
    interval_us: tuple[int, int] | None
    gpus: Sequence[str] = ()

    @property
    def key(self) -> Key:
        """Host and ledger."""
        return self.head.host_id, self.head.ledger_id


class Taken(msgspec.Struct, Generic[P], frozen=True):
    """A page taken in: accepted with its content, or quarantined with the reason."""

    sheet: Sheet[P]
    known_from_us: int
    page: P | None
    reason: str


class Outcome(msgspec.Struct, Generic[P], frozen=True):
    """What became of a batch. `heads`: of every ledger in it, as they are now; `moves`: of those
    that it extends."""

    heads: list[ledger.Head]
    moves: list[Move]
    taken: list[Taken[P]]
    duplicates: int

    def pages(self) -> list[Dated[P]]:
        """The pages that were accepted."""
        return [
            Dated(item.page, *item.sheet.interval_us)
            for item in self.taken
            if item.page is not None and item.sheet.interval_us
        ]


Sheets = dict[Key, list[Sheet[P]]]
"""The pages of a request by ledger, in the order of their numbers."""
_HOUR_US = 3_600_000_000
_head_decoder = msgspec.json.Decoder(ledger.PageHead)


def open_batch(batch: ledger.Batch, kind: Kind[P], keys: set[Key]) -> Sheets[P]:
    """The batch's pages by ledger in the order of their numbers, every hash recomputed.

    `keys` receives host and ledger of every page that names them. Raises the 409 `hash-mismatch`
    or, where a page does not say what it is, a 400.
    """
    sheets = defaultdict(list)
    for index, envelope in enumerate(batch.pages):
        sheet = _open(envelope, index, kind, keys)
        sheets[sheet.key].append(sheet)
    return {key: sorted(found, key=lambda sheet: sheet.head.seq) for key, found in sheets.items()}


def _open(envelope: ledger.Envelope, index: int, kind: Kind[P], keys: set[Key]) -> Sheet[P]:
    body = bytes(envelope.page)
    actual = ledger.hash_bytes(body)
    page = judge.content(body, kind.decode)
    head: ledger.PageHead | None = None
    try:
        head = _head(page, body)
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
    if isinstance(page, str):
        return Sheet(head, actual, body, page, judge.interval_us(body))
    interval_us = to_us(page.start), to_us(page.end)
    return Sheet(head, actual, body, page, interval_us, boards.of_page(page))


def _head(page: ledger.Linked | str, body: bytes) -> ledger.PageHead:
    """What chains a page, also where the rest of it cannot be used."""
    if isinstance(page, str):
        return _head_decoder.decode(body)
    return ledger.PageHead(page.host_id, page.ledger_id, page.seq, page.previous_hash)


def _name(head: ledger.PageHead | None) -> str:
    if head is None:
        return "unreadable"
    return f"host {head.host_id}, ledger {head.ledger_id}, page {head.seq}"


def filing(batches: Sheets[P], now: datetime) -> tuple[set[str], set[int]]:
    """Whose pages a batch holds (hosts, and GPUs that no two of them may count), and instants of
    every month in which they may be filed."""
    now_us = to_us(now)
    hours = {now_us // _HOUR_US, now_us // _HOUR_US + 1}
    names = {host_id for host_id, _ in batches}
    for sheet in chain.from_iterable(batches.values()):
        names.update(sheet.gpus)
        if sheet.interval_us and not judge.mistimed(*sheet.interval_us, now_us):
            hours.add(sheet.interval_us[0] // _HOUR_US)
    return names, {hour * _HOUR_US for hour in hours}


def take(
    connection: Connection, kind: Kind[P], requests: Sequence[Sheets[P]], now: datetime
) -> list[Outcome[P] | Problem]:
    """Store what is new in each request, or nothing of it: then the `Problem` that says why.

    No two requests may tell of the same host or GPU (`filing`), so that none depends on another.
    `now` becomes the pages' `known_from`, or the next microsecond after the page that one replaces.
    """
    desk = _Desk(connection, kind, requests, to_us(now))
    answers: list[Outcome[P] | Problem] = []
    for request in requests:
        try:
            answers.append(desk.outcome(request))
        except Problem as problem:
            answers.append(problem)
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    taken = [item for outcome in outcomes for item in outcome.taken]
    pages = [of for outcome in outcomes for of in outcome.pages()]
    kind.chains.move_heads(connection, [move for outcome in outcomes for move in outcome.moves])
    kind.chains.insert_pages(connection, [_row(item) for item in taken])
    kind.chains.insert_content(connection, pages)
    kind.also(connection, pages, to_us(now))
    return answers


def sheets_of(kind: Kind[P], bodies: Iterable[bytes]) -> list[Sheet[P]]:
    """Pages that are held, on their way in again."""
    envelopes = (ledger.Envelope(ledger.hash_bytes(body), msgspec.Raw(body)) for body in bodies)
    return [_open(one, index, kind, set()) for index, one in enumerate(envelopes)]


def take_again(
    connection: Connection, kind: Kind[P], sheets: Sequence[Sheet[P]], now: datetime
) -> list[Taken[P]]:
    """Judge pages again that are held and were left out, as if they came now, in their order; those
    that can be used count from now on. What became of each."""
    by_key: Sheets[P] = defaultdict(list)
    for sheet in sheets:
        by_key[sheet.key].append(sheet)
    desk = _Desk(connection, kind, [by_key], to_us(now))
    found = [desk.judge(sheet) for sheet in sheets]
    taken = [item for item in found if item.page is not None]
    pages = Outcome([], [], taken, 0).pages()
    kind.chains.replace_pages(connection, [_row(item) for item in taken])
    moves = [desk.stay(key, taken) for key in sorted({item.sheet.key for item in taken})]
    kind.chains.move_heads(connection, moves)
    kind.chains.insert_content(connection, pages)
    kind.also(connection, pages, to_us(now))
    return found


def heads(connection: Connection, kind: Kind[P], keys: Iterable[Key]) -> list[ledger.Head]:
    """The heads held of the ledgers in a batch."""
    return [kind.chains.head(connection, *key) for key in keys]


class _Desk(Generic[P]):
    """Judges requests by what is held of their hosts and GPUs, which is read once for all."""

    def __init__(
        self, connection: Connection, kind: Kind[P], requests: Sequence[Sheets[P]], now_us: int
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._now_us = now_us
        held = kind.chains.of_hosts(connection, {host for one in requests for host, _ in one})
        self._heads = {(one.head.host_id, one.head.ledger_id): one.head for one in held}
        self._host_pages = HostPages(connection, kind, held)
        every = chain.from_iterable(one.values() for one in requests)
        self._gpus = Boards(connection, {gpu for of in every for one in of for gpu in one.gpus})

    def outcome(self, request: Sheets[P]) -> Outcome[P]:
        """What becomes of a request; nothing is stored yet. Raises Problem."""
        taken: list[Taken[P]] = []
        heads, moves = [], []
        duplicates = 0
        for key, sheets in request.items():
            head = self._heads.get(key) or ledger.Head(*key, -1, ledger.GENESIS)
            fresh = _fresh(self._connection, self._kind, head, sheets)
            duplicates += len(sheets) - len(fresh)
            if fresh:
                items = [self.judge(sheet) for sheet in fresh]
                moves.append(_move(head, items))
                head = ledger.Head(*key, fresh[-1].head.seq, fresh[-1].hash)
                taken += items
            heads.append(head)
        return Outcome(heads, moves, taken, duplicates)

    def stay(self, key: Key, taken: Iterable[Taken[P]]) -> Move:
        """A head that stays where it is, with the latest end of its pages that now count."""
        own = [item for item in taken if item.sheet.key == key]
        head = self._heads[key]
        return _move(head, own)._replace(seq=head.seq, hash=head.hash)

    def judge(self, sheet: Sheet[P]) -> Taken[P]:
        """What becomes of a page by what is held, and by those judged before it."""
        page, interval_us, now_us = sheet.content, sheet.interval_us, self._now_us
        if isinstance(page, str) or interval_us is None:
            if not self._kind.whole:
                sheet = msgspec.structs.replace(sheet, body=judge.stub(sheet.head, interval_us))
            return Taken(sheet, now_us, None, str(page))
        start_us, end_us = interval_us
        host_id = page.host_id
        reason = (
            judge.mistimed(start_us, end_us, now_us)
            or self._host_pages.left(host_id, start_us, now_us)
            or self._gpus.clash(sheet.gpus, host_id, interval_us)
        )
        if reason:
            return Taken(sheet, now_us, None, reason)
        known_from_us = now_us
        other = self._host_pages.last_before(host_id, interval_us)
        if other is not None:
            same_ledger = other.ledger_id == page.ledger_id
            restates = judge.restates(interval_us, other.interval_us, same_ledger=same_ledger)
            if not (self._kind.restates and restates):
                return Taken(sheet, now_us, None, judge.overlap(other, start_us, end_us))
            # Which of the two is the newer must be told, also within a batch and by a clock set
            # back.
            known_from_us = max(now_us, other.known_from_us + 1)
        self._gpus.accept(sheet.gpus, host_id, interval_us)
        held = HeldPage(page.ledger_id, page.seq, interval_us, known_from_us)
        self._host_pages.accept(host_id, held)
        return Taken(sheet, known_from_us, page, "")


def _fresh(
    connection: Connection, kind: Kind[P], head: ledger.Head, sheets: list[Sheet[P]]
) -> list[Sheet[P]]:
    """The pages beyond the head, in unbroken order; those held already must be the same."""
    hashes: dict[int, str] = {}
    numbers = [sheet.head.seq for sheet in sheets if sheet.head.seq <= head.seq]
    if numbers:
        hashes = kind.chains.hashes(connection, *sheets[0].key, numbers)
    fresh: list[Sheet[P]] = []
    for sheet in sheets:
        held = hashes.get(sheet.head.seq)
        if held is None:
            _check_follows(kind, sheet, fresh[-1] if fresh else None, head)
            fresh.append(sheet)
            hashes[sheet.head.seq] = sheet.hash
        elif held != sheet.hash:
            raise _conflict(kind, sheet, held)
    return fresh


def _check_follows(
    kind: Kind[P], sheet: Sheet[P], before: Sheet[P] | None, head: ledger.Head
) -> None:
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


def _conflict(kind: Kind[P], sheet: Sheet[P], held: str) -> Problem:
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


def _move(head: ledger.Head, taken: list[Taken[P]]) -> Move:
    """A head on its way behind the last of the pages taken in."""
    last = taken[-1].sheet
    ends = [item.sheet.interval_us[1] for item in taken if item.page and item.sheet.interval_us]
    return Move(head, last.head.seq, last.hash, max(ends, default=None))


def _row(item: Taken[P]) -> PageRow:
    sheet = item.sheet
    return PageRow(
        host_id=sheet.head.host_id,
        ledger_id=sheet.head.ledger_id,
        seq=sheet.head.seq,
        hash=sheet.hash,
        interval_us=sheet.interval_us,
        known_from_us=item.known_from_us,
        reason=item.reason,
        body=sheet.body,
    )


class HostPages(Generic[P]):
    """The accepted pages of a batch's hosts: those held, and those of the batch so far, which are
    stored at its end."""

    def __init__(self, connection: Connection, kind: Kind[P], held: Iterable[HeldHead]) -> None:
        self._connection = connection
        self._chains: Chains[P] = kind.chains
        self._gone = Gone(connection, kind.archived)
        self._ends_us: dict[str, int] = {}
        for head, end_us in held:
            if end_us is not None:
                self._ends_us[head.host_id] = max(end_us, self._ends_us.get(head.host_id, end_us))
        self._fresh: dict[str, list[HeldPage]] = defaultdict(list)

    def last_before(self, host_id: str, interval_us: tuple[int, int]) -> HeldPage | None:
        """The page that shares time with an interval, of several the one that began last and is
        known last; None where none does."""
        start_us, end_us = interval_us
        if self._ends_us.get(host_id, start_us) <= start_us:
            return None  # so it is nearly always: time goes on
        found = [page for page in self._fresh[host_id] if page.interval_us[0] < end_us]
        held = self._chains.last_before(self._connection, host_id, end_us)
        if held is not None:
            found.append(held)
        last = max(found, key=lambda page: (page.interval_us, page.known_from_us), default=None)
        return last if last is not None and last.interval_us[1] > start_us else None

    def left(self, host_id: str, start_us: int, now_us: int) -> str:
        """Why a page is of time that has left the database; empty where it is not. Of time that
        cannot have left yet nothing is asked."""
        if start_us >= now_us - judge.STAYS_US + judge.CLOCKS_US:
            return ""
        return self._gone.reason(host_id, start_us)

    def accept(self, host_id: str, page: HeldPage) -> None:
        """The page counts from now on."""
        self._fresh[host_id].append(page)
        end_us = page.interval_us[1]
        self._ends_us[host_id] = max(end_us, self._ends_us.get(host_id, end_us))
