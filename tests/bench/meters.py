"""What metering costs: CPU time of one second and memory, for our agent and for CodeCarbon.

In: real processes that measure once a second. Out: `Cost`s, read from outside by the process's own
CPU clock (all threads, nanoseconds), so that both are measured by the same means.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.watched import Packages
from tests.running import Agent, Process, ended

SAMPLES = 10
"""Seconds sampled; the agent writes its checkpoint in one of them."""

SETTLE_SECONDS = 2

CODECARBON = """
import sys, time
from codecarbon import OfflineEmissionsTracker
tracker = OfflineEmissionsTracker(
    country_iso_code="FRA", measure_power_secs=1, tracking_mode=sys.argv[1],
    save_to_file=False, allow_multiple_runs=True, log_level="critical",
)
tracker.start()
print("ready", flush=True)
time.sleep(200)
"""


PSUTIL = """
import time
import psutil
print("ready", flush=True)
for _ in range(200):
    total = sum(sum(one.info["cpu_times"][:2]) for one in psutil.process_iter(["cpu_times"]))
    time.sleep(1 - time.time() % 1)
"""


@dataclass(frozen=True)
class Cost:
    """Of one meter: CPU milliseconds of a second (median and mean), resident memory in MiB."""

    median_ms: float
    mean_ms: float
    rss_mib: float


class CodeCarbon(Process):
    """CodeCarbon's offline tracker, measuring every second."""

    def __init__(self, folder: Path, mode: str) -> None:
        command = [sys.executable, "-W", "ignore", "-c", CODECARBON, mode]
        super().__init__(command, folder / f"codecarbon-{mode}.log", "ready")


class Scan(Process):
    """psutil's own way to know who used the processors: every process, once a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__([sys.executable, "-c", PSUTIL], folder / "psutil.log", "ready")


def agent(folder: Path, packages: Packages, group: str) -> Cost:
    """Our agent with RAPL counters."""
    process = Agent(_fresh(folder), "--powercap-root", str(packages.root), group=group)
    return _cost(process, packages.advance)


def modelling_agent(folder: Path, group: str) -> Cost:
    """Our agent where there is no counter: it models, with CodeCarbon's table of processors."""
    process = Agent(_fresh(folder), "--powercap-root", str(folder / "none"), group=group)
    return _cost(process, lambda: None)


def codecarbon(folder: Path, mode: str) -> Cost:
    """CodeCarbon in `mode`."""
    return _cost(CodeCarbon(_fresh(folder), mode), lambda: None)


def scan(folder: Path) -> Cost:
    """psutil's CPU times of all processes, attributed to nobody."""
    return _cost(Scan(_fresh(folder)), lambda: None)


def _fresh(folder: Path) -> Path:
    new = folder / f"meter-{time.monotonic_ns()}"
    new.mkdir()
    return new


def _cost(process: Process, between: Callable[[], None]) -> Cost:
    with ended(process):
        for _ in _half_seconds(SETTLE_SECONDS):
            between()
        spent_ns = []
        before_ns = cpu_ns(process.pid)
        for _ in _half_seconds(SAMPLES):
            now_ns = cpu_ns(process.pid)
            spent_ns.append(now_ns - before_ns)
            before_ns = now_ns
            between()
        rss_mib = resident_kib(process.pid) / 1024
    return Cost(statistics.median(spent_ns) / 1e6, statistics.fmean(spent_ns) / 1e6, rss_mib)


def _half_seconds(count: int) -> Iterator[None]:
    """Instants in the middle between two whole seconds, where the agent's ticks are."""
    for _ in range(count):
        now = time.time()
        time.sleep((0.5 - now % 1) % 1 or 1)
        yield


def cpu_ns(pid: int) -> int:
    """CPU time of a whole process, ended threads included (clock_getcpuclockid(3))."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    with contextlib.suppress(StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])
    raise subprocess.SubprocessError(f"process {pid} has ended")
