"""`python -m tests.fuzz`: every target under atheris, a line each; exit code 1 for a crash.

An input that crashes is written to tests/fuzz/found/TARGET: once the defect is mended it stays
there, and is run by every `make test`.
"""

import argparse
import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench import machine
from tests.fuzz.drive import Fuzzed, fuzz
from tests.fuzz.target import FOUND
from tests.fuzz.targets import every

HEAD = ("target", "executions", "edges with the seeds", "edges", "inputs kept", "slowest, s", "MiB")


def main() -> int:
    """Fuzz what is asked for."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each target (60)")
    parser.add_argument("--target", action="append", choices=list(every()), help="(all)")
    parser.add_argument("--seed", type=int, default=1, help="0: another one each time (1)")
    parser.add_argument("--at-once", type=int, default=2, help="targets at once (2)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the table here too")
    chosen = parser.parse_args()
    names = chosen.target or list(every())
    print("  ".join(HEAD))
    with ThreadPoolExecutor(chosen.at_once) as pool:
        done = list(pool.map(lambda name: _one(name, chosen.seconds, chosen.seed), names))
    if chosen.results:
        chosen.results.write_text(_results(done, chosen), encoding="utf-8")
    return int(any(one.crash for one in done))


def _one(name: str, seconds: int, seed: int) -> Fuzzed:
    with tempfile.TemporaryDirectory() as folder:
        done = fuzz(name, Path(folder), seconds, seed)
    print("  ".join(_cells(done)), flush=True)
    if done.crash:
        data, words = done.crash
        path = FOUND / name / hashlib.sha256(data).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{name}: CRASH, {path}\n{words}", file=sys.stderr)
    return done


def _cells(done: Fuzzed) -> tuple[str, ...]:
    numbers = (done.executions, done.first_edges, done.edges, done.corpus)
    return (
        done.target,
        *(f"{number:,}" for number in numbers),
        f"{done.slowest_seconds}" if done.slowest_seconds else "< 1",
        str(done.peak_mib),
    )


def _results(done: list[Fuzzed], chosen: argparse.Namespace) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(_cells, done)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    facts = "\n".join(f"- {name}: {fact}" for name, fact in machine.facts().items())
    crashes = ", ".join(one.target for one in done if one.crash) or "none"
    return f"""# Inputs of any bytes

Each target reads what others wrote; whatever the bytes, it ends in a value or in a documented
error, in 10 s and 1 GiB. Written by `make fuzz ARGS="--results tests/fuzz/RESULTS.md"`. Coverage is
in edges of Python code (atheris, libFuzzer).

{facts}

{chosen.seconds} s each target, seed {chosen.seed}. Crashes: {crashes}.

{table}
"""


if __name__ == "__main__":
    sys.exit(main())
