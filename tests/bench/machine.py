"""What the figures were taken on and with: commit, processor, kernel, load."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

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
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


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
