"""How much of each device belongs to whom between two moments: the weights of the attribution.

In: cumulative CPU time of the host, of the agent and of each SIA. Out: cumulative CPU time per
consumer since the first tick, of which every device takes differences from its own last booking.
`@system` is the largest remainder seen so far of the host's total less what is known: the host's
total has a coarser clock than the groups', and a remainder must never be negative.
"""

from collections.abc import Mapping

import msgspec

from footprint import codes


class Usage(msgspec.Struct, frozen=True):
    """Cumulative CPU time in nanoseconds: the whole host, this agent, each SIA."""

    host_ns: int
    agent_ns: int
    sia_ns: dict[str, int]


class CpuTimes:
    """CPU time per consumer since the first usage it was given."""

    def __init__(self) -> None:
        self._first: Usage | None = None
        self._since: dict[str, int] = {}
        self._asked: tuple[Mapping[str, int], Mapping[str, int]] | None = None
        """The last mark asked for since the newest totals came, and its answer: most devices of a
        host ask for the same."""

    def advance(self, usage: Usage) -> None:
        """Take the newest totals in. A SIA that was not there at first counts from zero."""
        if self._first is None:
            self._first = usage
        first = self._first
        since = {sia: total_ns - first.sia_ns.get(sia, 0) for sia, total_ns in usage.sia_ns.items()}
        since[codes.AGENT] = usage.agent_ns - first.agent_ns
        rest_ns = usage.host_ns - first.host_ns - sum(since.values())
        since[codes.SYSTEM] = max(self._since.get(codes.SYSTEM, 0), rest_ns)
        self._since, self._asked = since, None

    def mark(self) -> Mapping[str, int]:
        """Where every consumer stands now, to be given to `since()` later; it stays as it is."""
        return self._since

    def since(self, mark: Mapping[str, int]) -> Mapping[str, int]:
        """CPU nanoseconds per consumer since `mark`."""
        if self._asked is None or self._asked[0] is not mark:
            used_ns = {
                consumer: max(0, total_ns - mark.get(consumer, 0))
                for consumer, total_ns in self._since.items()
            }
            self._asked = mark, used_ns
        return self._asked[1]
