"""Processes that use a known CPU time in real control groups, which are removed at the end."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from exporters.workloads.mounts import find_mount
from tests.tools import CAPABILITY_REASON, require_root_cgroups

NS = 1_000_000_000
WITHIN = 0.01
"""How far CPU times may be apart: one hundredth."""

BURN = """
import os, resource, sys, time
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)
group, most = sys.argv[1], float(sys.argv[2])
files = [open(f"{folder}/cgroup.procs", "w") for folder in sys.argv[3:] + [group] * (group != "-")]
# The kernel gives what is not booked yet to the group we enter; asking books it to the old one.
before = used()
for file in files:
    with file:
        file.write(str(os.getpid()))
while used() - before < most * 1e9:
    sum(range(2000))
print(before, used(), flush=True)
sys.stdin.read()
"""


class Burner:
    """A process that enters a group, uses CPU time, and waits; `used_ns` is what it used there.

    `before`: a group of another tree that it enters first.
    """

    def __init__(self, group: Path | None, seconds: float, before: Path | None = None) -> None:
        command = [sys.executable, "-I", "-c", BURN, str(group or "-"), str(seconds)]
        command += [str(before)] if before else []
        self._before_ns = 0
        with contextlib.ExitStack() as on_failure:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            on_failure.callback(self.end)
            assert self._process.stdout
            self.pid = self._process.pid
            self._before_ns, now_ns = map(int, self._process.stdout.readline().split())
            on_failure.pop_all()
        self.used_ns = now_ns - self._before_ns

    def end(self) -> None:
        """Let it end; `used_ns` is then what it used until its last moment."""
        if self._process.returncode is not None:
            return
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = status
        self.used_ns = round((usage.ru_utime + usage.ru_stime) * NS) - self._before_ns


def burn(group: Path | None, seconds: float) -> int:
    """CPU time that a process used in `group` and ended, in nanoseconds."""
    burner = Burner(group, seconds)
    burner.end()
    return burner.used_ns


@contextlib.contextmanager
def house() -> Iterator[Path]:
    """A group of our own under the v2 mount; it and all below are removed at the end."""
    group = require_root_cgroups() / f"footprint-test-{uuid4().hex[:12]}"
    group.mkdir()
    try:
        yield group
    finally:
        remove(group)


@contextlib.contextmanager
def house_v1() -> Iterator[Path]:
    """The same in the v1 tree of `cpuacct`, without killing: processes have to end before."""
    mount = find_mount("cpuacct")
    if mount is None or not os.access(mount.point, os.W_OK):
        pytest.skip(f"{CAPABILITY_REASON}the v1 tree of cpuacct is mounted and can be written")
    group = mount.point / f"footprint-test-{uuid4().hex[:12]}"
    group.mkdir()
    try:
        yield group
    finally:
        _fold(group)


def remove(group: Path) -> None:
    """Kill what is in a group and remove it with all groups below."""
    (group / "cgroup.kill").write_text("1")
    _fold(group)


def _fold(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        for _ in range(200):  # a killed process leaves its group when it is gone for good
            try:
                Path(folder).rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.01)


def near(measured_ns: int, true_ns: int) -> bool:
    """Whether two CPU times are the same within one hundredth."""
    return abs(measured_ns - true_ns) <= WITHIN * true_ns
