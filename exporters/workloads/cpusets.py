"""Which SIA runs on one processor package only: by the cpusets of its control groups.

In: the effective cpuset of every watched group (v2: its own or the nearest above that has one; v1:
of the same path in the cpuset tree), and which package each CPU is of. Out: package by SIA, of
those whose groups are all inside one and the same. Whatever cannot be told is not confined: its
time is divided over the packages, METHOD.md, "Attribution". A process's own affinity is not asked.
Sources: Linux, admin-guide/cgroup-v2.rst (cpuset.cpus.effective, .exclusive.effective);
admin-guide/cgroup-v1/cpusets.rst; ABI/stable/sysfs-devices-system-cpu (topology).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporters.workloads.mounts import find_mount
from exporters.workloads.units import above

Cpus = frozenset[int]

ELSEWHERE = "elsewhere"
"""Where CPUs are of no package that is measured."""

EFFECTIVE, EXCLUSIVE = "cpuset.cpus.effective", "cpuset.cpus.exclusive.effective"
"""What a group may use; what it was given for partitions, which the first leaves out."""
EFFECTIVE_V1 = "cpuset.effective_cpus"

MOST_CPU = 1 << 16
"""Above every kernel's CONFIG_NR_CPUS."""
LOOKS = 5
"""A cpuset may be changed at any time; it is read again after so many looks."""


def packages(topology: Path, measured: Iterable[str]) -> dict[str, Cpus]:
    """The CPUs of each measured package (`package-0`) or die (`package-0-die-1`), as RAPL names
    them, and what is left under ELSEWHERE. Empty where there is but one, or the kernel names them
    otherwise: then everything is divided by one set of weights."""
    wanted = set(measured)
    found: dict[str, set[int]] = {}
    for folder in topology.glob("cpu[0-9]*/topology"):
        cpu = int(folder.parent.name.removeprefix("cpu"))
        package = f"package-{_number(folder / 'physical_package_id')}"
        die = f"{package}-die-{_number(folder / 'die_id')}"
        name = next((name for name in (package, die) if name in wanted), ELSEWHERE)
        found.setdefault(name, set()).add(cpu)
    if len(found) < 2 or not wanted <= found.keys():
        return {}
    return {name: frozenset(cpus) for name, cpus in found.items()}


def cpus_of(text: str) -> Cpus | None:
    """The CPUs of a list such as `0-3,18`; None where it is empty, or none."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        numbers = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part, re.ASCII)
        if not numbers or int(numbers[2] or numbers[1]) >= MOST_CPU:
            return None
        cpus.update(range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1))
    return frozenset(cpus)


class Cpusets:
    """The cpusets of one host with several packages."""

    def __init__(self, root: Path, packages: Mapping[str, Cpus], mountinfo: Path) -> None:
        """`root`: of the tree of groups, v2 or v1."""
        self.packages = packages
        self._v2 = root if (root / EFFECTIVE).is_file() else None
        mount = None if self._v2 else find_mount("cpuset", mountinfo)
        self._v1 = mount.point if mount else None
        self._watched: Mapping[str, list[str]] = {}
        self._confined: dict[str, str] = {}
        self._looks = 0

    @property
    def told(self) -> bool:
        """Whether there is a tree of cpusets."""
        return bool(self._v2 or self._v1)

    def confined(self, watched: Mapping[str, list[str]]) -> Mapping[str, str]:
        """Package by SIA; `watched` are the groups of each SIA, another object when they change."""
        if self._looks % LOOKS == 0 or watched is not self._watched:
            self._watched = watched
            places = {sia: self._place(paths) for sia, paths in watched.items()}
            self._confined = {sia: place for sia, place in places.items() if place is not None}
        self._looks += 1
        return self._confined

    def _place(self, paths: Iterable[str]) -> str | None:
        """The package that all of these are in."""
        places = {self._package(self._cpus(path)) for path in paths}
        return places.pop() if len(places) == 1 else None

    def _package(self, cpus: Cpus | None) -> str | None:
        if cpus is None:
            return None
        return next((name for name, own in self.packages.items() if cpus <= own), None)

    def _cpus(self, path: str) -> Cpus | None:
        """What a group may run on; None: not known."""
        if self._v2 is None:
            return _read(self._v1 / path.strip("/") / EFFECTIVE_V1) if self._v1 else None
        for group in (path, *above(path), "/"):
            folder = self._v2 / group.strip("/")
            cpus = _read(folder / EFFECTIVE)
            if cpus is not None:
                return cpus | (_read(folder / EXCLUSIVE) or frozenset())
        return None


def _read(path: Path) -> Cpus | None:
    try:
        return cpus_of(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> str:
    """A number as text; where the kernel does not tell it, one that names nothing."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return "?"
