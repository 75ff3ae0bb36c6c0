"""`footprint-agent crosscheck`: our figures beside CodeCarbon's, for whoever doubts the meter.

In: minutes, and the settings of the agent of this host. Out: a report on standard output, and as
JSON in a new file where one is named. Exit code 1 only where both read the same counters, the agent
without a gap, and differ by more than the stated bound. Ctrl-C ends early with what there is.
"""

import argparse
import importlib.metadata
import logging
import math
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import TextIO

from exporters.crosscheck import compare, report
from exporters.crosscheck.ours import Measured, Ours
from exporters.crosscheck.tracker import CodeCarbon, Tracked, require_installed
from exporters.errors import AgentError
from exporters.settings import Settings
from footprint import METHOD_VERSION, __version__
from footprint.interval import from_us
from footprint.units import joules

LEAST_MINUTES, MOST_MINUTES = 0.05, 1440.0
TICK_SECONDS = 1


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Measure twice, compare, print; the exit code. Raises AgentError."""
    minutes = arguments.minutes
    if not (math.isfinite(minutes) and LEAST_MINUTES <= minutes <= MOST_MINUTES):
        raise AgentError(
            f"crosscheck: minutes is {minutes:g}; choose {LEAST_MINUTES:g} to {MOST_MINUTES:g}"
        )
    require_installed()
    logging.disable(logging.WARNING)  # what a sensor logs, the report says
    with _new_file(arguments.output) as file:
        done = _measure(minutes, settings)
        if file is not None:
            file.write(report.as_json(done) + "\n")
    lines = [report.as_json(done)] if arguments.format == "json" else report.text(done)
    print("\n".join(lines))  # noqa: T201 - what was asked for
    return 0 if done.agrees else 1


def _measure(minutes: float, settings: Settings) -> report.Report:
    with tempfile.TemporaryDirectory(prefix="footprint-crosscheck-") as name:
        theirs_in, ours_in = Path(name, "codecarbon"), Path(name, "agent")
        theirs_in.mkdir()
        ours_in.mkdir()
        _say("crosscheck: starting CodeCarbon and an agent of its own")
        with (
            CodeCarbon(theirs_in, settings.powercap_root) as theirs,
            closing(Ours(settings, ours_in)) as ours,
        ):
            apart, tracked, early = _side_by_side(minutes, ours, theirs)
            measured = ours.measured()
            return _report(minutes, settings, ours, theirs, (measured, tracked, apart, early))


def _side_by_side(
    minutes: float, ours: Ours, theirs: CodeCarbon
) -> tuple[compare.Edges, Tracked, bool]:
    """Both from the first reading to the last; whether it was ended early."""
    with _interrupted() as stop:
        began = theirs.begin()
        starts = (ours.tick(), began)
        _say(f"crosscheck: measuring for {minutes:g} min; Ctrl-C ends early")
        until_ns = time.monotonic_ns() + round(minutes * 60e9)
        while not stop.wait(_pause(until_ns)) and time.monotonic_ns() < until_ns:
            ours.tick()
        ends = []
        ended, tracked = theirs.end(lambda: ends.append(ours.end()))
        return compare.edges(starts, (ends[0], ended)), tracked, stop.is_set()


def _pause(until_ns: int) -> float:
    """Seconds until the next whole second of UTC, or until the end."""
    return max(0.0, min(1 - time.time() % 1, (until_ns - time.monotonic_ns()) / 1e9))


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM; what was there before is put back."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's own form
        stop.set()

    before = [(number, signal.signal(number, end)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO | None]:
    """Opened before anything is measured; taken away again where the check fails."""
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise AgentError(f"crosscheck: {path} is there already; name a new file") from error
    except OSError as error:
        raise AgentError(
            f"crosscheck: cannot write {path}: {error.strerror}; name a file you can write"
        ) from error
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _report(
    minutes: float,
    settings: Settings,
    ours: Ours,
    theirs: CodeCarbon,
    found: tuple[Measured, Tracked, compare.Edges, bool],
) -> report.Report:
    measured, tracked, apart, early = found
    return report.Report(
        format=report.FORMAT,
        host_id=ours.host_id,
        host=measured.host,
        start=from_us(measured.start_us),
        end=from_us(measured.end_us),
        seconds=joules(measured.end_us - measured.start_us),
        asked_minutes=Decimal(f"{minutes:g}"),
        ended_early=early,
        versions=report.Versions(
            agent=__version__,
            method=METHOD_VERSION,
            codecarbon=theirs.version,
            nvidia_ml_py=importlib.metadata.version("nvidia-ml-py"),
            python=platform.python_version(),
        ),
        parameters=report.Parameters(TICK_SECONDS, settings.page_seconds, settings.powercap_root),
        ledger=report.Ledger(measured.ledger_id, measured.pages, measured.last_hash),
        apart=report.Apart(_ms(apart.start_ns), _ms(apart.end_ns)),
        rows=compare.rows(measured, tracked, apart),
        codecarbon_warnings=tracked.warnings,
        refused_connections=tracked.refused_connections,
    )


def _ms(duration_ns: int) -> Decimal:
    return Decimal(duration_ns).scaleb(-6)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
