"""A gateway or server that shows counters: they go on while nobody looks, so that nothing is lost.

In: its metrics, look after look. Out: tallies in the book, over the time since the last look; what
to keep of the counters. Asking is done in threads, so that a slow endpoint delays no other; booking
is not. Labels end here: a series becomes a SIA, or nobody's, or is left out.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec

from exporters.gateway import dialects
from exporters.gateway.book import Book, Place
from exporters.gateway.counting import Counting, Marks, Moved
from exporters.gateway.dialects import DIALECTS, DialectError, Scrape, Series
from exporters.gateway.endpoint import Counted, Endpoint
from exporters.gateway.fetching import Source, UnreadError
from exporters.gateway.mapping import Owners
from exporters.gateway.settings import Gateway, Server
from exporters.gateway.spool import Stand, Unsaved
from exporters.gateway.tally import Tally
from footprint import codes
from footprint.interval import floor_to, from_us, to_us

AT_BOUNDARY_US = 2_000_000
"""A question sent at most this late after the end of a page counts as asked at its end: at a steady
load that moves 0.2 % of a quarter-hour's tokens to its neighbour. A tenth of shorter pages."""
MOST_AT_ONCE = 10**12
"""Tokens between two looks: more is no count."""

log = logging.getLogger("footprint.gateway")


class Answer(msgspec.Struct, frozen=True):
    """What came of asking, and when the question was sent."""

    sent_us: int
    scrape: Scrape | None = None
    error: UnreadError | None = None


class Counters(Endpoint):
    """A gateway's or a server's counters."""

    def __init__(
        self, table: Gateway | Server, key: bytes, counted: Counted, page_seconds: int
    ) -> None:
        """Raises SettingsError, MappingError."""
        role = "gateway" if isinstance(table, Gateway) else "server"
        super().__init__(role, table.kind, Source(table.kind, table.url, table.token_file), key)
        self._table = table
        self._owners = Owners(table.rules) if isinstance(table, Gateway) else None
        self._dialect = DIALECTS[table.kind]
        self._key = key
        self._counting = Counting(key)
        self._counted = counted
        self._page_seconds = page_seconds
        self._most_us = 2 * page_seconds * 1_000_000
        self.unsaved = Unsaved({})

    def go_on(self, stand: Stand | None, marks: Marks, now_us: int, most_us: int) -> None:
        """Go on from where it stood, with what its counters showed then."""
        self.resume(stand, now_us, most_us)
        self._most_us = most_us + self._page_seconds * 1_000_000
        if stand and stand.begun:
            self._counting = Counting(self._key, marks, stand.started)

    def ask(self, utc_us: Callable[[], int]) -> Answer:
        """Ask now; in a thread of its own."""
        sent_us = utc_us()
        try:
            text = self.source.get().decode("utf-8")
            return Answer(sent_us, dialects.read(text, self._table.kind, self._key))
        except UnreadError as error:
            return Answer(sent_us, error=error)
        except DialectError as error:
            return Answer(sent_us, error=UnreadError("unreadable", str(error)))
        except UnicodeDecodeError:
            return Answer(sent_us, error=UnreadError("unreadable", "no text in UTF-8"))
        except Exception as error:  # noqa: BLE001 - no answer may end the reader, nor be repeated
            return Answer(sent_us, error=UnreadError("unreadable", type(error).__name__))

    def book(self, answer: Answer, book: Book) -> None:
        """Add what was counted since the last answer, over the time since then."""
        self.told.looks += 1
        if answer.scrape is None:
            self.failed(answer.error or UnreadError("unreadable", "nothing in it"))
            return
        since_us, until_us = self.stand.covered_us, self._until(answer.sent_us)
        begun = self._counting.begun
        moved = self._counting.take(answer.scrape, since_us / 1e6)
        self._note(moved)
        if until_us - since_us > self._most_us:  # this host slept, or was too busy to look
            self.stand.failing = self.stand.failing or "unreachable"
        self.answered(book, until_us, answer.sent_us)
        if sum(moved.counts.values()) > MOST_AT_ONCE:
            self._refused(book, since_us, until_us)
            return
        if moved.restarted:
            self._restarted(book, since_us, until_us)
        if begun:
            self._add(moved.counts, book, since_us, until_us)

    def saved(self) -> None:
        """What changed is on disk."""
        self.unsaved = Unsaved({})

    def _until(self, sent_us: int) -> int:
        """The instant that the answer stands for: never one that is covered already, unless it is
        the first, of which nothing is counted."""
        end_us = to_us(floor_to(from_us(sent_us), self._page_seconds))
        late_us = min(AT_BOUNDARY_US, self._page_seconds * 100_000)
        at_us = end_us if sent_us - end_us <= late_us else sent_us
        covered_us = self.stand.covered_us
        if not self._counting.begun:
            return max(sent_us, covered_us)
        return next((us for us in (at_us, sent_us) if us > covered_us), covered_us + 1)

    def _note(self, moved: Moved) -> None:
        self.stand.started, self.stand.begun = self._counting.started, True
        if moved.anew:
            self.unsaved = Unsaved(dict(moved.marks), anew=True)
        else:
            self.unsaved.marks.update(moved.marks)

    def _restarted(self, book: Book, since_us: int, until_us: int) -> None:
        failures = self.told.failures
        if not failures.get("restarted"):
            log.warning(
                "%s %s: its counters began anew; where that goes on, several processes answer at "
                "this address (LiteLLM's workers need PROMETHEUS_MULTIPROC_DIR)",
                self.told.kind,
                self.told.source,
            )
        failures["restarted"] = failures.get("restarted", 0) + 1
        book.gap("restarted", since_us, until_us)

    def _refused(self, book: Book, since_us: int, until_us: int) -> None:
        log.warning(
            "%s %s: its counters rose by more than any server can; the rise is left out, as a gap",
            self.told.kind,
            self.told.source,
        )
        self.told.failures["unreadable"] = self.told.failures.get("unreadable", 0) + 1
        book.gap("unreadable", since_us, until_us)

    def _add(self, counts: Mapping[Series, int], book: Book, since_us: int, until_us: int) -> None:
        tallies: dict[Place, Tally] = {}
        if isinstance(self._table, Server):
            place = (self._table.server, self._table.model, codes.UNATTRIBUTED)
            tallies[place] = self._tally()
        for series, number in counts.items():
            place_of = self._place(series, number)
            if place_of is not None:
                _grow(tallies.setdefault(place_of, self._tally()), series.kind, number)
        totals = isinstance(self._table, Server)
        self._counted.note(tallies, totals=totals)
        book.add(self.name, tallies, since_us, until_us, totals=totals)

    def _tally(self) -> Tally:
        """Nothing yet: no requests rather than none where this kind does not count them."""
        counts_requests = "requests" in self._dialect.counters.values()
        return Tally(requests=0 if counts_requests else None)

    def _place(self, series: Series, number: int) -> Place | None:
        """Whose, of which model; None: left out, and that is counted."""
        if isinstance(self._table, Server):
            return self._table.server, self._table.model, codes.UNATTRIBUTED
        labels = dict(series.labels)
        names = [labels[name] for name in self._dialect.model if labels.get(name)]
        model = self._table.place((*names, series.model))
        consumer = self._owners.whose(labels) if self._owners else codes.UNATTRIBUTED
        if model is None or consumer is None:
            reason = "model" if consumer is not None else "rule"
            if series.kind in ("prompt", "generated"):
                self._counted.left_out[reason] += number
            return None
        return model.server, model.model, consumer


def _grow(tally: Tally, kind: str, number: int) -> None:
    setattr(tally, kind, (getattr(tally, kind) or 0) + number)
