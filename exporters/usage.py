"""CPU time of the host, of the agent and of each SIA, read at one moment of a tick.

In: control groups, declared processes, the host's total; on a host of several packages their
cpusets, and how long each package was busy. Out: `Usage`, cumulative.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporters.cputime import HostCpu, PackageCpu
from exporters.surroundings import Surroundings
from exporters.weights import Confined, Usage
from exporters.workloads.cgroups import Cgroups
from exporters.workloads.cpusets import LOOKS, Cpusets, packages
from exporters.workloads.owners import Decide
from exporters.workloads.processes import Processes
from exporters.workloads.rules import Rules


class OwnTime:
    """What this agent used in a group that a rule gives to a SIA: `@agent`'s, and not the SIA's."""

    def __init__(self) -> None:
        self._looks = 0
        self._sia: str | None = None
        self._before_ns: int | None = None
        self._taken_ns: dict[str, int] = {}
        self._highest_ns: dict[str, int] = {}

    def take_out(self, sia_ns: dict[str, int], own_ns: int, whose: Decide) -> None:
        """Less in `sia_ns`, which never falls: the groups were read a moment before `own_ns`. What
        was used before the first look is in the totals that everything is counted from."""
        if self._looks % LOOKS == 0:
            self._sia = whose(os.getpid())
        self._looks += 1
        before_ns, self._before_ns = self._before_ns, own_ns
        if self._sia is not None and before_ns is not None:
            self._taken_ns[self._sia] = self._taken_ns.get(self._sia, 0) + own_ns - before_ns
        for sia, taken_ns in self._taken_ns.items():
            left_ns = max(self._highest_ns.get(sia, 0), sia_ns.get(sia, 0) - taken_ns)
            sia_ns[sia] = self._highest_ns[sia] = left_ns


class CpuUse:
    """The CPU times of one host."""

    def __init__(
        self,
        root: Path | None,
        rules: Rules,
        processes: Processes,
        surroundings: Surroundings,
        whose: Decide = lambda _: None,
    ) -> None:
        """`root`: of the tree of control groups, None where there is none. `whose`: the SIA of the
        group that a process is in. Raises OSError."""
        self._whose = whose
        self._own = OwnTime()
        self.host = HostCpu(root, surroundings.proc)
        self._root = root
        self._around = surroundings
        self._groups = Cgroups(root, rules) if root else None
        self._processes = processes
        self._cpusets: Cpusets | None = None
        self._package_cpu = PackageCpu({}, surroundings.proc)

    def tell_apart(self, measured: Iterable[str]) -> None:
        """From now on say who runs on one of these packages only, if there are several."""
        found = packages(self._around.cpus, measured)
        if self._root is None or not found:
            return
        cpusets = Cpusets(self._root, found, self._around.proc / "self" / "mountinfo")
        if cpusets.told:
            self._cpusets = cpusets
            self._package_cpu = PackageCpu(found, self._around.proc)

    def read(self) -> Usage:
        """Everything used so far. Raises OSError, ValueError where the host's total is refused."""
        sia_ns = self._groups.read_ns() if self._groups else {}
        for sia, used_ns in self._processes.read_ns().items():
            sia_ns[sia] = sia_ns.get(sia, 0) + used_ns
        host_ns, own_ns = self.host.read_ns(), self._around.own_cpu_ns()
        self._own.take_out(sia_ns, own_ns, self._whose)
        return Usage(host_ns, own_ns, sia_ns, self._confined())

    def watched(self) -> Mapping[str, list[str]]:
        """Watched groups by SIA."""
        return self._groups.paths() if self._groups else {}

    def close(self) -> None:
        """Close the files."""
        if self._groups:
            self._groups.close()
        self.host.close()

    def _confined(self) -> Confined | None:
        """A SIA with a process outside of groups that are its own is confined to nothing known."""
        if self._cpusets is None:
            return None
        package = dict(self._cpusets.confined(self.watched()))
        for sia in self._processes.outside():
            package.pop(sia, None)
        return Confined(package, self._package_cpu.read_ns()) if package else None
