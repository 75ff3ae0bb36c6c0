"""What the simulated SIA do: profiles of GPU and CPU time made from a trace of real requests.

In: arrivals with prompt and generated tokens (a committed extract of the Azure LLM inference trace
where the repository is at hand, else arrivals of the same shape drawn by chance). Out: per tenth of
a second, microseconds of GPU and CPU time. Reading a prompt is a burst of a tenth of a second at
full power, shorter than the agent's tick; generating is long and light.
"""

import csv
import random
from datetime import datetime
from pathlib import Path

import msgspec

from exporters.twin.plan import STEP_US

TRACE = Path(__file__).parents[2] / "demo" / "trace.csv"

PROMPT_US = 100
"""GPU time of a prompt's token: 10,000 tokens a second, at full power."""
GENERATED_US = 20_000
"""Time of a generated token: 50 a second, at `GENERATING` of a card's power."""
GENERATING = 0.3
MOST_CPUS = 16

HOURS_PERMILLE = (
    *(300, 300, 300, 300, 300, 350, 450, 600, 800, 950, 1000, 1000),
    *(800, 850, 1000, 1000, 950, 850, 700, 550, 450, 400, 350, 300),
)
"""An office day: how much of its profile an SIA does, by hour."""

Request = tuple[float, int, int]
"""Arrival in seconds, prompt tokens, generated tokens."""


class Profile(msgspec.Struct, frozen=True):
    """Microseconds of GPU and CPU time in each step; it repeats."""

    gpu_us: list[int]
    cpu_us: list[int]


def requests(chance: random.Random, path: Path = TRACE) -> tuple[list[Request], str]:
    """Requests in order, and where they come from."""
    if path.is_file():
        return from_trace(path), "an extract of the Azure LLM inference trace 2023"
    return _drawn(chance), "drawn by chance (no trace at hand)"


def from_trace(path: Path) -> list[Request]:
    """The requests of a CSV file as the Azure LLM inference trace is. Raises OSError, or
    ValueError, KeyError, TypeError or csv.Error where it is no such file."""
    with path.open(newline="", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    arrivals = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    return [
        (
            (arrival - arrivals[0]).total_seconds(),
            int(row["ContextTokens"]),
            int(row["GeneratedTokens"]),
        )
        for arrival, row in zip(arrivals, rows, strict=True)
    ]


def _drawn(chance: random.Random) -> list[Request]:
    """400 requests: arrivals by chance at 5.4 a second, tokens log-normal around 1,000 and 130."""
    at, found = 0.0, list[Request]()
    for _ in range(400):
        at += chance.expovariate(5.4)
        found.append(
            (at, int(chance.lognormvariate(6.9, 0.8)) + 1, int(chance.lognormvariate(4.9, 0.8)) + 1)
        )
    return found


def profile(asked: list[Request], stretch: float) -> Profile:
    """The requests as time used, `stretch` times slower than they came."""
    length = int((asked[-1][0] * stretch + 10) * 1_000_000) // STEP_US
    gpu_us, cpu_us = [0.0] * length, [0.0] * length
    for arrival, prompt, generated in asked:
        start_us = arrival * stretch * 1_000_000
        reading_us, writing_us = prompt * PROMPT_US, generated * GENERATED_US
        _fill(gpu_us, start_us, reading_us, 1.0)
        _fill(gpu_us, start_us + reading_us, writing_us, GENERATING)
        _fill(cpu_us, start_us, reading_us, 4.0)
        _fill(cpu_us, start_us + reading_us, writing_us, 0.25)
    return Profile(
        [min(int(value), STEP_US) for value in gpu_us],
        [min(int(value), STEP_US * MOST_CPUS) for value in cpu_us],
    )


def _fill(steps: list[float], start_us: float, length_us: float, intensity: float) -> None:
    """Spread time over the steps it falls into, round the end to the beginning."""
    at_us, end_us = start_us, start_us + length_us
    while at_us < end_us:
        step = int(at_us // STEP_US)
        until_us = min(end_us, (step + 1) * STEP_US)
        steps[step % len(steps)] += (until_us - at_us) * intensity
        at_us = until_us
