"""One gateway or server that is asked again and again: what it counted, and what became of asking.

In: how asking went. Out: where each endpoint stands, gaps in the book, and what /metrics tells of
it. Its kinds are `counters`, which go on while nobody looks, and `records`, which are read when
their quarter-hour is over.
"""

import hashlib
import logging
from collections.abc import Mapping

import msgspec

from exporters.gateway.book import Book, Place
from exporters.gateway.fetching import Source, UnreadError
from exporters.gateway.spool import Stand
from exporters.gateway.tally import Tally
from footprint.usage import Cause

log = logging.getLogger("footprint.gateway")


class Told(msgspec.Struct):
    """What is told of an endpoint on /metrics, since the reader started."""

    role: str
    kind: str
    source: str
    up: bool | None = None
    looks: int = 0
    failures: dict[Cause, int] = {}
    last_success_us: int | None = None


class Counted(msgspec.Struct):
    """Tokens and requests counted since the reader started, by place and kind, and tokens left out,
    by reason."""

    lines: dict[tuple[Place, str], int] = {}
    totals: dict[tuple[Place, str], int] = {}
    left_out: dict[str, int] = msgspec.field(default_factory=lambda: {"model": 0, "rule": 0})

    def note(self, tallies: Mapping[Place, Tally], *, totals: bool = False) -> None:
        """Count these too."""
        known = self.totals if totals else self.lines
        for place, tally in tallies.items():
            for kind in ("requests", "prompt", "cached", "generated"):
                number = getattr(tally, kind)
                if number is not None:
                    known[place, kind] = known.get((place, kind), 0) + number


class Endpoint:
    """What every endpoint has: a name that tells nothing, and where it stands."""

    def __init__(self, role: str, kind: str, source: Source, key: bytes) -> None:
        self.told = Told(role, kind, source.name)
        self.source = source
        identity = msgspec.json.encode((role, kind, source.name))
        self.name = hashlib.blake2b(identity, key=key, digest_size=8).hexdigest()
        self.stand = Stand(0)

    def resume(self, stand: Stand | None, now_us: int, most_us: int) -> None:
        """Go on from where it stood; an endpoint that was not asked for longer than `most_us` has
        a gap until it answers. None: it is new."""
        self.stand = stand or Stand(now_us)
        if stand and not stand.failing and now_us - stand.covered_us > most_us:
            stand.failing = "unreachable"

    def failed(self, error: UnreadError) -> None:
        """It gave nothing to count; one line when that begins."""
        cause = error.cause
        self.told.up = False
        self.told.failures[cause] = self.told.failures.get(cause, 0) + 1
        if self.stand.failing is None:
            log.warning(
                "%s %s: %s; a gap is noted until it answers",
                self.told.kind,
                self.told.source,
                error,
            )
            self.stand.failing = cause

    def answered(self, book: Book, until_us: int, at_us: int) -> None:
        """It tells its usage until `until_us`; what it held back meanwhile comes with it."""
        if self.stand.failing:
            book.gap(self.stand.failing, self.stand.covered_us, until_us)
            if self.told.up is not None:
                log.info("%s %s answers again", self.told.kind, self.told.source)
            self.stand.failing = None
        self.stand.covered_us = until_us
        self.told.up = True
        self.told.last_success_us = at_us

    def behind(self, book: Book, start_us: int, end_us: int) -> None:
        """A page is about to be sealed: say until when this endpoint's counts are in it."""
        if self.stand.covered_us < end_us:
            cause = self.stand.failing or "unreachable"
            book.gap(cause, max(start_us, self.stand.covered_us), end_us)
