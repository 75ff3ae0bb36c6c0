"""What the figures were taken on and with: commit, processor, kernel, load."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PASSES = 2_000_000
ROOT = Path(__file__).parents[2]


def facts() -> dict[str, str]:
    """One line each, in the order in which they are shown."""
    cores = os.sysconf("SC_NPROCESSORS_ONLN")
    packages = ("msgspec", "fastapi", "sqlalchemy", "uvicorn", "codecarbon")
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {cores} logical CPUs",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "speed": f"one pass of an adding loop of Python {_pass_ns():.0f} ns of CPU",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def _pass_ns() -> float:
    """How fast this machine is now: virtual ones vary by a factor of two from hour to hour, and
    two results compare only where this is equal."""
    total, began_ns = 0, time.process_time_ns()
    for number in range(PASSES):
        total += number
    return (time.process_time_ns() - began_ns) / PASSES


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "-C", ROOT, "describe", "--always", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown (no git history here)"
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
