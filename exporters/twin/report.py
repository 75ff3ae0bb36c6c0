"""Truth beside measured, as tables that read the same in a terminal and in a Markdown file.

In: a run and its balances. Out: lines of text.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporters.twin import cardreport
from exporters.twin.controller import LAG_S, SUPPLIES_PERMILLE
from exporters.twin.faces import zones
from exporters.twin.plan import Plan
from exporters.twin.referee import Balance
from exporters.twin.run import Run
from exporters.twin.truth import Shares
from exporters.twin.wallreferee import Compared, WallBalance
from footprint import codes
from footprint.units import joules_float

US_PER_S = 1_000_000


def lines(run: Run, accounts: Sequence[Balance], wall: WallBalance | None) -> Iterator[str]:
    """The whole report."""
    plan = run.plan
    yield (
        f"{plan.seconds / 3600:g} simulated hours, {plan.sockets} sockets, {plan.gpus} GPUs, "
        f"{plan.systems} SIA, seed {plan.seed}; load: {run.source}."
    )
    yield (
        f"{len(run.at_us):,} ticks and {len(run.pages)} pages in {run.seconds:.0f} s; "
        f"chain verified. A tick: median {statistics.median(run.tick_ns) / 1e6:.2f} ms of CPU, "
        f"99 in 100 below {sorted(run.tick_ns)[len(run.tick_ns) * 99 // 100] / 1e6:.2f} ms."
    )
    first_mib, last_mib = (kib / 1024 for kib in run.rss_kib)
    yield (
        f"Memory of agent and simulation together: {last_mib:.0f} MiB at the end, "
        f"{last_mib - first_mib:+.1f} MiB since the first tick."
    )
    yield ""
    yield from table(
        ("device", "true (uJ)", "counter moved (uJ)", "measured (uJ)", "in gaps (uJ)"),
        (
            "unreadable (s)",
            "of it gap (s)",
            "causes",
            "difference (uJ)",
            "true - counter (uJ)",
            "wraps",
        ),
        rows=([*_device(account), _wraps(run, i)] for i, account in enumerate(accounts)),
    )
    yield ""
    yield (
        "Difference = measured + in gaps - counter moved. True - counter is what lag (a tenth of a "
        "second) and resolution (a millijoule) of a card's counter hide at the first and last tick."
    )
    yield ""
    yield from _integrated(accounts)
    yield from _consumers(run)
    yield ""
    if wall is not None:
        yield from _wall(run, wall)
        yield ""
    bad = [account.device for account in accounts if not account.balances]
    yield (
        f"DOES NOT BALANCE: {', '.join(bad)}"
        if bad
        else f"Every device balances: {len(accounts)} of {len(accounts)}, difference 0 uJ."
    )


def _integrated(accounts: Sequence[Balance]) -> Iterator[str]:
    """The cards without a counter: how far their power is from what they drew."""
    found = [(one, one.bound_uj) for one in accounts if one.bound_uj is not None]
    if not found:
        return
    head = ("integrated power of", "drawn while read (J)", "off by (J)", "off by (%)")
    yield from table(
        (*head, "at most (J)"),
        rows=(
            (
                one.device,
                joules(one.measured_uj - one.off_uj),
                joules(one.off_uj),
                percent(one.measured_uj, one.measured_uj - one.off_uj, places=4),
                joules(bound_uj),
            )
            for one, bound_uj in found
        ),
    )
    yield ""
    yield (
        "These cards have no counter: their power, five samples a second of a sensor that averages "
        "25 of every 100 ms, is integrated. At most: four standard errors, as METHOD.md derives "
        "them for a load that is not locked to the sensor. Above, what their power added up to "
        "stands for the counter."
    )
    yield ""


def _wall(run: Run, wall: WallBalance) -> Iterator[str]:
    """The node meter beside the wall itself, and platform beside what it truly was."""
    kind = "an energy counter" if run.plan.bmc == "energy" else f"{len(SUPPLIES_PERMILLE)} supplies"
    yield (
        f"At the wall: a controller read by Redfish ({kind}, {LAG_S} s late); "
        f"polls: {wall.polls:,}, of them without answer: {wall.unanswered:,}, "
        f"stretches without a hole: {wall.runs}."
    )
    yield ""
    head = ("energy", "true (J)", "measured (J)", "measured / true - 1 (%)", "of it spread (J)")
    more = ("meter off by (J)", "at most (J)", "over (s)")
    yield from table(head, more, rows=map(_compared, (wall.node, wall.platform)))
    yield ""
    yield (
        "Platform = node - components over common cover, as the service derives it; "
        f"{joules(wall.residue_uj)} J of the node are outside it. Spread: what spreading pages "
        "and facts over partly known time would move if the meter were perfect. The meter is off "
        "by its lag, its mean and its resolution; METHOD.md derives the most that these can do."
    )
    exact = "Every microjoule that the controller showed is in the pages"
    yield (
        exact + "."
        if not (wall.lost_uj or wall.lost_us)
        else (
            f"NOT EVERYTHING THAT THE CONTROLLER SHOWED IS IN THE PAGES: {wall.lost_uj:,} uJ, "
            f"{wall.lost_us:,} us"
        )
    )
    beyond = [one.what for one in (wall.node, wall.platform) if not one.holds]
    yield f"BEYOND ITS BOUND: {', '.join(beyond)}" if beyond else "Node and platform are in bounds."


def _compared(one: Compared) -> Iterator[str]:
    yield one.what
    yield joules(one.true_uj)
    yield joules(one.measured_uj)
    yield percent(one.measured_uj, one.true_uj, places=4)
    yield joules(one.spread_uj)
    yield joules(one.off_uj)
    yield joules(one.bound_uj)
    yield f"{one.over_us / US_PER_S:,.3f}"


def _device(account: Balance) -> Iterator[str]:
    yield account.device
    yield f"{account.true_uj:,}"
    yield f"{account.moved_uj:,}"
    yield f"{account.measured_uj:,}"
    yield f"{account.in_gaps_uj:,}"
    yield f"{account.unreadable_us / US_PER_S:,.3f}"
    yield f"{account.gap_us / US_PER_S:,.3f}"
    yield ", ".join(f"{cause} {us / US_PER_S:,.3f}" for cause, us in account.causes.items())
    yield f"{account.difference_uj:,}"
    yield f"{account.lag_uj:,}" if account.bound_uj is None else "below"


def _wraps(run: Run, index: int) -> str:
    """How often the counter passed its range; a card's does not wrap."""
    known = zones(run.plan)
    if index >= len(known):
        return "none"
    total_uj, range_uj = run.logs[index].total_uj, known[index].range_uj
    return f"{total_uj[-1] // range_uj - total_uj[0] // range_uj:,}"


def _consumers(run: Run) -> Iterator[str]:
    attributed = _attributed(run)
    true = {"processors": _true(run.plan, run.truth.processors)}
    true["cards"] = _true(run.plan, run.truth.of_cards)
    consumers = [*run.plan.sia, *codes.RESERVED]
    rows = []
    for consumer in consumers:
        row = [consumer]
        for place in ("processors", "cards"):
            caused_uj, standing_uj = true[place].get(consumer, (0, 0))
            seen_uj = attributed.get((place, consumer), 0)
            row += [joules(caused_uj), joules(standing_uj), joules(seen_uj)]
            row.append(percent(seen_uj, caused_uj + standing_uj))
        rows.append(row)
    yield from table(
        ("consumer", "cpu and dram caused (J)", "standing (J)", "attributed (J)", "error (%)"),
        ("gpu caused (J)", "standing (J)", "attributed (J)", "error (%)"),
        rows=rows,
    )
    yield ""
    yield (
        "Error = attributed / (caused + standing) - 1. Standing power flows whatever is done; here "
        "a socket's is divided, tenth of a second by tenth, by the CPU time spent there, a card's "
        "by the memory held. Known causes on processors: CPU time is not power (each SIA draws "
        "other watts a CPU second and moves other amounts of memory), bursts inside a tick are "
        f"averaged{_pooled(run.plan)}. On cards energy in declared gaps is nobody's; the others' "
        "causes are below, card by card."
    )
    yield ""
    yield from _cards(run)


def _pooled(plan: Plan) -> str:
    """Without cpusets the agent cannot know on which socket a SIA ran."""
    if plan.pinned or plan.sockets == 1:
        return ""
    return ", sockets are pooled (each SIA is on one; `--pinned` gives them cpusets)"


def _cards(run: Run) -> Iterator[str]:
    """Card by card: whose they were."""
    found = list(cardreport.rows(run, percent))
    if found:
        yield from table(cardreport.HEAD, cardreport.MORE, rows=found)
        yield ""
        yield cardreport.CAUSES


def _true(plan: Plan, shares: Shares) -> Mapping[str, tuple[int, int]]:
    found = {
        sia: (shares.caused_uj[place], shares.standing_uj[place])
        for place, sia in enumerate(plan.sia)
    }
    found[codes.SYSTEM] = (shares.system_uj, shares.system_standing_uj)
    found[codes.AGENT] = (shares.agent_uj, shares.agent_standing_uj)
    found[codes.IDLE] = (0, shares.idle_uj)
    found[codes.UNREGISTERED] = (shares.unregistered_uj, 0)
    return found


def _attributed(run: Run) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for page in run.pages:
        for entry in page.entries:
            key = ("cards" if entry.component == "gpu" else "processors", entry.consumer)
            found[key] = found.get(key, 0) + entry.energy_uj
    return found


def joules(energy_uj: int) -> str:
    return f"{joules_float(energy_uj):,.1f}"


def percent(seen_uj: int, true_uj: int, places: int = 2) -> str:
    if not true_uj:
        return "" if not seen_uj else "nobody's"
    return f"{100 * (seen_uj / true_uj - 1):+.{places}f}"


def table(*heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table whose columns line up: the first to the left, figures to the right."""
    head = [name for part in heads for name in part]
    body = [list(row) for row in rows]
    widths = [max(len(row[place]) for row in [head, *body]) for place in range(len(head))]
    yield _row(head, widths)
    yield _row(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], widths)
    for row in body:
        yield _row(row, widths)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {' | '.join([first, *others])} |"
