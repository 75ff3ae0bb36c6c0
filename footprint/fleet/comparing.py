"""The fleet's books beside what the service says, under `==`: what differs, by what it is of.

In: the books, and what was held before and after the run. Out: `Row`s of counts and sums, and every
difference by name. Nothing is nearly equal here.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from footprint.fleet.accounts import Books
from footprint.fleet.asking import HostHeld, MonthHeld
from footprint.fleet.plan import Plan

K = TypeVar("K", bound=Hashable)
Sums = Mapping[K, int]


class Row(msgspec.Struct, frozen=True):
    """One comparison: `own` and `held` are the sums of `number` things of one kind, in `unit`;
    `different` says which of them differ, a line each."""

    month: str
    of: str
    number: int
    own: int
    held: int
    unit: str
    different: Sequence[str]


def of_statement(
    plan: Plan, books: Books, month: str, before: MonthHeld, after: MonthHeld
) -> list[Row]:
    """The month's statement beside the books: its lines, its own sums, node meters and gaps."""
    cells = books.cells(month)
    own_totals = Counter({("all", ""): sum(cells.values())})
    for (consumer, component, _, quality), energy_uj in cells.items():
        own_totals["consumer", consumer] += energy_uj
        own_totals["component", component] += energy_uj
        own_totals["quality", quality] += energy_uj
    held_totals = _less(after.totals, before.totals)
    nodes = {
        f"{plan.host_id(host)}/bmc": energy_uj
        for (of, host), energy_uj in books.node_uj.items()
        if of == month
    }
    gaps = {key[1:]: duration for key, duration in books.gaps_us.items() if key[0] == month}
    return [
        *(
            compared(month, of, _of(own_totals, of), _of(held_totals, of))
            for of in ("all", "consumer", "component", "quality")
        ),
        compared(month, "line and quality", cells, _less(after.cells, before.cells)),
        compared(month, "node meter", nodes, _less(after.node_uj, before.node_uj)),
        compared(month, "gap", gaps, _less(after.gaps_us, before.gaps_us), "us"),
        compared(
            month,
            "quarantined",
            {"pages": sum(_pages(plan, books.quarantined, month).values())},
            {"pages": after.quarantined - before.quarantined},
            "pages",
        ),
    ]


def of_hosts(plan: Plan, books: Books, month: str, held: Mapping[str, HostHeld]) -> list[Row]:
    """The month host by host beside the books: energy by consumer, component, part and quality, and
    pages that count or are left out."""
    own = {
        (plan.host_id(host), *cell): energy_uj
        for (of, host), cells in books.energy_uj.items()
        if of == month
        for cell, energy_uj in cells.items()
    }
    found = {
        (host.host_id, one.consumer, one.component, one.part, one.quality): one.energy_uj
        for host in held.values()
        for one in host.energies
    }
    accepted = {host.host_id: host.accepted_pages for host in held.values()}
    quarantined = {host.host_id: host.quarantined_pages for host in held.values()}
    return [
        compared(
            month,
            "host",
            _by_host((key[0], energy_uj) for key, energy_uj in own.items()),
            _by_host((key[0], energy_uj) for key, energy_uj in found.items()),
        ),
        compared(month, "host, line and quality", own, found),
        compared(month, "accepted of host", _pages(plan, books.accepted, month), accepted, "pages"),
        compared(
            month,
            "quarantined of host",
            _pages(plan, books.quarantined, month),
            quarantined,
            "pages",
        ),
    ]


def of_heads(books: Books, held: Mapping[tuple[str, str], tuple[int, str]]) -> Row:
    """The last page of every ledger, by number and hash: with it, every page before."""
    different = [
        f"host {host_id}, ledger {ledger_id}: sent up to {_head(books.heads, key)}, "
        f"the service has {_head(held, key)}"
        for key in sorted(books.heads.keys() | held.keys())
        if books.heads.get(key) != held.get(key)
        for host_id, ledger_id in [key]
    ]
    return Row(
        month="",
        of="head of ledger",
        number=len(books.heads),
        own=sum(seq + 1 for seq, _ in books.heads.values()),
        held=sum(seq + 1 for seq, _ in held.values()),
        unit="pages",
        different=different,
    )


def compared(month: str, of: str, own: Sums[K], held: Sums[K], unit: str = "uJ") -> Row:
    """Both, thing by thing; what one of them lacks is 0 there."""
    names = {name for name, amount in own.items() if amount} | {
        name for name, amount in held.items() if amount
    }
    different = [
        f"{month} {of} {_name(name)}: sent {own.get(name, 0)} {unit}, the service has "
        f"{held.get(name, 0)} {unit} ({held.get(name, 0) - own.get(name, 0):+d})"
        for name in sorted(names, key=repr)
        if own.get(name, 0) != held.get(name, 0)
    ]
    return Row(month, of, len(names), sum(own.values()), sum(held.values()), unit, different)


def _name(name: Hashable) -> str:
    return " ".join(str(word) for word in name) if isinstance(name, tuple) else str(name)


def _less(after: Sums[K], before: Sums[K]) -> dict[K, int]:
    return {name: after.get(name, 0) - before.get(name, 0) for name in after.keys() | before.keys()}


def _of(totals: Sums[tuple[str, str]], of: str) -> dict[str, int]:
    return {name: amount for (kind, name), amount in totals.items() if kind == of}


def _by_host(energies: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for host_id, energy_uj in energies:
        found[host_id] += energy_uj
    return found


def _pages(plan: Plan, pages: Mapping[tuple[str, int], int], month: str) -> dict[str, int]:
    return {plan.host_id(host): number for (of, host), number in pages.items() if of == month}


def _head(heads: Mapping[tuple[str, str], tuple[int, str]], key: tuple[str, str]) -> str:
    seq, page_hash = heads.get(key, (-1, ""))
    return f"page {seq} ({page_hash[:12]}...)" if page_hash else "nothing"


def differences(rows: Iterable[Row]) -> int:
    """How many things differ."""
    return sum(len(row.different) for row in rows)
