"""`make demo`: two real AI workloads on this host, metered from the first joule to a statement.

    make demo                            until Ctrl-C
    make demo ARGS="--seconds 90"        ends by itself, checks its figures, exits 0 if all hold

In: this host. Out: what was found and what is lacking, the page's address, a live table, and with
`--seconds` the statement so far and the checks. Everything lives in a temporary folder and ends
with this program.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from demo import checks, report, table
from demo.processes import DemoError
from demo.stage import DOUBLED, SIAS, Stage, clock_ns
from footprint.interval import month_of

NS_PER_S = 1_000_000_000
PERIOD_S = 60
"""Without an end: the doubled SIA changes its rate this often."""

LEAD_NS = NS_PER_S // 2


def main() -> int:
    """Run the demonstration; its exit code."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with _folder(arguments.keep) as folder:
        stage = Stage(folder, arguments.port, arguments.page_seconds)
        try:
            return _play(stage, arguments.seconds)
        except KeyboardInterrupt:
            print("\nstopping everything that was started", flush=True)
            return 0 if arguments.seconds is None else 130
        except DemoError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        finally:
            _close(stage)


def _play(stage: Stage, seconds: int | None) -> int:
    began = time.monotonic()
    stage.start_service()
    for line in stage.start_agent():
        print(line)
    print(f"\npage: {stage.url}/ (English: {stage.url}/?lang=en)\n", flush=True)
    print("starting two AI systems: a language model and a classifier that trains itself first")
    stage.start_workloads()
    when = "in the second half" if seconds else "in every second minute"
    for line in report.scaling(stage, when):
        print(line)
    period_ns = (seconds * NS_PER_S // 2) if seconds else PERIOD_S * NS_PER_S
    drivers_ns, record_ns = clock_ns()
    plan = {
        "start_ns": drivers_ns + LEAD_NS,
        "period_ns": period_ns,
        "end_ns": drivers_ns + LEAD_NS + 2 * period_ns if seconds else None,
    }
    stage.drive(plan)
    print(f"requests flow, {time.monotonic() - began:.0f} s after the start", flush=True)
    _watch(stage, plan["end_ns"])
    start_ns = record_ns + LEAD_NS
    return _conclude(stage, (start_ns, start_ns + period_ns, start_ns + 2 * period_ns))


def _watch(stage: Stage, end_ns: int | None) -> None:
    """The live table, until the end."""
    screen = table.Screen()
    next_ns = 0
    while (now_ns := time.monotonic_ns()) < (end_ns or now_ns + 1):
        stage.check()
        if now_ns >= next_ns:
            overview = fetch(f"{stage.url}/v1/overview")
            if overview["consumers"]:
                screen.draw(table.live(overview, stage.counts()))
                next_ns = now_ns + screen.every_s * NS_PER_S
        time.sleep(0.2)


def _conclude(stage: Stage, cuts_ns: tuple[int, int, int]) -> int:
    """End, account, check."""
    print("\nthe requests are over; last reading, last page, statement", flush=True)
    stage.end_drivers()
    counts = stage.counts()
    stage.ticks_once_more()
    groups = stage.recompute("--check-cgroups") if report.has_groups(stage) else {}
    first_month = month_of(datetime.now(UTC))
    stage.end_agent()
    months = sorted({first_month, month_of(datetime.now(UTC))})
    statements = [
        json.loads(stage.footprint("statement", "--month", month, "--format", "json"))
        for month in months
    ]
    recomputed = stage.recompute()
    halves = report.halves(stage, counts, cuts_ns)
    for statement in statements:
        print()
        print("\n".join(report.statement(statement)))
    print()
    print("\n".join(report.work(recomputed, halves, counts)))
    print()
    return _judge(stage, statements, recomputed, halves, groups)


def _judge(
    stage: Stage,
    statements: list[dict[str, Any]],
    recomputed: checks.Totals,
    halves: dict[str, tuple[checks.Half, checks.Half]],
    groups: dict[str, dict[str, int]],
) -> int:
    """Print every check; 0 if all hold."""
    claimed = checks.claimed(statements)
    found = [
        *checks.energy_received(claimed, SIAS),
        *checks.same_totals(claimed, recomputed),
        checks.follows_cpu_time(claimed, recomputed, SIAS, line=report.is_line(stage)),
        checks.follows_at_every_reading(stage.recompute("--ratio", *SIAS)),
        checks.doubling_shows(halves, DOUBLED),
        *checks.kernel_agrees(groups),
        report.chain(stage),
    ]
    if not groups:
        print("no control groups here: CPU times are the record's own, from followed processes")
    if any(line["component"] == "gpu" for facts in statements for line in facts["lines"]):
        print("GPUs are in the statement; the checks are about what follows CPU time")
    for check in found:
        print(check.line())
    failed = sum(not check.holds for check in found)
    print(f"{len(found) - failed} of {len(found)} checks hold", flush=True)
    return 1 if failed else 0


def fetch(url: str) -> dict[str, Any]:
    """What the service answers; DemoError where it does not."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError) as error:
        detail = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
        raise DemoError(f"{url}: {error} {detail}".rstrip()) from error


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where everything lives: a folder to keep, which must be new or empty, or a temporary one."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="footprint-demo-") as name:
            yield Path(name)
        return
    folder = keep.resolve()
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"demo: --keep {keep}: the folder is not empty; name another")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    print(f"kept: {folder}")


def _close(stage: Stage) -> None:
    """End everything; a second signal ends it at once."""
    try:
        stage.close()
    except KeyboardInterrupt:
        stage.kill()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, help="end after this long, with checks (20 or more)")
    parser.add_argument("--page-seconds", type=int, default=5, help="a divisor of 900 (5)")
    parser.add_argument("--port", type=int, default=0, help="of the service (a free one)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in this folder")
    arguments = parser.parse_args()
    if arguments.seconds is not None and arguments.seconds < 20:
        parser.error("--seconds: 20 or more, or the halves are too short to compare")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
