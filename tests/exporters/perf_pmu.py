"""A PMU `power` whose events this kernel really counts: its CPU clock, one joule a second.

The folder is what the kernel shows of a PMU; its `type` and `config` name the software event
cpu-clock (linux/perf_event.h), so that opening, counting and reading are the kernel's own.
"""

import fcntl
import os
from fractions import Fraction
from pathlib import Path

import pytest

from exporters.sensors.perf_event import Counting, Event
from tests.tools import CAPABILITY_REASON

SOFTWARE = 1
DISABLE = 0x2401
"""PERF_EVENT_IOC_DISABLE: the kernel stops counting, as it does on a CPU that goes offline."""

CPU_CLOCK = Event("cpu-clock", SOFTWARE, (0, 0, 0), Fraction(1, 10**9), "1e-9")


def require_perf() -> None:
    """Skips where this process may not count on a CPU (seccomp, perf_event_paranoid)."""
    try:
        Counting(CPU_CLOCK, 0).close()
    except OSError as error:
        pytest.skip(f"{CAPABILITY_REASON}perf_event_open counts on a CPU ({error.strerror})")


class Pmu:
    """The folder `power` of an event_source tree, and the processors that it speaks of."""

    def __init__(self, folder: Path, *kinds: str, cpumask: str = "0") -> None:
        self.root = folder / "event_source"
        self.folder = self.root / "power"
        self.topology = folder / "cpu"
        self.proc = folder / "proc"
        self.file("type", str(SOFTWARE))
        self.file("cpumask", cpumask)
        self.file("format/event", "config:0-7")
        for kind in kinds or ("pkg",):
            self.file(f"events/energy-{kind}", "event=0x00")
            self.file(f"events/energy-{kind}.scale", "1e-9")
            self.file(f"events/energy-{kind}.unit", "Joules")
        self.cpuinfo("GenuineIntel")
        self.cpu(0)

    def file(self, name: str, text: str) -> Path:
        """Write one of the PMU's files."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        return path

    def cpu(self, number: int, package: int = 0, die: int = 0) -> None:
        """Say where a CPU is."""
        folder = self.topology / f"cpu{number}" / "topology"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "physical_package_id").write_text(f"{package}\n")
        (folder / "die_id").write_text(f"{die}\n")

    def cpuinfo(self, vendor: str) -> None:
        """Say who made the processors."""
        self.proc.mkdir(exist_ok=True)
        (self.proc / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")


def stop_counting() -> int:
    """Disable every event that this process has open; returns how many."""
    stopped = 0
    for entry in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{entry}"
        if os.path.islink(path) and "perf_event" in os.readlink(path):
            fcntl.ioctl(int(entry), DISABLE)
            stopped += 1
    return stopped
