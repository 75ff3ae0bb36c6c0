"""CodeCarbon on the twin's host of eight cards: what one measurement costs there, and its memory.

In: the twin's files, and its NVIDIA library with the questions added that CodeCarbon asks of a card
beside its energy (tests/peers/nvml_more.c). Out: a `Measured`, by CodeCarbon's own process. It
takes packages only from the kernel's own folder, so it models the processors.
"""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from exporters.twin.faces import Faces
from exporters.twin.library import environment
from exporters.twin.load import requests
from exporters.twin.plan import Plan
from exporters.twin.truth import Truth

SOURCE = Path(__file__).parents[1] / "peers" / "nvml_more.c"
LIBRARY = "libnvidia-ml.so.1"
MEASUREMENTS = 3000

PROGRAM = """
import json, os, statistics, sys, time
from codecarbon import OfflineEmissionsTracker
tracker = OfflineEmissionsTracker(
    country_iso_code="FRA", measure_power_secs=3600, tracking_mode="machine",
    save_to_file=False, allow_multiple_runs=True, log_level="critical",
)
tracker.start()
spent_ns = []
for _ in range(int(sys.argv[1])):
    before_ns = time.process_time_ns()
    tracker._measure_power_and_energy()
    spent_ns.append(time.process_time_ns() - before_ns)
pages = int(open("/proc/self/statm").read().split()[1])
print(json.dumps({
    "median_ms": statistics.median(spent_ns) / 1e6,
    "rss_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    "cards": tracker._conf["gpu_count"],
}))
"""


@dataclass(frozen=True)
class Measured:
    """CPU milliseconds of a measurement (median), memory at the end, how many cards were seen."""

    median_ms: float
    rss_mib: float
    cards: int


def codecarbon(folder: Path) -> Measured:
    """So many measurements in a row, one process."""
    plan, chance = Plan(), random.Random(1)
    host = folder / "cards"
    host.mkdir()
    faces = Faces(plan, host)
    faces.show(Truth(plan, requests(chance)[0], chance))
    library = _compile(host)
    smi = host / "nvidia-smi"  # CodeCarbon looks for cards only where this program answers
    smi.write_text("#!/bin/sh\n")
    smi.chmod(0o755)
    around = {
        **os.environ,
        "PATH": f"{host}:{os.environ['PATH']}",
        "LD_PRELOAD": str(library),
        **environment(faces.cards),
    }
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(MEASUREMENTS)]
    done = subprocess.run(command, env=around, stdout=subprocess.PIPE, check=True)
    faces.close()
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _compile(folder: Path) -> Path:
    target = folder / LIBRARY
    options = ["-O2", "-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{LIBRARY}"]
    subprocess.run(["gcc", *options, "-o", str(target), str(SOURCE)], check=True)
    return target
