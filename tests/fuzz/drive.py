"""Runs a target in a process of its own, and reads what libFuzzer says of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

START_SECONDS = 120
_DONE = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_SLOWEST = re.compile(r"stat::slowest_unit_time_sec:\s+(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s+(\d+)")
_COVER = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


class Fuzzed(msgspec.Struct, frozen=True):
    """What became of a target: inputs run, edges of code reached when it began and at the end,
    inputs that are kept because each reaches something more; the slowest input and most memory.
    `crash`: the input and the last words, None where there was none."""

    target: str
    executions: int
    first_edges: int
    edges: int
    corpus: int
    slowest_seconds: int
    peak_mib: int
    crash: tuple[bytes, str] | None


def fuzz(target: str, folder: Path, seconds: int, seed: int = 1) -> Fuzzed:
    """Fuzz for some seconds. With the same `seed` a longer run tries what a shorter one did, and
    more; 0: another one each time. Raises RuntimeError where it did not run at all."""
    command = [sys.executable, "-m", "tests.fuzz.worker", target, str(folder)]
    done = subprocess.run(
        [*command, str(seconds), str(seed)],
        stdout=subprocess.PIPE,  # what Python says of an exception
        stderr=subprocess.STDOUT,
        timeout=seconds + START_SECONDS,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    said = done.stdout.decode(errors="replace")
    covers = _COVER.findall(said)
    found = next((path for path in sorted(folder.iterdir()) if "-" in path.name), None)
    if not covers and not found:
        raise RuntimeError(f"{target}: {said[-2000:]}")
    covers = covers or [("0", "0", "0")]
    crash = None
    if done.returncode or found:
        crash = (found.read_bytes() if found else b"", _last_words(said))
    return Fuzzed(
        target=target,
        executions=_number(_DONE, said),
        first_edges=int(covers[0][0]),
        edges=int(covers[-1][0]),
        corpus=int(covers[-1][2]),
        slowest_seconds=_number(_SLOWEST, said),
        peak_mib=_number(_PEAK, said),
        crash=crash,
    )


def _number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(found[1]) if found else 0


def _last_words(said: str) -> str:
    start = said.find("=== Uncaught Python exception")
    return said[start if start >= 0 else -2000 :][:3000]
