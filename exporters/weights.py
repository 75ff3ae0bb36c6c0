"""How much of each device belongs to whom between two moments: the weights of the attribution.

In: cumulative CPU time of the host, of the agent and of each SIA, and on a host of several packages
who runs on one of them only. Out: cumulative CPU time per consumer since the first tick, for the
whole host or for one package, of which every device takes differences from its own last booking.
`@system` is the largest remainder seen so far of the host's total less what is known: the host's
total has a coarser clock than the groups', and a remainder must never be negative.
"""

from collections.abc import Mapping

import msgspec

from footprint import codes
from footprint.attribution import attribute

Times = Mapping[str, int]
"""Nanoseconds by consumer."""


class Confined(msgspec.Struct, frozen=True):
    """Package by SIA, of those that run on one only; how long the CPUs of every package were busy
    since boot, in nanoseconds."""

    package: Mapping[str, str]
    busy_ns: Mapping[str, int]


class Usage(msgspec.Struct, frozen=True):
    """Cumulative CPU time in nanoseconds: the whole host, this agent, each SIA. `confined` is None
    where all share all packages, or there is but one."""

    host_ns: int
    agent_ns: int
    sia_ns: dict[str, int]
    confined: Confined | None = None


class Mark(msgspec.Struct, frozen=True):
    """Where every consumer stands: on the whole host, and on each package while some SIA is
    confined to one; each time that begins is an `era`, whose totals do not compare with others."""

    host: Times
    packages: Mapping[str, Times]
    era: int = 0


START = Mark({}, {})
"""Before the first tick."""


class CpuTimes:
    """CPU time per consumer since the first usage it was given."""

    def __init__(self) -> None:
        self._first: Usage | None = None
        self._apart: Packages | None = None
        self._era = 0
        self._now = START
        self._asked: dict[str | None, tuple[Mark, Times]] = {}
        """By package, the last mark asked for since the newest totals came, and its answer: most
        devices of a host ask for the same."""
        self._busy: tuple[Mark, int] | None = None
        """The same for the sum over all consumers of the whole host."""

    def advance(self, usage: Usage) -> None:
        """Take the newest totals in. A SIA that was not there at first counts from zero."""
        if self._first is None:
            self._first = usage
        first, before = self._first, self._now
        host = {sia: total_ns - first.sia_ns.get(sia, 0) for sia, total_ns in usage.sia_ns.items()}
        host[codes.AGENT] = usage.agent_ns - first.agent_ns
        rest_ns = usage.host_ns - first.host_ns - sum(host.values())
        host[codes.SYSTEM] = max(before.host.get(codes.SYSTEM, 0), rest_ns)
        packages = self._packages(before, host, usage.confined)
        self._now = Mark(host, packages, self._era)
        self._asked, self._busy = {}, None

    def mark(self) -> Mark:
        """Where every consumer stands now, to be given to `since()` later; it stays as it is."""
        return self._now

    def since(self, mark: Mark, package: str | None = None) -> Times:
        """CPU nanoseconds per consumer since `mark`: of one package, where it was told apart all
        the time since, else of the whole host."""
        if mark.era != self._era or package not in mark.packages:
            package = None
        asked = self._asked.get(package)
        if asked is None or asked[0] is not mark:
            before, now = mark.host, self._now.host
            if package is not None:
                before, now = mark.packages[package], self._now.packages[package]
            asked = self._asked[package] = mark, _moved(before, now)
        return asked[1]

    def busy_since(self, mark: Mark) -> int:
        """CPU nanoseconds of all consumers on the whole host since `mark`."""
        busy = self._busy
        if busy is None or busy[0] is not mark:
            busy = self._busy = mark, sum(self.since(mark).values())
        return busy[1]

    def _packages(
        self, before: Mark, host: Times, confined: Confined | None
    ) -> Mapping[str, Times]:
        if confined is None:
            self._apart, self._era = None, self._era + (self._apart is not None)
            return {}
        if self._apart is None or self._apart.names != confined.busy_ns.keys():
            self._apart, self._era = Packages(confined), self._era + 1
            return {name: {} for name in confined.busy_ns}
        return self._apart.advance(before.packages, _moved(before.host, host), confined)


class Packages:
    """CPU time on each package. A confined SIA's is all on its own; everybody else's is divided as
    what the packages were busy with besides, which the host's coarse clock tells."""

    def __init__(self, confined: Confined) -> None:
        self._busy_ns = confined.busy_ns
        self._confined_ns = dict.fromkeys(confined.busy_ns, 0)
        self._shared_ns = dict.fromkeys(confined.busy_ns, 0)
        """Since the beginning: of the confined, and the largest seen so far of the others."""

    @property
    def names(self) -> set[str]:
        """The packages."""
        return set(self._busy_ns)

    def advance(
        self, before: Mapping[str, Times], moved: Times, confined: Confined
    ) -> Mapping[str, Times]:
        """The totals by package, `moved` being what each consumer used since `before`."""
        for consumer, package in confined.package.items():
            self._confined_ns[package] += moved.get(consumer, 0)
        shared = self._shared(confined.busy_ns)
        totals = {name: dict(times) for name, times in before.items()}
        for consumer, used_ns in moved.items():
            own = confined.package.get(consumer)
            pieces = {own: used_ns} if own is not None else attribute(used_ns, shared)
            for package, piece_ns in pieces.items():
                totals[package][consumer] = totals[package].get(consumer, 0) + piece_ns
        return totals

    def _shared(self, busy_ns: Mapping[str, int]) -> Mapping[str, int]:
        """How long each package was busy with those who are not confined; where that cannot be
        seen in so short a time, since the beginning, and then all alike."""
        before, self._shared_ns = (
            self._shared_ns,
            {
                name: max(
                    self._shared_ns[name],
                    total_ns - self._busy_ns[name] - self._confined_ns[name],
                )
                for name, total_ns in busy_ns.items()
            },
        )
        for shares in (_moved(before, self._shared_ns), self._shared_ns):
            if any(shares.values()):
                return shares
        return dict.fromkeys(busy_ns, 1)


def _moved(before: Times, now: Times) -> Times:
    return {
        consumer: moved_ns if (moved_ns := total_ns - before.get(consumer, 0)) > 0 else 0
        for consumer, total_ns in now.items()
    }
