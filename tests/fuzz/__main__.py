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
OF_THE_RUN = ("crash", "seconds", "seed", "commit", "date")

TEXT = """# Inputs of any bytes

Each target reads what others wrote; whatever the bytes, it ends in a value or in a documented
error, in 10 s and 1 GiB. Written by `make fuzz ARGS="--results tests/fuzz/RESULTS.md"`, which
renews the rows of the targets that it ran. Coverage is in edges of Python code (atheris,
libFuzzer). Seed 0: another one each time; with one seed a longer run tries what a shorter one did,
and more. Inputs that crashed a target are kept in [`found/`](found): each `make test` runs them.

{facts}

{table}
"""


def main() -> int:
    """Fuzz what is asked for."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each target (60)")
    parser.add_argument("--target", action="append", choices=list(every()), help="(all)")
    parser.add_argument("--seed", type=int, default=1, help="0: another one each time (1)")
    parser.add_argument("--at-once", type=int, default=2, help="targets at once (2)")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="renew these targets' rows there"
    )
    chosen = parser.parse_args()
    names = chosen.target or list(every())
    print("  ".join(HEAD))
    with ThreadPoolExecutor(chosen.at_once) as pool:
        done = list(pool.map(lambda name: _one(name, chosen.seconds, chosen.seed), names))
    if chosen.results:
        _write(chosen.results, done, (str(chosen.seconds), str(chosen.seed)))
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


def _write(path: Path, done: list[Fuzzed], how: tuple[str, str]) -> None:
    """The table; rows of other targets stay as an earlier run left them."""
    facts = machine.facts()
    rows = _rows(path)
    for one in done:
        crash = "**yes**" if one.crash else "none"
        rows[one.target] = (*_cells(one), crash, *how, facts["commit"], facts["date"])
    head = (*HEAD, *OF_THE_RUN)
    table = [head, ("---",) * len(head), *(rows[name] for name in every() if name in rows)]
    text = TEXT.format(
        facts="\n".join(f"- {name}: {facts[name]}" for name in ("processor", "system", "packages")),
        table="\n".join(f"| {' | '.join(row)} |" for row in table),
    )
    path.write_text(text, encoding="utf-8")


def _rows(path: Path) -> dict[str, tuple[str, ...]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [tuple(line.strip("| ").split(" | ")) for line in lines if line.startswith("| ")]
    return {row[0]: row for row in found if len(row) == len(HEAD) + len(OF_THE_RUN)}


if __name__ == "__main__":
    sys.exit(main())
