"""What was asked between two looks at a gateway's counters, whatever happened to it meanwhile.

In: scrapes, one after the other. Out: requests and tokens by series since the last one, and what to
keep of them: a series is kept as a digest under a key of the reader's own, so that no team's, key's
or user's name is on disk. A counter that fell, or a process that was started anew, counts from
zero: what it still holds is used, and what it had counted between our last look and its end is lost
with it, which the server's own totals show as `@unattributed`. A gateway that does not answer loses
nothing: its counters go on.
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
"""What each series showed when it was last seen, by its digest."""


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
        if self._marks is None or _is_another(before, scrape.started, looked):
            known = self._marks is not None
            self._marks = {name: total for name, (_, total) in totals.items()}
            return Moved({}, restarted=known, marks=dict(self._marks), anew=True)
        anew = _started_anew(before, scrape.started)
        known_marks = {} if anew else self._marks
        counts, fell = _counted(totals, known_marks)
        if fell and scrape.started is None:  # it does not say so, but it was started anew
            anew, known_marks = True, {}
        marks = {name: n for name, (_, n) in totals.items() if known_marks.get(name) != n}
        self._marks = {**known_marks, **marks}
        return Moved(counts, restarted=anew or fell, marks=marks, anew=anew)


def _counted(
    totals: Mapping[bytes, tuple[Series, int]], known: Marks
) -> tuple[dict[Series, int], bool]:
    """Increments by series, and whether one fell."""
    counts: dict[Series, int] = {}
    fell = False
    for name, (series, total) in totals.items():
        before = known.get(name, 0)
        fell = fell or total < before
        if total != before:
            counts[series] = total if total < before else total - before
    return {series: number for series, number in counts.items() if number}, fell


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
