"""What a meter watches here: a powercap tree of two packages, fifty control groups, idle processes.

Everything is made and taken away again; processes are ended by their own id.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from exporters.workloads.cgroups import find_root
from tests.powercap import WIDTH, make_zone

GROUPS = 50
RANGE_UJ = 262_143_328_850
LONGEST_SECONDS = "240"
"""An idle process ends by itself after this time, should the run be killed."""


class Packages:
    """Two packages whose counters go on by a fixed amount whenever they are told to."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "powercap"
        self._files = [
            make_zone(self.root, f"intel-rapl:{n}", f"package-{n}", range_uj=RANGE_UJ)
            for n in range(2)
        ]
        self._value_uj = 0

    def advance(self) -> None:
        """Another 40 J on each."""
        self._value_uj += 40_000_000
        for file in self._files:
            descriptor = os.open(file, os.O_WRONLY)
            os.pwrite(descriptor, f"{self._value_uj:0{WIDTH}d}\n".encode(), 0)
            os.close(descriptor)


@contextlib.contextmanager
def control_groups() -> Iterator[tuple[str, int]]:
    """Fifty groups below one of ours that use a little CPU time twice a second: (name, how many).

    None can be made except by root.
    """
    name = f"footprint-bench-{os.getpid()}"
    root = find_root()
    paths: list[Path] = []
    if root is not None and os.geteuid() == 0:
        paths = [root / name / f"sia-{number:02}" for number in range(GROUPS)]
    for path in paths:
        path.mkdir(parents=True)
    walker = subprocess.Popen([sys.executable, __file__, *map(str, paths)]) if paths else None
    try:
        yield name, len(paths)
    finally:
        if walker is not None:
            walker.kill()
            walker.wait()
        for path in paths:
            path.rmdir()
        if paths:
            paths[0].parent.rmdir()


@contextlib.contextmanager
def idle_processes(count: int) -> Iterator[None]:
    """So many processes that sleep."""
    sleepers = [subprocess.Popen(["sleep", LONGEST_SECONDS]) for _ in range(count)]
    try:
        yield
    finally:
        for sleeper in sleepers:
            sleeper.send_signal(signal.SIGKILL)
        for sleeper in sleepers:
            sleeper.wait()


def walk(groups: list[Path]) -> None:
    """Go from group to group and spend 0.2 ms in each, twice a second, until killed."""
    while True:
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))
            end_ns = time.process_time_ns() + 200_000
            while time.process_time_ns() < end_ns:
                pass
        time.sleep(0.5)


if __name__ == "__main__":
    walk([Path(argument) for argument in sys.argv[1:]])
