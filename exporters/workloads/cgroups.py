"""CPU time per SIA from control groups: one file a group, through descriptors kept open.

In: the tree of groups, and the rules that say whose a group is. Out: nanoseconds per SIA since this
object was made, and under `@unattributed` those of groups that ended between two looks; they never
fall, also when a group goes. The cost does not depend on the number of processes.

What a group used between the last look and its end is in the group above it. Where that one is a
SIA's, it is counted there. Otherwise the group above is watched as a *parent*, with every group
directly below it, and what it used beyond them is what ended. The root counts the whole host and is
never a parent. METHOD.md derives this.
"""

import errno
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from exporters.workloads.mounts import find_root
from exporters.workloads.rules import Rules
from exporters.workloads.tree import Tree
from exporters.workloads.units import Unit, above, unit_at
from footprint import codes

__all__ = ["RESCAN_TICKS", "Cgroups", "find_root"]

RESCAN_TICKS = 5
"""The whole tree is looked through, and empty groups that `run` left are removed, this often; what
is new directly below a parent, or on the way to one, is found at every tick."""

TICKS_OF_AN_END = 2
"""A group may end after its parent was read: the next look shows what it used."""

log = logging.getLogger("footprint.agent")


class Group(msgspec.Struct):
    """A watched group: whose it is, its open file, the usage last read, and what of it is not its
    consumer's: `absorbed` is of watched groups below that are gone, `above` was counted above
    before it was watched, `before` was used before it was this consumer's.

    `@system` is a group that nobody declared, below a parent; `@unattributed` a parent, of which
    `ended_ns` is already accounted for (None: it was not read yet).
    """

    consumer: str
    descriptor: int
    usage_ns: int = 0
    absorbed_ns: int = 0
    above_ns: int = 0
    before_ns: int = 0
    ended_ns: int | None = None
    ending: int = 0
    links: int = 0


class Cgroups:
    """The watched groups of one host."""

    def __init__(self, root: Path, rules: Rules) -> None:
        self.tree = Tree(root)
        self.rules = rules
        self._groups: dict[str, Group] = {}
        self._paths: dict[str, list[str]] | None = None
        self._retired_ns: dict[str, int] = {}
        self._highest_ns: dict[str, int] = {}
        self._nested: dict[str, str] | None = None
        """The nearest watched group above each that has one; None after a group came or went."""
        self._renamed_ns: dict[int, int] = {}
        """What groups had used when they were found renamed, by their inode."""
        self._undeclared: set[str] = set()
        """Groups that no rule names; a container's, pod's or job's may be known later."""
        self._there: set[str] = set()
        self._units: dict[str, Unit] = {}
        """All groups of the last look everywhere, and in which of them a unit runs."""
        self._ways: dict[str, int] = {"/": 0}
        """Links of groups that nobody watches and that what is named may come below."""
        self._ticks = 0
        self._refused = False

    def paths(self) -> Mapping[str, list[str]]:
        """Watched paths below the root, by SIA: the same object while they are the same."""
        if self._paths is None:
            self._paths = {}
            for path, group in sorted(self._groups.items()):
                if not group.consumer.startswith("@"):
                    self._paths.setdefault(group.consumer, []).append(path)
        return self._paths

    def read_ns(self) -> dict[str, int]:
        """CPU time per SIA, and of groups that ended, in nanoseconds."""
        self._look()
        dead = [path for path, group in self._groups.items() if not self._read(group)]
        for path in reversed(dead):
            self._retire(path)
        for path in dead:
            self._consider(path)  # a name made anew is another group
        own = self._own_usage()
        self._count_ended(own)
        totals = dict(self._retired_ns)
        for path, group in self._groups.items():
            if not group.consumer.startswith("@"):
                totals[group.consumer] = totals.get(group.consumer, 0) + own[path]
        # Groups are read one after the other: a child read late must not make its parent fall.
        for consumer, total_ns in totals.items():
            self._highest_ns[consumer] = max(self._highest_ns.get(consumer, 0), total_ns)
        return dict(self._highest_ns)

    def close(self) -> None:
        """Close the files and the sources of labels."""
        for group in self._groups.values():
            os.close(group.descriptor)
        self._groups.clear()
        self.rules.labels.close()

    def _read(self, group: Group) -> bool:
        """Read a group's usage; False where the group was removed."""
        try:
            group.usage_ns = self.tree.used_ns(group.descriptor)
        except OSError:
            return False
        return True

    def _retire(self, path: str) -> None:
        """Keep what a removed group used; its name may be made anew, and is then opened again.

        The kernel adds a dead group's usage to its parent: a watched group above must not count it
        a second time.
        """
        own_ns = self._own_usage()[path]
        group = self._groups.pop(path)
        self._nested = self._paths = None
        os.close(group.descriptor)
        if not group.consumer.startswith("@"):
            self._retired_ns[group.consumer] = self._retired_ns.get(group.consumer, 0) + own_ns
        nearest = self._above(path)
        if nearest is not None:
            self._groups[nearest].absorbed_ns += group.usage_ns - group.above_ns
            self._groups[nearest].ending = TICKS_OF_AN_END
            self._groups[nearest].links = 0  # look again what is below

    def _count_ended(self, own: dict[str, int]) -> None:
        """What parents used beyond the groups below them. Processes in the parent itself are
        nobody's and stay `@system`'s; while a group below ends, the two cannot be told apart.
        Each group is read rounded down, so that so much may seem to be the parent's own."""
        for path, group in self._groups.items():
            if group.consumer != codes.UNATTRIBUTED:
                continue
            grown_ns = 0 if group.ended_ns is None else own[path] - group.ended_ns
            if group.ended_ns is None or grown_ns > self._rounding_ns(path, grown_ns):
                if grown_ns > 0 and (group.ending or not self.tree.holds_processes(path)):
                    before_ns = self._retired_ns.get(codes.UNATTRIBUTED, 0)
                    self._retired_ns[codes.UNATTRIBUTED] = before_ns + grown_ns
                group.ended_ns = own[path]
            group.ending = max(0, group.ending - 1)

    def _rounding_ns(self, path: str, grown_ns: int) -> int:
        """What the group and those directly below it may seem to have used, all rounded down."""
        step_ns = self.tree.step_ns
        if grown_ns <= step_ns or not self._nested:
            return step_ns
        return (1 + sum(above == path for above in self._nested.values())) * step_ns

    def _above(self, path: str) -> str | None:
        return next((parent for parent in above(path) if parent in self._groups), None)

    def _own_usage(self) -> dict[str, int]:
        """Usage of each watched group less that of the watched groups below it."""
        if self._nested is None:
            self._groups = dict(sorted(self._groups.items()))  # what is above is read first
            found = {path: self._above(path) for path in self._groups}
            self._nested = {path: above for path, above in found.items() if above is not None}
        own = {
            path: group.usage_ns - group.absorbed_ns - group.above_ns - group.before_ns
            for path, group in self._groups.items()
        }
        for path, nearest in self._nested.items():
            group = self._groups[path]
            own[nearest] -= group.usage_ns - group.above_ns
        return own

    def _look(self) -> None:
        """Find what came: below parents at every tick, elsewhere now and then."""
        if self._ticks % RESCAN_TICKS == 0:
            self._look_everywhere()
            self._sweep()
        for path in list(self._ways):
            self._look_along(path)
        for path, group in list(self._groups.items()):
            if group.consumer == codes.UNATTRIBUTED:
                self._look_below(path, group)
        self._ticks += 1

    def _look_along(self, way: str) -> None:
        """A group that is found only seconds later has used more by then than the host did since
        the last tick, and would take what is others'."""
        links = self.tree.links(way)
        if links == self._ways[way] and links != 1:
            return
        self._ways[way] = links
        if not links:
            del self._ways[way]
        for name in self.tree.children(way):
            path = f"{way.rstrip('/')}/{name}"
            if path not in self._groups and path not in self._undeclared:
                self._consider(path)
            if path not in self._ways and self.rules.leads_on(path):
                self._ways[path] = 0
                self._look_along(path)

    def _look_everywhere(self) -> None:
        there = set(self.tree.walk(self.rules.depth))
        gone = self._there - there
        for path in there - self._there:
            unit = unit_at(path)
            if unit:
                self._units[path] = unit
        self._there = there
        self._end_renamed(there)
        self._undeclared &= there  # also those that came and went between two looks
        if gone:
            self._units = {path: self._units[path] for path in self._units.keys() - gone}
            self.rules.labels.keep(self._units.values())
        asking = self._undeclared & self._units.keys()
        for path in sorted(there - self._undeclared - self._groups.keys() | asking):
            self._consider(path)

    def _end_renamed(self, there: set[str]) -> None:
        """A group of v1 may be renamed: what it used so far stays where it was, under its new name
        it begins anew."""
        lost = [path for path in self._groups if path not in there] if self.tree.v1 else []
        for path in reversed(lost):
            group = self._groups[path]
            if not self.tree.links(path) and self._read(group):
                self._renamed_ns[os.fstat(group.descriptor).st_ino] = group.usage_ns
                self._retire(path)

    def _look_below(self, path: str, group: Group) -> None:
        """Links count the groups below: where they are as many, and none is gone, none came."""
        links = self.tree.links(path)
        if links == group.links and links != 1:
            return
        group.links = links
        for name in self.tree.children(path):
            child = f"{path}/{name}"
            if child not in self._groups:
                self._consider(child)

    def _consider(self, path: str) -> None:
        """Watch a group as its SIA's, or where it is needed to know what a parent lost."""
        group = self._groups.get(path)
        if group is not None and not group.consumer.startswith("@"):
            return
        match = self.rules.of_group(path)
        if match is not None:
            self._declare(path, match.sia)
            return
        if path not in self._undeclared:
            self._undeclared.add(path)
        if group is None and self.rules.may_hold(path):
            self._make_parents([path, *above(path)])
        elif group is None and self._consumer(path.rpartition("/")[0]) == codes.UNATTRIBUTED:
            self._watch(path, codes.SYSTEM)

    def _consumer(self, path: str) -> str | None:
        return self._groups[path].consumer if path in self._groups else None

    def _declare(self, path: str, sia: str) -> None:
        """A group is a SIA's from now on; what it used while nobody knew that stays where it is."""
        if path not in self._groups and not self._watch(path, sia):
            return
        self._forget_parents_below(path)
        group = self._groups[path]
        if path in self._undeclared and self._read(group):
            group.before_ns += self._own_usage()[path]
            self._undeclared.discard(path)
        group.consumer, self._paths = sia, None
        self._make_parents(above(path))

    def _forget_parents_below(self, path: str) -> None:
        """What is below a SIA's group and nobody else's is its own, and so is what ends there."""
        for inner in [inner for inner in self._groups if inner.startswith(f"{path}/")]:
            nearest = next((one for one in (inner, *above(inner)) if self._is_sias(one)), path)
            if len(nearest) <= len(path):
                os.close(self._groups.pop(inner).descriptor)
                self._nested = None

    def _make_parents(self, paths: Iterable[str]) -> None:
        """All of these, nearest first; none where one is a SIA's: what ends below it is its own."""
        found = list(paths)
        if any(map(self._is_sias, found)):
            return
        for path in found:
            if self._consumer(path) != codes.UNATTRIBUTED:
                self._make_parent(path)

    def _is_sias(self, path: str) -> bool:
        return not (self._consumer(path) or "@").startswith("@")

    def _make_parent(self, path: str) -> None:
        """Watch a group for what ends below it, with every group directly below."""
        if path not in self._groups and not self._watch(path, codes.UNATTRIBUTED):
            return
        group = self._groups[path]
        group.consumer, group.ended_ns, group.links = codes.UNATTRIBUTED, None, 0
        self._look_below(path, group)

    def _watch(self, path: str, consumer: str) -> bool:
        try:
            group = Group(consumer, self.tree.open(path))
        except FileNotFoundError:
            return False  # gone between the look and now
        except OSError as error:
            if not self._refused:
                hint = (
                    "raise LimitNOFILE of the unit" if error.errno == errno.EMFILE else "as root?"
                )
                log.error("cgroups: cannot open %s: %s; %s", path, error.strerror, hint)
            self._refused = True
            return False
        nearest = self._above(path)
        number = os.fstat(group.descriptor).st_ino
        if number in self._renamed_ns:
            group.above_ns = self._renamed_ns.pop(number)
        elif nearest is not None and not self._groups[nearest].consumer.startswith("@"):
            # What was counted above until now stays there.
            self._read(group)
            group.above_ns = min(group.usage_ns, self._groups[nearest].usage_ns)
        self._groups[path] = group
        self._nested = self._paths = None
        return True

    def _sweep(self) -> None:
        """Remove `<group>/<SIA>/<pid>` of ended commands; what they used stays in the SIA's.

        The kernel keeps a group that still has processes or groups in it.
        """
        own = f"/{self.rules.workload_group}"
        for sia in filter(codes.is_phased, self.tree.children(own)):
            for name in self.tree.children(f"{own}/{sia}"):
                if name.isascii() and name.isdigit() and not os.path.exists(f"/proc/{name}"):
                    self.tree.remove(f"{own}/{sia}/{name}")
