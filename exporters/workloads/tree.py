"""The tree of control groups as files: which groups there are, and what each has used.

In: a mounted cgroup v2 tree (`cpu.stat`, microseconds), or the v1 tree of `cpuacct`
(`cpuacct.usage`, nanoseconds). Out: paths below the root, usage in nanoseconds through descriptors
kept open. Both count what groups below used, dead ones too. Sources: Linux,
admin-guide/cgroup-v2.rst; admin-guide/cgroup-v1/cpuacct.rst.
"""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from exporters.cputime import NS_PER_US, stat_value
from exporters.workloads.mounts import find_mount

V1_USAGE = "cpuacct.usage"
V2_USAGE = "cpu.stat"
FIRST = b"usage_usec "

SPARE_FILES = 32
"""Descriptors that groups leave to all else: scrapes, pages, sources of labels."""


def find_tree() -> Path | None:
    """The mounted v2 tree; where there is none, the v1 tree of `cpuacct`; or None."""
    mount = find_mount(None) or find_mount("cpuacct")
    return mount.point if mount else None


def is_v1(root: Path) -> bool:
    """Whether this is the v1 tree of `cpuacct`."""
    return (root / V1_USAGE).is_file()


def is_tree(root: Path) -> bool:
    """Whether this is a tree of either kind (`cgroup.controllers`: in every group of v2)."""
    return is_v1(root) or (root / "cgroup.controllers").is_file()


class Tree:
    """One mounted tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = str(root).rstrip("/")
        self.v1 = is_v1(root)
        self.step_ns = 1 if self.v1 else NS_PER_US

    @property
    def controller(self) -> str | None:
        """For `cgroup_of`: the v1 controller, None in a v2 tree."""
        return "cpuacct" if self.v1 else None

    def open(self, path: str) -> int:
        """A descriptor of the group's usage. Raises OSError, EMFILE already where only
        `SPARE_FILES` are left: the kernel gives the lowest free number."""
        file = f"{self._where(path)}/{V1_USAGE if self.v1 else V2_USAGE}"
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY and descriptor >= limit - SPARE_FILES:
            os.close(descriptor)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), file)
        return descriptor

    def used_ns(self, descriptor: int) -> int:
        """CPU time since the group was made. Raises OSError where it was removed."""
        text = os.pread(descriptor, 4096, 0)
        if self.v1:
            return int(text)
        if text.startswith(FIRST):  # it is, on every kernel so far: a third of the time of a look
            return int(text[len(FIRST) : text.index(b"\n")]) * NS_PER_US
        return stat_value(text, b"usage_usec") * NS_PER_US

    def holds_processes(self, path: str) -> bool:
        """Whether processes are in the group itself, not in groups below."""
        with contextlib.suppress(OSError), open(f"{self._where(path)}/cgroup.procs", "rb") as file:
            return bool(file.read(1))
        return False

    def folder(self, path: str) -> Path:
        """A group's folder."""
        return Path(self._where(path))

    def remove(self, path: str) -> None:
        """End an empty group; one with processes or groups in it stays."""
        with contextlib.suppress(OSError):
            os.rmdir(self._where(path))

    def _where(self, path: str) -> str:
        return self._prefix if path == "/" else self._prefix + path  # for every group of the host

    def links(self, path: str) -> int:
        """Two and the number of groups below, as the kernel counts links; 1: it does not say, 0:
        there is no such group."""
        try:
            return os.stat(self._where(path)).st_nlink
        except OSError:
            return 0

    def children(self, path: str) -> list[str]:
        """Names of the groups directly below."""
        return folders(self._where(path))

    def walk(self, depth: int) -> Iterator[str]:
        """Every group below, parents first, so many levels deep: who was given a part of the tree
        may nest groups by the thousand. Groups without any below are not listed."""
        level = ["/"]
        for _ in range(depth):
            here = [
                f"{path.rstrip('/')}/{name}"
                for path in level
                if self.links(path) not in (0, 2)
                for name in self.children(path)
            ]
            yield from here
            level = here


def folders(path: str | Path) -> list[str]:
    """Names of the folders in `path`, none where it is gone or closed to us."""
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def allow_many_files() -> None:
    """As many open files as this process may have: one is kept for each watched group."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
