"""CPU time per SIA from control groups: one `cpu.stat` a group, through descriptors kept open.

In: the cgroup v2 tree (also where it sits under a hybrid mount), the groups that
`footprint-agent run` made, and the configuration's rules. Out: nanoseconds per SIA since this
object was made; they never fall, also when a group goes. The cost does not depend on the number of
processes. Source: Linux, admin-guide/cgroup-v2.rst (`cpu.stat` counts descendants, dead ones too).
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from exporters.cputime import NS_PER_US, stat_value
from exporters.settings import Workload
from exporters.workloads.mounts import find_root
from footprint.codes import is_code

__all__ = ["RESCAN_TICKS", "Cgroups", "find_root"]

RESCAN_TICKS = 5
"""Rules with patterns are looked up again, and empty groups that `run` left are removed, this
often; `run`'s groups are looked for at every tick."""


class Group(msgspec.Struct):
    """A watched group: whose it is, its open `cpu.stat`, the usage last read, and how much of it
    is counted elsewhere: in watched groups below that are gone, or above before it was watched."""

    sia: str
    descriptor: int
    usage_ns: int = 0
    absorbed_ns: int = 0
    above_ns: int = 0


class Cgroups:
    """The watched groups of one host."""

    def __init__(self, root: Path, workload_group: str, rules: Sequence[Workload]) -> None:
        self.root = root
        self._own = root / workload_group
        self._rules = rules
        self._groups: dict[str, Group] = {}
        self._retired_ns: dict[str, int] = {}
        self._highest_ns: dict[str, int] = {}
        self._nested: dict[str, str] | None = None
        """The nearest watched group above each that has one; None after a group came or went."""
        self._ticks = 0

    def paths(self) -> dict[str, list[str]]:
        """Watched paths below the root, by SIA."""
        found: dict[str, list[str]] = {}
        for path, group in sorted(self._groups.items()):
            found.setdefault(group.sia, []).append(path)
        return found

    def read_ns(self) -> dict[str, int]:
        """CPU time per SIA, in nanoseconds: groups that live and groups that went."""
        self._scan()
        dead = [path for path, group in self._groups.items() if not self._read(group)]
        for path in sorted(dead, reverse=True):
            self._retire(path)
        own = self._own_usage()
        totals = dict(self._retired_ns)
        for path, group in self._groups.items():
            totals[group.sia] = totals.get(group.sia, 0) + own[path]
        # Groups are read one after the other: a child read late must not make its parent fall.
        for sia, total_ns in totals.items():
            self._highest_ns[sia] = max(self._highest_ns.get(sia, 0), total_ns)
        return dict(self._highest_ns)

    def close(self) -> None:
        """Close the files."""
        for group in self._groups.values():
            os.close(group.descriptor)
        self._groups.clear()

    @staticmethod
    def _read(group: Group) -> bool:
        """Read a group's usage; False where the group was removed."""
        try:
            text = os.pread(group.descriptor, 4096, 0)
        except OSError:
            return False
        group.usage_ns = stat_value(text, b"usage_usec") * NS_PER_US
        return True

    def _retire(self, path: str) -> None:
        """Keep what a removed group used; its name may be made anew, and is then opened again.

        The kernel adds a dead group's usage to its parent: a watched group above must not count it
        a second time.
        """
        own_ns = self._own_usage()[path]
        group = self._groups.pop(path)
        self._nested = None
        os.close(group.descriptor)
        self._retired_ns[group.sia] = self._retired_ns.get(group.sia, 0) + own_ns
        above = self._above(path)
        if above is not None:
            self._groups[above].absorbed_ns += group.usage_ns - group.above_ns

    def _above(self, path: str) -> str | None:
        parents = map(str, PurePosixPath(path).parents)
        return next((parent for parent in parents if parent in self._groups), None)

    def _own_usage(self) -> dict[str, int]:
        """Usage of each watched group less that of the watched groups below it."""
        own = {
            path: group.usage_ns - group.absorbed_ns - group.above_ns
            for path, group in self._groups.items()
        }
        if self._nested is None:
            found = {path: self._above(path) for path in self._groups}
            self._nested = {path: above for path, above in found.items() if above is not None}
        for path, above in self._nested.items():
            group = self._groups[path]
            own[above] -= group.usage_ns - group.above_ns
        return own

    def _scan(self) -> None:
        for path, sia in self._declared():
            self._watch(path, sia)
        if self._ticks % RESCAN_TICKS == 0:
            for path, sia in self._matching():
                self._watch(path, sia)
            self._sweep()
        self._ticks += 1

    def _declared(self) -> Iterator[tuple[str, str]]:
        for name in _folders(self._own):
            if is_code(name):
                yield f"/{self._own.name}/{name}", name

    def _sweep(self) -> None:
        """Remove `<group>/<SIA>/<pid>` of ended commands; what they used stays in the SIA's.

        The kernel keeps a group that still has processes or groups in it.
        """
        for _, sia in self._declared():
            for name in _folders(self._own / sia):
                if name.isascii() and name.isdigit() and not Path("/proc", name).exists():
                    with contextlib.suppress(OSError):
                        (self._own / sia / name).rmdir()

    def _matching(self) -> Iterator[tuple[str, str]]:
        taken = set()
        for rule in self._rules:
            for match in self._glob(rule.cgroup.strip("/")):
                path = "/" + str(match.relative_to(self.root))
                if path not in taken and (match / "cpu.stat").exists():
                    taken.add(path)
                    yield path, rule.sia

    def _glob(self, pattern: str) -> list[Path]:
        try:
            return sorted(self.root.glob(pattern))
        except OSError:
            return []  # a group went while its parent was listed: the next look finds the others

    def _watch(self, path: str, sia: str) -> None:
        if path in self._groups or path == "/.":
            return  # the root group counts the whole host and is nobody's
        try:
            name = self.root / path.lstrip("/") / "cpu.stat"
            group = Group(sia, os.open(name, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return  # gone between the scan and now
        above = self._above(path)
        if above is not None and self._read(group):
            # What was counted above until now stays there.
            group.above_ns = min(group.usage_ns, self._groups[above].usage_ns)
        self._groups[path] = group
        self._nested = None


def _folders(path: Path) -> list[str]:
    """Names of the folders in `path`, none where it is gone or closed to us."""
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
