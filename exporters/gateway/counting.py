"""What was asked between two looks at a gateway's counters, whatever happened to it meanwhile.

In: scrapes, one after the other. Out: requests and tokens by series since the last one. A counter
that fell, or a process that was started anew, counts from zero: what it still holds is used, and
what it had counted between our last look and its end is lost with it, which the server's own totals
show as `@unattributed`. A gateway that does not answer loses nothing: its counters go on.
"""

from collections.abc import Mapping

import msgspec

from exporters.gateway.dialects import Scrape, Series

SAME_START_SECONDS = 1.0
"""How far two tellings of one start may be apart: it is rounded differently by versions."""


class Moved(msgspec.Struct, frozen=True):
    """What was counted since the last look; `restarted` says that something may be missing."""

    counts: Mapping[Series, int]
    restarted: bool


class Counting:
    """The counters of one gateway or server, look after look."""

    def __init__(self, last: Scrape | None = None) -> None:
        """`last`: where an earlier process of ours stood."""
        self.last = last

    def take(self, scrape: Scrape) -> Moved:
        """What was counted since the last look; nothing at the first one, because nobody knows
        since when it counts."""
        last, self.last = self.last, scrape
        if last is None:
            return Moved({}, restarted=False)
        anew = _started_anew(last, scrape)
        counts: dict[Series, int] = {}
        fell = False
        for series, total in scrape.counts.items():
            before = 0 if anew else last.counts.get(series, 0)
            if total < before:
                fell, before = True, 0
            if total > before:
                counts[series] = total - before
        return Moved(counts, restarted=anew or fell)


def _started_anew(last: Scrape, now: Scrape) -> bool:
    if last.started is None or now.started is None:
        return False
    return now.started - last.started > SAME_START_SECONDS
