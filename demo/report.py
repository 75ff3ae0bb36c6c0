"""What the demonstration prints around its live table: how it scaled the load, the statement so
far, and what each SIA did.

In: the stage, the service's JSON, the second opinion's. Out: lines of text, figures for checks.
"""

import json
from typing import Any

from demo import table
from demo.checks import Check, Half, Totals
from demo.processes import DemoError
from demo.stage import DOUBLED, NAMES, SIAS, Stage


def scaling(stage: Stage, when_doubled: str) -> list[str]:
    """How far the trace is scaled down for each SIA, and what results."""
    lines: list[str] = []
    for sia in SIAS:
        said = stage.said(sia, "ready")
        if said is None:
            raise DemoError(f"the driver of {sia} did not say how it scales")
        if not lines:
            lines.append(
                f"the trace asks {said['requests_per_s']:.2f} requests/s of "
                f"{said['prompt_tokens']:.0f} + {said['generated_tokens']:.0f} tokens"
            )
        doubled = f", twice that {when_doubled}" if sia == DOUBLED else ""
        lines.append(
            f"{sia} ({NAMES[sia]}): tokens divided by {said['tokens_divisor']}, rate divided by "
            f"{said['rate_divisor']:.2f} = {said['requests_per_s'] / said['rate_divisor']:.2f} "
            f"requests/s{doubled}"
        )
        lines += [f"    {line}" for line in stage.workloads[sia].lines() if "accuracy" in line]
        lines += [
            f"    {line}" for line in stage.workloads[sia].errors() if "control group" in line
        ]
    return lines


def statement(facts: dict[str, Any]) -> list[str]:
    """A month's statement so far as text."""
    state = "closed" if facts["closed"] else "so far"
    rows = [["consumer", "component", "part", "J", "kWh", "g CO2e", "quality", "coverage"]]
    for line in facts["lines"]:
        figure = line["figure"]
        rows.append(
            [
                *(line["consumer"], line["component"], line["part"]),
                *amounts(figure),
                *(table.quality(figure), str(figure["coverage"])),
            ]
        )
    rows.append(["sum", "", "", *amounts(facts["total"]), "", str(facts["total"]["coverage"])])
    lines = [f"statement {facts['month']}, {state}, zone {facts['zone']}", *table.aligned(rows)]
    for factor in facts["factors"]:
        provisional = ", provisional" if factor["provisional"] else ""
        lines.append(
            f"factor {factor['id']}: {factor['value']} {factor['unit']} "
            f"({factor['source']}{provisional})"
        )
    for pue in facts["pues"]:
        between = f", {pue['low']} to {pue['high']}" if pue["low"] else ""
        lines.append(f"in g CO2e: PUE {pue['value']} ({pue['state']}{between}; {pue['id']})")
    return [*lines, f"not included: {', '.join(facts['omissions'])}"]


def amounts(figure: dict[str, Any]) -> list[str]:
    """Joules, kWh and grams of a figure."""
    return [
        table.joules(figure["energy_uj"]),
        str(figure["energy_kwh"]),
        table.grams(figure["emissions_ug"]),
    ]


def halves(
    stage: Stage, counts: dict[str, dict[str, Any]], cuts_ns: tuple[int, int, int]
) -> dict[str, tuple[Half, Half]]:
    """What each SIA used and did in each half of the run."""
    start_ns, middle_ns, end_ns = map(str, cuts_ns)
    totals = [
        stage.recompute("--after-ns", start_ns, "--until-ns", middle_ns),
        stage.recompute("--after-ns", middle_ns, "--until-ns", end_ns),
    ]

    def half(sia: str, index: int) -> Half:
        total = totals[index].get(sia, {})
        requests = counts[sia]["requests"][index]
        return Half(total.get("energy_uj", 0), total.get("cpu_ns", 0), requests)

    return {sia: (half(sia, 0), half(sia, 1)) for sia in SIAS}


def work(
    recomputed: Totals,
    by_half: dict[str, tuple[Half, Half]],
    counts: dict[str, dict[str, Any]],
) -> list[str]:
    """Per SIA: energy and CPU time, whole and by half, requests and tokens."""
    rows = [
        [
            *("SIA", "J", "CPU s", "J 1st half", "J 2nd half", "CPU s 1st", "CPU s 2nd"),
            *("requests 1st", "requests 2nd", "tokens in", "tokens out", "J/request"),
        ]
    ]
    for sia, (first, second) in by_half.items():
        total = recomputed[sia]
        requests = first.requests + second.requests
        served_uj = first.energy_uj + second.energy_uj
        rows.append(
            [
                *(sia, table.joules(total["energy_uj"]), f"{total['cpu_ns'] / 1e9:.2f}"),
                *(table.joules(first.energy_uj), table.joules(second.energy_uj)),
                *(f"{first.cpu_ns / 1e9:.2f}", f"{second.cpu_ns / 1e9:.2f}"),
                *(f"{first.requests:,}", f"{second.requests:,}"),
                *(f"{sum(counts[sia]['tokens_in']):,}", f"{sum(counts[sia]['tokens_out']):,}"),
                table.joules(served_uj // requests) if requests else table.UNKNOWN,
            ]
        )
    note = "the whole includes loading, training and measuring the load before the first half"
    return [*table.aligned(rows), note]


def chain(stage: Stage) -> Check:
    """Whether the pages that the service holds verify from the first to the last."""
    claim = "the stored pages' chain verifies (footprint fsck)"
    try:
        said = stage.footprint("fsck")
    except DemoError as error:
        return Check(False, claim, str(error))
    return Check(True, claim, "; ".join(said.strip().splitlines()))


def is_line(stage: Stage) -> bool:
    """Whether every device's energy is modelled, as a straight line in CPU time."""
    with stage.record.open(encoding="utf-8") as file:
        devices = json.loads(file.readline())["devices"]
    return all(facts["quality"] == "modelled" for facts in devices if not facts["evidence"])


def has_groups(stage: Stage) -> bool:
    """Whether the record names control groups."""
    with stage.record.open(encoding="utf-8") as file:
        return any(json.loads(line).get("watch") for line in file if line.endswith("\n"))
