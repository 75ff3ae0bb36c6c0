"""What was asked between two looks at a gateway's counters, whatever happened to it meanwhile.

In: scrapes, one after the other. Out: requests and tokens by series since the last one, and what to
keep of them: a series is kept as a digest under a key of the reader's own, so that no team's, key's
or user's name is on disk. A process that says that it was started anew counts from zero: what it
still holds is used, and what the one before had counted between our last look and its end is lost
with it, which the server's own totals show as `@unattributed`. A counter that fell though nothing
says so may be another process's at the same address: nothing is counted, and it goes on from there.
A gateway that does not answer loses nothing: its counters go on.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from exporters.gateway.dialects import Scrape, Series

SAME_START_SECONDS = 1.0
"""How far two tellings of one start may be apart: it is rounded differently by versions."""
BESIDE_SECONDS = 60.0
"""A process that ran for longer than this when another one was looked at is not its successor: it
is one of several behind one address (LiteLLM's workers without PROMETHEUS_MULTIPROC_DIR), or a
server that was loaded before it took over. Wide enough for clocks that differ."""

Marks = dict[bytes, int]
"""What each series showed when it was last seen, by its digest; and by its digest and HIGH what it
had shown before it fell, until it is there again (0: it is)."""
HIGH = b"^"


class Moved(msgspec.Struct, frozen=True):
    """What was counted since the last look; `restarted` says that something may be missing.

    `marks` are the series that changed; `anew`: those known before are no more.
    """

    counts: Mapping[Series, int]
    restarted: bool
    marks: Marks
    anew: bool


class Counting:
    """The counters of one gateway or server, look after look."""

    def __init__(
        self, key: bytes, marks: Marks | None = None, started: float | None = None
    ) -> None:
        """`marks` and `started`: where an earlier process of ours stood; None: nowhere yet."""
        self._key = key
        self._marks = marks
        self._shown: set[bytes] | None = None
        """What the last look showed; None: it was another process's of ours."""
        self.started = started

    @property
    def begun(self) -> bool:
        """Whether there was a look to count from."""
        return self._marks is not None

    def take(self, scrape: Scrape, looked: float | None = None) -> Moved:
        """What was counted since the last look, which was at `looked` (Unix time, None: not known);
        nothing at the first one, because nobody knows since when it counts.

        A series that is not shown for a while keeps its mark: an answer that was cut short must not
        make it count twice.
        """
        totals = {digest(series, self._key): (series, n) for series, n in scrape.counts.items()}
        before, self.started = self.started, scrape.started
        shown, self._shown = self._shown, set(totals)
        if self._marks is None or _is_another(before, scrape.started, looked):
            begun = self.begun
            self._marks = {name: total for name, (_, total) in totals.items()}
            return Moved({}, restarted=begun, marks=dict(self._marks), anew=True)
        anew = _started_anew(before, scrape.started)
        known: Marks = {} if anew else self._marks
        if shown is not None:  # one that was dropped and is back below its mark began anew
            gone = self._shown - shown
            back = {name for name in gone if totals[name][1] < known.get(name, 0)}
            known = {name: mark for name, mark in known.items() if name not in back}
        fell = any(total < known.get(name, 0) for name, (_, total) in totals.items())
        seen: Marks = {}
        counts: dict[Series, int] = {}
        for name, (series, total) in totals.items():
            counted = _counted(name, total, known, seen)
            if counted and not (fell and scrape.started is None):
                counts[series] = counted
        marks = {name: n for name, n in seen.items() if known.get(name) != n}
        self._marks = {**known, **marks}
        return Moved(counts, restarted=anew or fell, marks=marks, anew=anew)


def _counted(name: bytes, total: int, known: Marks, seen: Marks) -> int:
    """The increment of one series; `seen` takes its marks.

    One that fell counts nothing. One that comes back to where it had been may be the same counter,
    seen again beside another process's: only what is beyond that counts.
    """
    before, high = known.get(name, 0), known.get(name + HIGH, 0)
    seen[name] = total
    if total < before:
        seen[name + HIGH] = max(before, high)
        return 0
    if high and total >= high:
        seen[name + HIGH] = 0
    return total - (max(before, high) if total >= high else before)


def _started_anew(before: float | None, now: float | None) -> bool:
    return before is not None and now is not None and abs(now - before) > SAME_START_SECONDS


def _is_another(before: float | None, now: float | None, looked: float | None) -> bool:
    """Whether it ran already beside the one that was looked at last: what it counted before may
    have been seen, so that it must not count from zero."""
    if before is None or now is None or not _started_anew(before, now):
        return False
    return now < before or (looked is not None and now < looked - BESIDE_SECONDS)


def digest(series: Series, key: bytes) -> bytes:
    """The series as it is kept: 16 bytes that say nothing of its labels without the key."""
    return hashlib.blake2b(msgspec.json.encode(series), key=key, digest_size=16).digest()
