"""A powercap tree whose counter follows a script: the agent reads it as it reads a real one.

The files are what the kernel shows (Documentation/power/powercap/powercap.rst); a small process
rewrites `energy_uj` in place every few milliseconds, so that it goes on while agents are killed.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WIDTH = 20


def make_zone(
    root: Path, zone: str, name: str, *, value_uj: int = 0, range_uj: int, limit_uw: int = 0
) -> Path:
    """Make one zone and return its energy_uj."""
    folder = root / zone
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    if limit_uw:
        (folder / "constraint_0_power_limit_uw").write_text(f"{limit_uw}\n")
    energy = folder / "energy_uj"
    energy.write_text(f"{value_uj:0{WIDTH}d}\n")
    return energy


class ScriptedCounter:
    """A counter of constant power that can be let go and held; it knows its true total."""

    def __init__(self, folder: Path, energy: Path, *, power_uw: int, range_uj: int) -> None:
        self._state = folder / "counter.json"
        self._go = folder / "go"
        numbers = map(str, (power_uw, range_uj, int(energy.read_text())))
        files = map(str, (energy, self._go, self._state))
        self._process = subprocess.Popen([sys.executable, __file__, *files, *numbers])

    def go(self) -> None:
        """Let it count."""
        self._go.touch()

    def hold(self) -> int:
        """Stop counting; the true total in microjoules since it began."""
        self._go.unlink(missing_ok=True)
        time.sleep(0.2)
        while True:
            with contextlib.suppress(json.JSONDecodeError):
                return int(json.loads(self._state.read_text())["total_uj"])

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def scripted(
    folder: Path, *, power_uw: int, range_uj: int, limit_uw: int, start_uj: int = 0
) -> Iterator[tuple[Path, ScriptedCounter]]:
    """A tree of one package whose counter is held at first: (root of the tree, counter)."""
    root = folder / "powercap"
    energy = make_zone(
        root,
        "intel-rapl:0",
        "package-0",
        value_uj=start_uj,
        range_uj=range_uj,
        limit_uw=limit_uw,
    )
    counter = ScriptedCounter(folder, energy, power_uw=power_uw, range_uj=range_uj)
    try:
        yield root, counter
    finally:
        counter.end()


def _count(energy: str, go: str, state: str, *numbers: int) -> None:
    """Rewrite the counter until killed; time counts only while the file `go` exists."""
    power_uw, range_uj, start_uj = numbers
    descriptor = os.open(energy, os.O_WRONLY)
    total_uj, before_ns = 0, time.monotonic_ns()
    while True:
        now_ns = time.monotonic_ns()
        if os.path.exists(go):
            total_uj += power_uw * (now_ns - before_ns) // 1_000_000_000
        before_ns = now_ns
        text = f"{(start_uj + total_uj) % range_uj:0{WIDTH}d}\n"
        os.pwrite(descriptor, text.encode(), 0)
        with open(f"{state}.new", "w") as file:
            json.dump({"total_uj": total_uj}, file)
        os.replace(f"{state}.new", state)
        time.sleep(0.005)


if __name__ == "__main__":
    _count(*sys.argv[1:4], *map(int, sys.argv[4:7]))
