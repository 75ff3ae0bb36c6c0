"""`footprint-agent twin`: a host whose true energy is known, and whether the agent finds it.

Out: tables on standard output, progress on standard error. Exit code 0 only if every device
balances: measured energy and energy in declared gaps are what its counter moved; and if what has no
counter (power that is integrated, the node meter) is as near to the truth as METHOD.md says. With
`--serving`, a host of shared model servers instead, and how near each SIA's share is to the truth;
exit code 0 there only if every device balances and the split loses nothing.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

from exporters.errors import AgentError
from exporters.twin import referee, report, run, wallreferee
from exporters.twin.plan import Bmc, Plan, check
from exporters.twin.serving import rehearsal, variants
from exporters.twin.serving import report as serving_report
from exporters.twin.serving.plan import ServedPlan, serving_plan
from footprint.interval import check_page_seconds
from footprint.ledger import ChainError, PageError


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's own options."""
    plan = Plan()
    for name, default, help_ in (
        ("gpus", plan.gpus, "cards, 0 to 16"),
        ("sockets", plan.sockets, "processor packages"),
        ("systems", plan.systems, "SIA"),
        ("seed", plan.seed, "the same seed, the same load"),
        ("step-seconds", plan.step_seconds, "time between the agent's ticks"),
        ("page-seconds", plan.page_seconds, "length of a page, a divisor of 900"),
        ("integrated", plan.integrated, "so many cards have no energy counter, only power"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{help_} ({default})"
        )
    parser.add_argument("--pinned", action="store_true", help="each SIA has a cpuset of its socket")
    parser.add_argument(
        "--serving",
        action="store_true",
        help="two shared model servers behind a gateway, instead of the other host: is each SIA's "
        "share its own? (--hours, --seed, --step-seconds and --page-seconds hold there too)",
    )
    parser.add_argument(
        "--trace",
        metavar="FILE",
        default="",
        help="for --serving: requests to replay, a CSV as the Azure LLM inference trace is",
    )
    parser.add_argument(
        "--hours", type=float, default=24, metavar="H", help="simulated time, such as 0.5 (24)"
    )
    parser.add_argument(
        "--bmc",
        choices=get_args(Bmc),
        default=plan.bmc,
        help=f"what the host's management controller meters ({plan.bmc})",
    )


def main(arguments: argparse.Namespace) -> int:
    """Simulate, compare, print; the exit code. Raises AgentError."""
    logging.getLogger("footprint.agent").setLevel(logging.ERROR)  # what fails here fails by plan
    if arguments.serving:
        return _serving(serving_plan(_plan(arguments), arguments.trace))
    done = _simulated(lambda folder: run.simulate(_plan(arguments), folder, _progress))
    accounts, wall = referee.balances(done), wallreferee.balance(done)
    for line in report.lines(done, accounts, wall):
        print(line)  # noqa: T201 - what was asked for
    good = all(account.balances for account in accounts)
    return 0 if good and (wall is None or wall.balances) else 1


T = TypeVar("T")


def _simulated(simulate: Callable[[Path], T]) -> T:
    with tempfile.TemporaryDirectory(prefix="footprint-twin-") as folder:
        try:
            return simulate(Path(folder))
        except (ChainError, PageError) as error:
            raise AgentError(f"twin: the agent's pages do not verify: {error}") from error


def _serving(plan: ServedPlan) -> int:
    done = _simulated(lambda folder: rehearsal.rehearse(plan, folder, _progress))
    for line in serving_report.lines(done, list(variants.variants(plan))):
        print(line)  # noqa: T201 - what was asked for
    good = all(account.balances for account in referee.balances(done.run))
    return 0 if good and not any(one.lost_uj for one in done.judged) else 1


def _plan(arguments: argparse.Namespace) -> Plan:
    try:
        check_page_seconds(arguments.page_seconds)
    except ValueError as error:
        raise AgentError(f"twin: {error}") from error
    if not 0 < arguments.hours < float("inf"):
        raise AgentError(f"twin: hours is {arguments.hours}; choose more than 0, such as 24")
    return check(
        Plan(
            gpus=arguments.gpus,
            sockets=arguments.sockets,
            systems=arguments.systems,
            seconds=round(arguments.hours * 3600),
            step_seconds=arguments.step_seconds,
            page_seconds=arguments.page_seconds,
            seed=arguments.seed,
            bmc=arguments.bmc,
            integrated=arguments.integrated,
            pinned=arguments.pinned,
        )
    )


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
