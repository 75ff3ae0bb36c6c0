"""What a fleet prints: the run, what was done to it and what was promised, and the comparison.

In: plan, outcome, rows. Out: lines of text.
"""

from collections.abc import Iterator, Sequence

from footprint import units
from footprint.fleet.comparing import Row
from footprint.fleet.faults import FAULTS
from footprint.fleet.plan import Plan
from footprint.fleet.run import Outcome
from footprint.fleet.sending import Tally

MOST_LINES = 10
"""Differences shown of each kind."""


def lines(plan: Plan, outcome: Outcome, rows: Sequence[Row], slow: Sequence[str]) -> Iterator[str]:
    """The whole report."""
    yield from _run(plan, outcome)
    yield ""
    yield from _faults(plan, outcome.tally)
    yield ""
    yield from _rows(rows)
    yield from slow
    yield ""
    yield from _verdict(outcome.tally, rows)


def _run(plan: Plan, outcome: Outcome) -> Iterator[str]:
    books, tally, seconds = outcome.books, outcome.tally, max(outcome.seconds, 1e-9)
    pages, left_out = books.accepted.total(), books.quarantined.total()
    end = plan.slots()[-1].end
    yield (
        f"{plan.hosts} hosts, {plan.pages} pages of {plan.page_seconds} s each, "
        f"{plan.start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}, seed {plan.seed} ({plan.name}-...)"
    )
    yield (
        f"told {pages + left_out} pages in {len(books.heads)} ledgers, {pages} to count with "
        f"{books.entries} entries, {left_out} to be quarantined"
    )
    if outcome.unsent:
        yield f"ended early: {outcome.unsent} of {plan.hosts * plan.pages} pages were not sent"
    yield (
        f"delivered in {seconds:.1f} s by {min(plan.connections, plan.hosts)} connections: "
        f"{tally.pages / seconds:.0f} pages/s, {books.entries / seconds:.0f} entries/s, "
        f"{tally.requests / seconds:.0f} requests/s"
    )
    if tally.latencies:
        yield f"acknowledged after {_quantiles(tally.latencies)} from sending"
    if plan.in_seconds is not None and tally.late:
        yield (
            f"acknowledged after {_quantiles(tally.late)} from when it was due, one page of each "
            f"host in {plan.in_seconds:g} s"
        )
    troubles = ", ".join(f"{name}: {count}" for name, count in sorted(tally.troubles.items()))
    yield f"refused for a time, or without an answer: {troubles or 'none'}"


def _quantiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 99))
    return (
        f"{p50 * 1000:.1f} ms (p50), {p99 * 1000:.1f} ms (p99), {ordered[-1] * 1000:.1f} ms (most)"
    )


def _faults(plan: Plan, tally: Tally) -> Iterator[str]:
    asked = [fault for fault in FAULTS if plan.rates.get(fault.name, 0)]
    if not asked:
        yield "no faults asked for (--faults)"
        return
    yield f"{'fault':12} {'rate':>7} {'done':>6}  what is done | what is promised"
    for fault in asked:
        count = tally.faults[fault.name]
        yield (
            f"{fault.name:12} {plan.rates[fault.name]:7.4f} {count:6d}  {fault.done} | "
            f"{fault.promised}"
        )


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    yield f"{'month':8} {'of each':24} {'number':>8} {'sent':>28} {'held by the service':>28}"
    for row in rows:
        if not row.number:
            continue
        verdict = "==" if not row.different else f"{len(row.different)} DIFFER"
        yield (
            f"{row.month:8} {row.of:24} {row.number:8d} {row.own:25d} {row.unit:2} "
            f"{row.held:25d} {row.unit:2} {verdict}"
        )


def _verdict(tally: Tally, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield from (f"DIFFERS: {text}" for text in row.different[:MOST_LINES])
        if len(row.different) > MOST_LINES:
            yield f"DIFFERS: {row.month} {row.of}: {len(row.different) - MOST_LINES} more"
    yield from (f"NOT AS PROMISED: {text}" for text in tally.findings)
    if tally.more_findings:
        yield f"NOT AS PROMISED: {tally.more_findings} more"
    wrong = sum(len(row.different) for row in rows) + len(tally.findings) + tally.more_findings
    total_uj = sum(row.own for row in rows if row.of == "all")
    if wrong:
        yield f"{wrong} differences: the service does not hold what the fleet sent"
    else:
        yield (
            f"all agree: {total_uj} uJ ({units.kwh(total_uj)} kWh) under ==, per SIA, component, "
            "host and quality"
        )
