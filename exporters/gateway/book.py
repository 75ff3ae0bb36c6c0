"""What was asked in each quarter-hour, until it is told in a page, and again where more is learnt.

In: tallies over an interval, gaps. Out: drafts of pages that follow each other without a hole.
A tally over several drafts is spread by elapsed time (through `attribute()`). What comes late for a
draft that was sealed changes it, and it is sealed again: a page of the same interval replaces the
earlier one where pages are kept.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from exporters.gateway.tally import Tally
from footprint.interval import QUARTER_HOUR_SECONDS, boundary_after, floor_to, from_us, to_us
from footprint.usage import Cause

KEEP_US = 35 * 86_400 * 1_000_000
"""How long a sealed draft can still be changed."""
MOST_GAPS = 900

Place = tuple[str, str, str]
"""Server, model, consumer: codes."""


class Draft(msgspec.Struct):
    """One page before it is sealed: [start_us, end_us). Lines and totals by `ENDPOINT SERVER MODEL
    CONSUMER`, the endpoint by its digest; gaps as (cause, start_us, end_us)."""

    start_us: int
    end_us: int
    sealed: bool = False
    lines: dict[str, Tally] = {}
    totals: dict[str, Tally] = {}
    gaps: list[tuple[Cause, int, int]] = []

    def gap(self, cause: Cause, start_us: int, end_us: int) -> bool:
        """Note the part of a gap that lies in this draft; whether that says anything new."""
        start_us, end_us = max(start_us, self.start_us), min(end_us, self.end_us)
        if start_us >= end_us:
            return False
        merged = _merged([*self.gaps, (cause, start_us, end_us)])
        changed = merged != self.gaps
        self.gaps = merged
        return changed


def _merged(gaps: Iterable[tuple[Cause, int, int]]) -> list[tuple[Cause, int, int]]:
    """Gaps of one cause that touch are one, whichever endpoints they are of."""
    result: list[tuple[Cause, int, int]] = []
    for cause, start_us, end_us in sorted(gaps):
        if result and result[-1][0] == cause and start_us <= result[-1][2]:
            result[-1] = cause, result[-1][1], max(end_us, result[-1][2])
        else:
            result.append((cause, start_us, end_us))
    if len(result) <= MOST_GAPS:
        return result
    causes = sorted({gap[0] for gap in result})
    return [
        (
            cause,
            min(gap[1] for gap in result if gap[0] == cause),
            max(gap[2] for gap in result if gap[0] == cause),
        )
        for cause in causes
    ]


class Book:
    """The drafts of one reader; `load` finds those that were sealed and may still be changed."""

    def __init__(
        self,
        page_seconds: int,
        start_us: int,
        open_drafts: Iterable[Draft] = (),
        load: Callable[[int, int], list[Draft]] = lambda _start, _end: [],
    ) -> None:
        self._page_seconds = page_seconds
        self._drafts = {draft.start_us: draft for draft in open_drafts}
        self._load = load
        self._changed: set[int] = set()
        self.end_us = max((draft.end_us for draft in self._drafts.values()), default=start_us)

    def reach(self, until_us: int) -> None:
        """Open drafts until `until_us` is inside or at the end of one."""
        if until_us - self.end_us > KEEP_US:
            self.end_us = to_us(floor_to(from_us(until_us - KEEP_US), QUARTER_HOUR_SECONDS))
        while self.end_us < until_us:
            draft = Draft(self.end_us, self._end_after(self.end_us, until_us))
            self._drafts[draft.start_us] = draft
            self._changed.add(draft.start_us)
            self.end_us = draft.end_us

    def _end_after(self, start_us: int, until_us: int) -> int:
        """Whole quarter-hours for the time in which nobody looked."""
        start = from_us(start_us)
        quarter_us = to_us(boundary_after(start, QUARTER_HOUR_SECONDS))
        if quarter_us <= until_us:
            return quarter_us
        return to_us(boundary_after(start, self._page_seconds))

    def add(
        self,
        endpoint: str,
        tallies: Mapping[Place, Tally],
        start_us: int,
        end_us: int,
        *,
        totals: bool = False,
    ) -> None:
        """Spread tallies over [start_us, end_us); `totals`: a server's own, told also where zero.

        What is before everything that can still be changed goes to the oldest that can.
        """
        drafts = self.over(start_us, end_us)
        weights = {
            str(draft.start_us): min(end_us, draft.end_us) - max(start_us, draft.start_us)
            for draft in drafts
        }
        for place, tally in tallies.items():
            if tally.empty and not totals:
                continue
            key = " ".join((endpoint, *place))
            parts = tally.spread(weights)
            for draft in drafts:
                part = parts[str(draft.start_us)]
                if part.empty and not totals:
                    continue
                known = draft.totals if totals else draft.lines
                self._grow(draft, known, key, part)

    def _grow(self, draft: Draft, known: dict[str, Tally], key: str, part: Tally) -> None:
        if key not in known:
            known[key] = Tally(requests=0 if part.requests is not None else None)
        elif part.empty:
            return
        known[key].add(part)
        self._changed.add(draft.start_us)

    def put(self, endpoint: str, draft: Draft, tallies: Mapping[Place, Tally]) -> None:
        """What an endpoint that keeps records tells of a draft, instead of what it told before."""
        others = {
            key: tally for key, tally in draft.lines.items() if not key.startswith(f"{endpoint} ")
        }
        lines = others | {" ".join((endpoint, *place)): tally for place, tally in tallies.items()}
        if lines != draft.lines:
            draft.lines = lines
            self._changed.add(draft.start_us)

    def gap(self, cause: Cause, start_us: int, end_us: int) -> None:
        """Note that counts may be missing over an interval."""
        for draft in self.over(start_us, end_us):
            if draft.gap(cause, start_us, end_us):
                self._changed.add(draft.start_us)

    def over(self, start_us: int, end_us: int) -> list[Draft]:
        """The drafts of which a part lies in [start_us, end_us), oldest first; never none."""
        self.reach(end_us)
        if all(draft.sealed for draft in self._drafts.values()):
            self.reach(self.end_us + 1)
        if start_us < min(start for start, draft in self._drafts.items() if not draft.sealed):
            for draft in self._load(start_us, end_us):
                self._drafts.setdefault(draft.start_us, draft)
        found = [
            draft
            for start, draft in sorted(self._drafts.items())
            if start < end_us and start_us < draft.end_us
        ]
        return found or [self._drafts[min(self._drafts)]]

    def due(self, now_us: int) -> list[Draft]:
        """Drafts to be sealed now, for the first time or again, oldest first."""
        return [
            draft
            for start, draft in sorted(self._drafts.items())
            if draft.end_us <= now_us and (not draft.sealed or start in self._changed)
        ]

    def changed(self) -> list[Draft]:
        """Drafts that are not as they were kept last."""
        return [self._drafts[start] for start in sorted(self._changed)]

    def kept(self, sealed: Iterable[Draft]) -> None:
        """All of it is on disk now, and these are sealed."""
        for draft in sealed:
            draft.sealed = True
        self._changed.clear()
        for start in [start for start, draft in self._drafts.items() if draft.sealed]:
            del self._drafts[start]
