"""`make bench`: what metering and taking pages in cost, beside peers in the same run.

Out: tests/bench/RESULTS.md, which only this program writes. The figures judge nothing.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from exporters.twin.plan import Plan
from tests.bench import (
    cards,
    forecasts,
    ingest,
    machine,
    meters,
    months,
    recompute,
    recovery,
    truth,
    watched,
)
from tests.bench.cards import Measured
from tests.bench.forecasts import Error
from tests.bench.ingest import Rates
from tests.bench.meters import Cost
from tests.bench.months import Told
from tests.bench.recompute import Recomputed
from tests.bench.recovery import Answered

RESULTS = Path(__file__).parent / "RESULTS.md"
OTHERS = (10, 1000, 5000)
"""Idle processes beside the meter."""
RATIO = 20
"""How far below both ways of looking at every process the agent is meant to be."""

AGENT = "footprint agent, two RAPL packages"
MODEL = "footprint agent, CPU model"
MACHINE = "CodeCarbon offline, `machine`"
PROCESS = "CodeCarbon offline, `process`"
SCAN = "psutil, CPU times of every process"

Costs = dict[tuple[str, int], Cost]


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS, help="where to write the results")
    parser.add_argument("--trace", type=Path, help="requests for the shared servers, a CSV")
    arguments = parser.parse_args()
    began = time.monotonic()
    facts = machine.facts()
    with tempfile.TemporaryDirectory(prefix="footprint-bench-") as name:
        folder = Path(name)
        with watched.control_groups() as (group, groups):
            costs = _costs(folder, group)
        stores = {
            "SQLite": ingest.sqlite(folder / "sqlite"),
            "PostgreSQL": ingest.postgresql(folder / "postgresql"),
        }
        asked = months.measure(folder / "months")
        again = recompute.measure(folder / "year")
        recovered = recovery.recovered_seconds(folder / "recovery")
        answered = recovery.fleet(folder / "fleet")
        peer = cards.codecarbon(folder)
    told = truth.told()
    facts["groups"] = f"{groups} control groups watched" + ("" if groups else " (not root)")
    facts["took"] = f"{time.monotonic() - began:.0f} s"
    text = (
        _report(facts, costs)
        + _stores(stores, asked)
        + _year(again)
        + _forecasts(forecasts.measure())
        + _fleets(recovered, answered)
        + _cards(peer, told)
        + _truth(told, truth.confined())
    )
    text += _serving(truth.serving(arguments.trace))
    arguments.output.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _costs(folder: Path, group: str) -> Costs:
    packages = watched.Packages(folder)
    costs: Costs = {}
    for others in OTHERS:
        with watched.idle_processes(others):
            costs[AGENT, others] = meters.agent(folder, packages, group)
            costs[MODEL, others] = meters.modelling_agent(folder, group)
            costs[MACHINE, others] = meters.codecarbon(folder, "machine")
            costs[PROCESS, others] = meters.codecarbon(folder, "process")
            costs[SCAN, others] = meters.scan(folder)
    return costs


def _report(facts: dict[str, str], costs: Costs) -> str:
    lines = ["# What it costs", "", "Written by `make bench`; every figure is of one run.", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "## One measurement", ""]
    lines += [
        f"CPU time of a whole process that measures once a second: median of {meters.SAMPLES} "
        "seconds, the mean in",
        "brackets (the agent's checkpoint is in one of them). The packages are files, so the cost "
        "of reading a",
        "real counter (microseconds) is not in it. CodeCarbon attributes nothing to control groups "
        "and finds no",
        "counter here: it models the processors. Its own default is one measurement in 15 seconds.",
        "",
        "| meter | "
        + " | ".join(f"CPU, {others:,} other processes (ms)" for others in OTHERS)
        + " | RSS (MiB) | agent = 1 |",
        "|---|" + "---|" * len(OTHERS) + "---|---|",
    ]
    lines += [_row(name, costs) for name in (AGENT, MODEL, MACHINE, PROCESS, SCAN)]
    first, last = (costs[AGENT, others].median_ms for others in (OTHERS[0], OTHERS[-1]))
    lines += [
        "",
        f"From {OTHERS[0]} to {OTHERS[-1]:,} other processes the agent's median changes by "
        f"{100 * (last / first - 1):+.0f} %. CodeCarbon's process mode and psutil's scan grow with "
        "them:",
        _verdict(costs),
    ]
    return "\n".join(lines) + "\n"


def _forecasts(found: list[Error]) -> str:
    """Budgets foretold."""
    lines = [
        "",
        "## Foretelling a budget",
        "",
        f"Years that were made up ([forecasts.py](forecasts.py)), {forecasts.SEEDS} of each kind, "
        f"foretold after {', '.join(map(str, forecasts.AT))} days: relative error of what the year "
        "comes to, median and 90th percentile, beside the plain rule (mean of the days so far); "
        "and how often the year's end was inside the band. No rule that looks back foresees a "
        "step, or a season that nobody told it of.",
        "",
        "| year | forecast (%) | plain pace (%) | inside the band |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.kind} | {100 * one.ours[0]:.1f}, {100 * one.ours[1]:.1f} | "
        f"{100 * one.plain[0]:.1f}, {100 * one.plain[1]:.1f} | {100 * one.inside:.0f} % |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


def _fleets(recovered_seconds: float, answered: Answered) -> str:
    """A kill, and everybody at once."""
    lines = [
        "",
        "## After a kill, and at the quarter-hour",
        "",
        f"- an agent, from `kill -9` until another one in its place has ticked: "
        f"{recovered_seconds:.2f} s (median of {recovery.TIMES})",
        f"- {recovery.FLEET_HOSTS:,} hosts, a page each within {recovery.FLEET_SECONDS} s, into "
        f"SQLite: acknowledged {answered.p50_ms:.0f} ms (p50), {answered.p99_ms:.0f} ms (p99), "
        f"{answered.most_ms:.0f} ms (most) after it was due; refused for a time: "
        f"{answered.refused}; every microjoule there: {'yes' if answered.agreed else 'NO'}",
    ]
    return "\n".join(lines) + "\n"


RIVALS = {"SQLite": "`sqlite3.executemany`", "PostgreSQL": "`COPY`"}


def _year(again: Recomputed) -> str:
    """What it takes to make a year again."""
    lines = [
        "",
        "## A year made again",
        "",
        f"{recompute.SIA} SIA over the twelve months of {recompute.YEAR} on SQLite, "
        f"{again.rows:,} rows by quarter-hour, the grid known at each; then one factor is "
        "corrected.",
        "Row by row: the same energies read from these rows and met by one view of the grid, one "
        "month of it times twelve.",
        "",
        "| every month's statement again (s) | of row by row | row by row (s) "
        "| all days summed again (s) | peak of memory (MiB) |",
        "|---|---|---|---|---|",
        f"| {again.months_s:.1f} | {again.months_s / again.by_row_s:.2f} | {again.by_row_s:.1f} | "
        f"{again.days_s:.0f} | {again.peak_bytes >> 20} |",
    ]
    return "\n".join(lines) + "\n"


def _stores(stores: dict[str, Rates], asked: list[Told]) -> str:
    """What taking pages in costs, and asking for a month."""
    lines = [
        "",
        "## Taking pages in",
        "",
        f"{ingest.BATCHES} batches of {ingest.PAGES} pages of {len(ingest.CONSUMERS)} entries on "
        f"{ingest.BATCH_CONNECTIONS} connections; raw: one durable transaction",
        "a batch, the median. The service also verifies hashes and chains, keeps the pages, books "
        "sensors and devices and",
        "marks days to be summed, and stores together what waits. "
        f"One page a request: {ingest.REQUESTS:,} hosts on {ingest.CONNECTIONS} connections.",
        "Senders run on the same cores.",
        "",
        "| database | `POST /v1/pages`, entries/s | of raw | raw: the same rows, entries/s "
        "| one page a request, requests/s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {rates.service:,.0f} | {rates.service / rates.raw:.2f} | "
        f"{RIVALS[name]} {rates.raw:,.0f} | {rates.requests:,.0f} |"
        for name, rates in stores.items()
    ]
    lines += [
        "",
        "## Asking for a month",
        "",
        f"Answers over HTTP from SQLite, median of {months.TIMES}; each host has one card and a "
        f"page on {months.DAYS} days; {months.SIA} SIA in {months.PROJECTS} projects.",
        "",
        "| hosts | every project, `/v1/months/M` (ms) | one project's statement (ms) "
        "| the whole statement (ms) |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {told.hosts:,} | {told.by_project_ms:.0f} | {told.project_ms:.0f} | "
        f"{told.statement_ms:.0f} |"
        for told in asked
    ]
    return "\n".join(lines) + "\n"


def _cards(peer: Measured, told: list[str]) -> str:
    """The agent on the twin's host beside CodeCarbon on the same."""
    tick, memory = truth.cost(told)
    head = [
        "",
        "## A host of eight cards and two packages",
        "",
        "The twin's host. The agent: every tick of the run below, each with seven package counters "
        "and eight cards",
        "divided over the consumers and booked in pages; its memory after that run includes the "
        "simulation's.",
        f"CodeCarbon: {cards.MEASUREMENTS} measurements in a row; it reads the cards' energy, "
        "models the processors, divides nothing.",
        "",
        "| meter | one measurement, CPU (ms, median) | RSS (MiB) |",
        "|---|---|---|",
        f"| footprint agent, {Plan().gpus} cards | {tick} | {memory} with the simulation |",
        f"| CodeCarbon offline, `machine`, {peer.cards} cards | {peer.median_ms:.2f} | "
        f"{peer.rss_mib:.0f} |",
    ]
    return "\n".join(head) + "\n"


def _truth(told: list[str], confined: list[str]) -> str:
    head = [
        "",
        "## How true it is",
        "",
        "What `footprint-agent twin` says of a host whose energy is known:",
        "",
    ]
    between = ["", "And of two hours of its processors where cpusets say who runs on which:", ""]
    return "\n".join([*head, *told, *between, *confined]) + "\n"


def _serving(told: list[str]) -> str:
    """The error table of a shared server's split."""
    head = [
        "",
        "## Whose a shared server's energy is",
        "",
        "What `footprint-agent twin --serving` says of servers that batch, whose weights are not "
        "ours and whose",
        "energy is not linear in tokens:",
        "",
    ]
    return "\n".join([*head, *told]) + "\n"


def _verdict(costs: Costs) -> str:
    """From how many processes on both ways that look at each cost RATIO times the agent."""
    for others in OTHERS:
        least_ms = min(costs[name, others].median_ms for name in (PROCESS, SCAN))
        if least_ms >= RATIO * costs[AGENT, others].median_ms:
            return f"beside {others:,} both cost at least {RATIO} times as much as the agent."
    return f"in this run not both cost {RATIO} times as much as the agent beside any of these."


def _row(name: str, costs: Costs) -> str:
    found = [costs[name, others] for others in OTHERS]
    ratios = " / ".join(
        f"{costs[name, others].median_ms / costs[AGENT, others].median_ms:.1f}" for others in OTHERS
    )
    shown = [f"{cost.median_ms:.2f} ({cost.mean_ms:.2f})" for cost in found]
    rss = max(cost.rss_mib for cost in found)
    return f"| {name} | {' | '.join(shown)} | {rss:.0f} | {ratios} |"


if __name__ == "__main__":
    sys.exit(main())
