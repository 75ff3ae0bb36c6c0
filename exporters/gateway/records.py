"""A gateway that keeps a record of each request: its records of a quarter-hour, once that is over.

In: pages of its usage view. Out: tallies in the book by each record's own time. It is asked after
the end of each page, for that page and once more for the one before it: what was noted late changes
it. A gateway that was not reached keeps its records, and is asked for all of them later.
"""

import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import msgspec

from exporters.gateway import opengatellm
from exporters.gateway.book import Book, Draft, Place
from exporters.gateway.endpoint import Counted, Endpoint
from exporters.gateway.fetching import TIMEOUT_SECONDS, Source, UnreadError
from exporters.gateway.mapping import Owners
from exporters.gateway.opengatellm import PAGE_RECORDS, Record, RecordsError
from exporters.gateway.settings import Gateway
from exporters.gateway.tally import Tally

DEADLINE_SECONDS = 60.0
"""For all pages of one look."""
MOST_DRAFTS = 8
"""Read in one look; an outage of a day is read over 12 of them."""
MOST_RECORDS = 500_000
"""Of a quarter-hour: five hundred a second and more is no gateway of this kind."""
BACK_US = 15 * 60 * 1_000_000

Period = tuple[int, int]


class Answer(msgspec.Struct, frozen=True):
    """What came of asking: records by the draft that they are of, as far as it went."""

    found: dict[Period, list[Record]]
    asked_us: int
    error: UnreadError | None = None


class Records(Endpoint):
    """A gateway's records."""

    def __init__(self, table: Gateway, key: bytes, counted: Counted) -> None:
        """Raises SettingsError, MappingError."""
        super().__init__(
            "gateway", table.kind, Source(table.kind, table.url, table.token_file), key
        )
        self._table = table
        self._owners = Owners(table.rules)
        self._counted = counted

    def wanted(self, book: Book, now_us: int) -> list[Period]:
        """The drafts to ask for now: those that ended since the last look, and the one before."""
        covered_us = self.stand.covered_us
        ended = [one for one in book.over(covered_us, now_us) if one.end_us <= now_us]
        new = [draft for draft in ended if draft.end_us > covered_us][:MOST_DRAFTS]
        if not new:
            return []
        over = book.over(covered_us - BACK_US, covered_us)
        before = [draft for draft in over if draft.end_us <= covered_us]
        return [(draft.start_us, draft.end_us) for draft in (*before[-1:], *new)]

    def ask(self, wanted: Sequence[Period], utc_us: Callable[[], int]) -> Answer:
        """Ask for the records of these drafts; in a thread of its own."""
        found: dict[Period, list[Record]] = {}
        deadline = time.monotonic() + DEADLINE_SECONDS
        try:
            for period in wanted:
                found[period] = self._records(period, deadline)
        except UnreadError as error:
            return Answer(found, utc_us(), error)
        except RecordsError as error:
            return Answer(found, utc_us(), UnreadError("unreadable", str(error)))
        except Exception as error:  # noqa: BLE001 - no answer may end the reader, nor be repeated
            return Answer(found, utc_us(), UnreadError("unreadable", type(error).__name__))
        return Answer(found, utc_us())

    def book(self, answer: Answer, book: Book) -> None:
        """Put what was found in the place of what was known."""
        self.told.looks += 1
        for (start_us, end_us), records in sorted(answer.found.items()):
            for draft in book.over(start_us, end_us):
                if draft.start_us == start_us:
                    self._put(book, draft, records)
            if end_us > self.stand.covered_us:
                self.answered(book, end_us, answer.asked_us)
        if answer.error is not None:
            self.failed(answer.error)

    def _put(self, book: Book, draft: Draft, records: Sequence[Record]) -> None:
        tallies: dict[Place, Tally] = {}
        new = draft.end_us > self.stand.covered_us
        for record in records:
            place = self._place(record, count=new)
            if place is not None:
                tallies.setdefault(place, Tally()).add(record.tally)
        if new:
            self._counted.note(tallies)
        book.put(self.name, draft, tallies)

    def _place(self, record: Record, *, count: bool) -> Place | None:
        model = self._table.place(record.models)
        consumer = self._owners.whose(record.labels)
        if model is None or consumer is None:
            reason = "model" if consumer is not None else "rule"
            if count:
                self._counted.left_out[reason] += record.tally.prompt + record.tally.generated
            return None
        return model.server, model.model, consumer

    def _records(self, period: Period, deadline: float) -> list[Record]:
        """Every record of a draft, asked for by pages. Raises UnreadError, RecordsError."""
        start_us, end_us = period
        records: list[Record] = []
        while True:
            seconds = min(TIMEOUT_SECONDS, deadline - time.monotonic())
            if seconds <= 0:
                raise UnreadError("unreachable", "no whole answer in time")
            page = opengatellm.read(self.source.get(_query(period, len(records)), seconds))
            records += page
            if len(page) < PAGE_RECORDS:
                break
            if len(records) > MOST_RECORDS:
                raise UnreadError("unreadable", "it has more records than any gateway can")
        return [one for one in records if start_us <= one.second * 1_000_000 < end_us]


def _query(period: Period, known: int) -> str:
    """In the words of both versions of the view. Its times are whole seconds: it is asked for one
    more at the end, whose records are told apart afterwards."""
    first, last = period[0] // 1_000_000, -(-period[1] // 1_000_000)
    return urlencode(
        {
            "limit": PAGE_RECORDS,
            "page": known // PAGE_RECORDS + 1,
            "offset": known,
            "date_from": first,
            "date_to": last,
            "start_time": first,
            "end_time": last,
            "order_by": "datetime",
            "order_direction": "asc",
        }
    )
