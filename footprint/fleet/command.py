"""`footprint fleet`: its options, and the run from the first question to the exit code.

In: the command line. Out: a report on standard output, progress on standard error; 0 only where
everything agrees.
"""

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from footprint.fleet import comparing, faults, report
from footprint.fleet import plan as plans
from footprint.fleet.asking import MonthHeld, Service
from footprint.fleet.comparing import Row
from footprint.fleet.errors import FleetError
from footprint.fleet.plan import Plan
from footprint.fleet.run import Outcome, run
from footprint.fleet.wire import Address, address
from footprint.interval import QUARTER_HOUR_SECONDS, floor_to

DAY_SECONDS = 86_400
PROGRESS_SECONDS = 15.0
DELIVERED = "fleet: everything is delivered"
ENDING = (signal.SIGINT, signal.SIGTERM)
CONNECTIONS, PACED_CONNECTIONS = 4, 32
EXAMPLE = "footprint fleet --service http://127.0.0.1:8787 --hosts 500 --days 30 --faults all=0.01"


def add(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.epilog = f"The names of faults are: all, {', '.join(faults.BY_NAME)}. Such as: {EXAMPLE}"
    parser.add_argument("--service", required=True, dest="url", metavar="URL", help="the service")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="token that may write for every host"
    )
    parser.add_argument("--hosts", type=int, default=8, metavar="N", help="default: %(default)s")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--days", type=float, default=1.0, metavar="N", help="default: %(default)s")
    length.add_argument("--pages", type=int, metavar="N", help="pages of each host, not days")
    parser.add_argument(
        "--start",
        metavar="INSTANT",
        help="such as 2026-10-01T00:00:00Z (default: so that it ends now; the service leaves out "
        "what ends in its future)",
    )
    parser.add_argument("--page-seconds", type=int, default=QUARTER_HOUR_SECONDS, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another fleet")
    parser.add_argument(
        "--devices",
        nargs="+",
        default=plans.DEFAULT_SHAPES,
        metavar="SHAPE",
        help=f"what hosts have, in turn (default: {' '.join(plans.DEFAULT_SHAPES)})",
    )
    parser.add_argument(
        "--faults",
        nargs="+",
        default=[],
        metavar="NAME=RATE",
        help="how often, of the requests, turns or hosts that it can befall (all=0.01 clone=0.001)",
    )
    parser.add_argument(
        "--in-seconds",
        type=float,
        metavar="N",
        help="one page of every host in so many seconds, again and again (default: as fast as it "
        "goes, in batches)",
    )
    parser.add_argument("--batch-pages", type=int, default=100, metavar="N")
    parser.add_argument(
        "--connections",
        type=int,
        metavar="N",
        help=f"default: {CONNECTIONS}, or {PACED_CONNECTIONS} with --in-seconds, where hosts that "
        "share one wait for each other",
    )
    parser.add_argument(
        "--patience-seconds",
        type=float,
        default=300.0,
        metavar="N",
        help="how long the service may not answer (default: %(default)s)",
    )
    parser.add_argument(
        "--set-back",
        action="store_true",
        help="the service will be set back to a backup meanwhile: what it lost is sent again (else "
        "acknowledged pages that it lost are a difference)",
    )
    parser.set_defaults(run=run_command)


def run_command(chosen: argparse.Namespace) -> int:
    """Simulate, compare, report. 0: all agrees; 1: something differs, or the run could not end."""
    try:
        plan = plan_of(chosen, datetime.now(UTC))
        return _run(plan, address(chosen.url, _token(chosen.token_file)))
    except FleetError as error:
        sys.stderr.write(f"footprint: fleet: {error}\n")
        return 1


def plan_of(chosen: argparse.Namespace, now: datetime) -> Plan:
    """The plan that the options ask for. Raises FleetError."""
    pages = chosen.pages
    if pages is None:
        if not 0 < chosen.days < plans.MOST_DAYS:
            raise FleetError(f"--days: {chosen.days}; give more than 0, below {plans.MOST_DAYS}")
        pages = int(chosen.days * DAY_SECONDS) // max(1, chosen.page_seconds)
    connections = chosen.connections
    if connections is None:
        connections = CONNECTIONS if chosen.in_seconds is None else PACED_CONNECTIONS
    plan = Plan(
        seed=chosen.seed,
        hosts=chosen.hosts,
        start=_start(chosen.start, now, pages * chosen.page_seconds, chosen.page_seconds),
        pages=pages,
        page_seconds=chosen.page_seconds,
        shapes=[plans.shape(text) for text in chosen.devices],
        rates=faults.rates(chosen.faults),
        batch_pages=chosen.batch_pages,
        connections=connections,
        in_seconds=chosen.in_seconds,
        patience_seconds=chosen.patience_seconds,
        set_back=chosen.set_back,
    )
    return plans.checked(plan)


def _start(text: str | None, now: datetime, seconds: int, page_seconds: int) -> datetime:
    if text is None:
        try:
            return floor_to(now, max(1, page_seconds)) - timedelta(seconds=seconds)
        except OverflowError:
            raise FleetError("--days: the calendar does not reach so far back") from None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise FleetError(f"--start {text}: write an instant with its zone: 2026-10-01T00:00:00Z")
    return found.astimezone(UTC)


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="latin-1").split("\n", 1)[0].strip()
    except OSError as error:
        raise FleetError(f"--token-file: cannot read {path}: {error.strerror}") from error
    if not token or not all("!" <= character <= "~" for character in token):
        raise FleetError(f"--token-file: {path} does not hold a token of visible ASCII characters")
    return token


def _run(plan: Plan, to: Address) -> int:
    service = Service(to)
    try:
        if service.heads(plan.name):
            raise FleetError(
                f"--seed {plan.seed}: the service holds hosts {plan.name}-... already; "
                "choose another"
            )
        months = sorted({slot.month for slot in plan.slots()})
        before = {month: service.month(month) for month in months}
        with _ended_by_signals() as stop:
            outcome = run(plan, to, _Progress(plan.hosts * plan.pages), stop)
        sys.stderr.write(f"{DELIVERED}; the service is asked what it holds\n")
        sys.stderr.flush()
        service.close()
        service = Service(to, plan.patience_seconds)
        rows, slow = compared(service, plan, outcome, before)
    finally:
        service.close()
    sys.stdout.write("\n".join(report.lines(plan, outcome, rows, slow)) + "\n")
    wrong = comparing.differences(rows) + len(outcome.tally.findings)
    return 1 if wrong else 0


def compared(
    service: Service, plan: Plan, outcome: Outcome, before: dict[str, MonthHeld]
) -> tuple[list[Row], list[str]]:
    """Every comparison, and how long the service took to answer."""
    books, slow = outcome.books, []
    rows = [comparing.of_heads(books, service.heads(plan.name))]
    for month, of_month in before.items():
        held = service.month(month)
        slow.append(f"{month}: the service made its statement in {held.seconds:.2f} s")
        rows += comparing.of_statement(plan, books, month, of_month, held)
    # Pages whose clock has lost the date are in months that the plan knows nothing of.
    for month in sorted({*before, *books.months()}):
        began = time.monotonic()
        hosts = service.hosts(month, plan.name)
        slow.append(f"{month}: the service listed its hosts in {time.monotonic() - began:.2f} s")
        rows += comparing.of_hosts(plan, books, month, hosts)
    return rows, slow


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the next one ends the program."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in ENDING}

    def end(_number: int, _frame: object) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in ENDING:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        restore()


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._began = self._said = time.monotonic()

    def __call__(self, pages: int, entries: int) -> None:
        now = time.monotonic()
        if now - self._said < PROGRESS_SECONDS:
            return
        self._said = now
        rate = entries / (now - self._began)
        sys.stderr.write(f"fleet: {pages} of {self._pages} pages, {rate:.0f} entries/s\n")
        sys.stderr.flush()
