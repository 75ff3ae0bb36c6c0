"""What must hold at the end of a demonstration, each check a line with both of its values.

In: the statement, the second opinion's totals over the whole run and over each half, what `fsck`
said and what the drivers counted. Out: `Check`s. Nothing is read here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

TOLERANCE_PERCENT = 1.0
DOUBLED_FROM = 1.3
"""Energy of the second half over the first, from which a doubled rate shows: on a machine with
other work, the same request can cost a third less or more from one half to the next."""

NAMES = {"energy_uj": "energy", "dynamic_uj": "dynamic energy"}

Totals = dict[str, dict[str, int]]


class Check(NamedTuple):
    """One claim: whether it holds, and the values it rests on."""

    holds: bool
    claim: str
    found: str

    def line(self) -> str:
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.claim}: {self.found}"


class Half(NamedTuple):
    """What a SIA did in one half of the run, by the second opinion."""

    energy_uj: int
    cpu_ns: int
    requests: int


def claimed(statements: list[dict[str, Any]]) -> Totals:
    """Energy per consumer in the statements (one, or two where the run spans two months), GPUs
    left out: what the second opinion covers, and all that these workloads use."""
    totals: Totals = {}
    for statement in statements:
        for line in statement["lines"]:
            if line["component"] == "gpu":
                continue
            total = totals.setdefault(line["consumer"], {"energy_uj": 0, "dynamic_uj": 0})
            total["energy_uj"] += line["figure"]["energy_uj"]
            if line["part"] != "static":
                total["dynamic_uj"] += line["figure"]["energy_uj"]
    return totals


def energy_received(totals: Totals, sias: tuple[str, ...]) -> Iterator[Check]:
    """Every SIA, and the two that are always there, have energy."""
    for code in (*sias, "@system", "@agent"):
        energy_uj = totals.get(code, {}).get("energy_uj", 0)
        yield Check(energy_uj > 0, f"{code} received energy", f"{energy_uj} uJ")


def same_totals(statement: Totals, recomputed: Totals) -> Iterator[Check]:
    """The statement and the second opinion agree to the microjoule."""
    for code in sorted(statement.keys() | recomputed.keys()):
        for name, words in NAMES.items():
            ours = statement.get(code, {}).get(name, 0)
            theirs = recomputed.get(code, {}).get(name, 0)
            yield Check(
                ours == theirs,
                f"{code} {words} (statement, recomputation)",
                f"{ours} and {theirs} uJ",
            )


def follows_cpu_time(
    statement: Totals, recomputed: Totals, sias: tuple[str, str], *, line: bool
) -> Check:
    """Dynamic energies of the two SIA stand in the ratio of their CPU times over the whole run.

    `line`: every device's energy is a straight line in CPU time (the model's is). Otherwise a CPU
    second costs more or less with the load, the ratio may differ, and the values are only shown.
    """
    one, other = sias
    claim = (
        f"{one} / {other}: dynamic energy as CPU time, whole run, within {TOLERANCE_PERCENT:g} %"
    )
    energy = [statement.get(code, {}).get("dynamic_uj", 0) for code in sias]
    cpu_ns = [recomputed.get(code, {}).get("cpu_ns", 0) for code in sias]
    if not all(energy) or not all(cpu_ns):
        return Check(False, claim, f"energies {energy} uJ, CPU times {cpu_ns} ns")
    by_energy, by_time = energy[0] / energy[1], cpu_ns[0] / cpu_ns[1]
    off_percent = 100 * abs(by_energy / by_time - 1)
    found = f"{by_energy:.4f} and {by_time:.4f} ({off_percent:.2f} % apart)"
    if not line:
        return Check(True, f"{claim} (not asked of counters: a CPU second's cost varies)", found)
    return Check(off_percent <= TOLERANCE_PERCENT, claim, found)


def follows_at_every_reading(ratios: dict[str, float]) -> Check:
    """The same between any two readings, where it holds on every host."""
    return Check(
        ratios["splits"] > 0 and ratios["worst_percent"] <= TOLERANCE_PERCENT,
        f"the same between any two readings, within {TOLERANCE_PERCENT:g} %",
        f"{ratios['worst_percent']:.4f} % apart at worst of {ratios['splits']:.0f}",
    )


def doubling_shows(halves: dict[str, tuple[Half, Half]], doubled: str) -> Check:
    """The SIA whose rate doubles uses clearly more in the second half."""
    grown = {
        code: second.energy_uj / first.energy_uj if first.energy_uj else 0.0
        for code, (first, second) in halves.items()
    }
    requests = [half.requests for half in halves[doubled]]
    return Check(
        grown[doubled] >= DOUBLED_FROM and requests[1] > requests[0],
        f"{doubled}'s doubled rate shows in its energy, second half x {DOUBLED_FROM} or more",
        ", ".join(f"{code} x {growth:.2f}" for code, growth in grown.items())
        + f"; {doubled} had {requests[0]} then {requests[1]} requests",
    )


def kernel_agrees(groups: dict[str, dict[str, int]]) -> Iterator[Check]:
    """The kernel's own totals of the cgroups, which the second opinion has compared already."""
    for code, found in groups.items():
        kernel_ns, recorded_ns = found["kernel_ns"], found["recorded_ns"]
        yield Check(
            kernel_ns >= recorded_ns,
            f"{code}'s CPU time, kernel's cgroup and record",
            f"{kernel_ns / 1e9:.6f} and {recorded_ns / 1e9:.6f} s",
        )
