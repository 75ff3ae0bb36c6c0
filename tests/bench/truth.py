"""How true the agent is: a simulated host of known energy, a day of it where that is quick enough.

Out: the lines that `footprint-agent twin` prints, and how many hours were simulated; of shared
servers a whole day always.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

DAY, LESS, START, TRIAL = 24.0, 2.0, 0.02, 0.27
"""Simulated hours: what is wanted, what is done on a slow machine, and two short runs that tell
what starting costs and what an hour does."""
MOST_SECONDS = 1200
SERVING_STEP = "5"
"""Seconds between the agent's ticks there: whose the cards are does not change between them."""


def told() -> list[str]:
    """What the twin says of a day, or of two hours where a day would take over twenty minutes."""
    starting = _seconds(START)
    estimate = starting + (_seconds(TRIAL) - starting) * DAY / (TRIAL - START)
    if estimate < MOST_SECONDS:
        return _twin(DAY)
    note = f"{LESS:g} hours and not {DAY:g}: a day would take about {estimate:.0f} s here."
    return [note, "", *_twin(LESS)]


def confined() -> list[str]:
    """What it says of two hours of these processors where each SIA has a cpuset of its socket."""
    return _twin(LESS, "--gpus", "0", "--bmc", "none", "--pinned")


def serving(trace: Path | None) -> list[str]:
    """What it says of a day of shared servers: the fit of weights wants half of one at least.
    `trace`: another one than the extract that is here."""
    more = () if trace is None else ("--trace", str(trace))
    return _twin(DAY, "--serving", "--step-seconds", SERVING_STEP, *more)


def cost(told: list[str]) -> tuple[str, str]:
    """Of a run's lines: a tick's CPU time (ms, median) and memory (MiB); "unknown" without them."""
    text = "\n".join(told)
    tick = re.search(r"A tick: median ([\d.]+) ms", text)
    memory = re.search(r"Memory of agent and simulation together: (\d+) MiB", text)
    return tick[1] if tick else "unknown", memory[1] if memory else "unknown"


def _seconds(hours: float) -> float:
    began = time.monotonic()
    _twin(hours)
    return time.monotonic() - began


def _twin(hours: float, *more: str) -> list[str]:
    """Standard output of a run; exit code 1 is a result to be shown, not an error."""
    command = [sys.executable, "-m", "exporters.cli", "twin", "--hours", str(hours), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.splitlines() or [f"`footprint-agent twin` ended with {done.returncode}."]
