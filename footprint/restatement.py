"""What has changed in a month since it was stated, and by what: old, new, difference and cause.

In: the statement as known at an earlier instant, and as known now, both made by the same code. Out:
`Restatement`. What was published stays as it is: published and restatements add up to what is known
now. METHOD.md, "Restatements".
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from footprint.applied import FactorUse
from footprint.external import MEASURES
from footprint.statement import Figure, LedgerHead, Scope, Statement

SMALL_PERMILLE = 1
"""Differences of a consumer below so much of the month's own amount are told together."""
Kind = Literal[
    "factor",
    "pue",
    "wue",
    "contract",
    "grid",
    "hardware",
    "pages",
    "usage",
    "sia",
    "server",
    "site",
    "external",
]


class Changed(msgspec.Struct, frozen=True):
    """A measure of a consumer (None: of all that is stated), before and now, in the measure's own
    unit; None where it is not available. `others` is how many consumers with small differences a
    row stands for that has no consumer of its own but is not the sum of all."""

    consumer: str | None
    measure: str
    old: int | None
    new: int | None
    difference: int | None
    others: int = 0


class Cause(msgspec.Struct, frozen=True):
    """Something that figures rest on and that is other than it was; None: it is new, or gone."""

    kind: Kind
    id: str
    old: str | None
    new: str | None
    source: str = ""


class Restatement(msgspec.Struct, frozen=True):
    """What a month is now against what was known at `since`. Without `changed` nothing has
    changed, whatever `causes` says."""

    format: Literal[1]
    month: str
    scope: Scope
    since: datetime
    as_of: datetime
    method_version: str
    changed: list[Changed]
    causes: list[Cause]


Amounts = Mapping[str, int | None]
"""By measure."""


class _Told(msgspec.Struct, frozen=True):
    """A statement's amounts: of all, by consumer, and what a measure is of a consumer that has no
    amount of it: nothing, or, where nothing is known of the measure at all, unknown. `measured`:
    pages were known; else nothing is."""

    whole: Amounts
    consumers: Mapping[str, Amounts]
    absent: Amounts
    measured: bool

    def of(self, consumer: str | None) -> Amounts:
        """Of a consumer (None: of all)."""
        return self.whole if consumer is None else self.consumers.get(consumer, {})

    def amount(self, consumer: str | None, measure: str) -> int | None:
        """Of a consumer (None: of all); what it did not have is zero."""
        if not self.measured:
            return None
        return self.of(consumer).get(measure, self.absent.get(measure, 0))


def compare(old: Statement, new: Statement, register: Iterable[Cause] = ()) -> Restatement:
    """The differences of two statements of one month and scope; `register` names what has changed
    there."""
    before, now = _amounts(old), _amounts(new)
    consumers = sorted({*before.consumers, *now.consumers}, key=lambda name: (name[0] == "@", name))
    parts = [row for consumer in consumers for row in _rows(consumer, before, now)]
    return Restatement(
        format=1,
        month=new.month,
        scope=new.scope,
        since=old.as_of,
        as_of=new.as_of,
        method_version=new.method_version,
        changed=[*_rows(None, before, now), *_grouped(parts, now.whole)],
        causes=[*_causes(old, new), *register],
    )


def _amounts(one: Statement) -> _Told:
    whole = _of(one.total)
    for found in one.uncertainty:
        whole |= {f"{found.measure}_low": found.low, f"{found.measure}_high": found.high}
    consumers = {total.consumer: _of(total.figure) for total in one.consumers}
    absent: dict[str, int | None] = {}
    if one.embodied:
        for making, amount in one.embodied.month.items():
            whole[f"making_{making}"] = amount.value if amount else None
            absent[f"making_{making}"] = 0 if amount else None
        for consumer in one.embodied.consumers:
            own = consumers.setdefault(consumer.consumer, {})
            own |= {f"making_{making}": part.value for making, part in consumer.month.items()}
    # Of a part of the house that used nothing there may be no page, and it is nothing.
    measured = one.scope.kind != "all" or bool(one.ledgers or one.usage_ledgers)
    return _Told(whole | _outside(one), consumers, absent, measured)


def _outside(one: Statement) -> dict[str, int | None]:
    """What services outside the house caused, by measure and end; nothing where none was used.
    Where some of it has no estimate, or was of what nobody had registered, there is no upper end,
    and of that alone nothing is known."""
    if one.externals is None and not one.usage_unregistered:
        return {}
    modelled = one.externals.modelled if one.externals else {}
    whole = one.externals is not None and not (one.externals.without or one.usage_unregistered)
    found: dict[str, int | None] = {}
    for name in MEASURES:
        ends = modelled.get(name)
        found[f"external_{name}_low"] = ends.low if ends else None
        found[f"external_{name}_high"] = ends.high if ends and whole else None
    return found


def _of(figure: Figure) -> dict[str, int | None]:
    found: dict[str, int | None] = {
        "energy_uj": figure.energy_uj,
        "site_energy_uj": figure.site_energy_uj,
        "emissions_ug": figure.emissions_ug,
    }
    found.update((str(name), amount) for name, amount in figure.impacts.items())
    for view, seen in figure.views.items():
        unknown = figure.energy_uj and not seen.energy_uj
        found[f"{view}_ug"] = None if unknown else seen.emissions_ug
    return found


def _rows(consumer: str | None, old: _Told, new: _Told) -> Iterator[Changed]:
    """What a consumer did not have is zero; what is not available has no difference."""
    for measure in dict.fromkeys((*old.of(consumer), *new.of(consumer))):
        was, is_ = old.amount(consumer, measure), new.amount(consumer, measure)
        if was != is_:
            difference = None if was is None or is_ is None else is_ - was
            yield Changed(consumer, measure, was, is_, difference)


def _grouped(rows: Iterable[Changed], totals: Amounts) -> Iterator[Changed]:
    """Small differences of a measure in one row."""
    small: dict[str, list[Changed]] = {}
    for row in rows:
        total = totals.get(row.measure)
        big = row.difference is None or not total
        if big or abs(row.difference or 0) * 1000 >= SMALL_PERMILLE * (total or 0):
            yield row
        else:
            small.setdefault(row.measure, []).append(row)
    for measure, found in small.items():
        if len(found) == 1:
            yield found[0]
            continue
        old, new = sum(row.old or 0 for row in found), sum(row.new or 0 for row in found)
        yield Changed(None, measure, old, new, new - old, len(found))


def _causes(old: Statement, new: Statement) -> Iterator[Cause]:
    yield from _differing("factor", _factors(old), _factors(new))
    yield from _differing("pue", _pues(old), _pues(new))
    yield from _differing("wue", _wues(old), _wues(new))
    yield from _differing("contract", _contracts(old), _contracts(new))
    yield from _differing("grid", _grid(old), _grid(new))
    yield from _differing("hardware", _hardware(old), _hardware(new))
    yield from _differing("pages", _heads(old.ledgers), _heads(new.ledgers))
    yield from _differing("usage", _heads(old.usage_ledgers), _heads(new.usage_ledgers))


Told = Mapping[str, tuple[str, str]]
"""By identifier: the words, and the source."""


def _differing(kind: Kind, old: Told, new: Told) -> Iterator[Cause]:
    for name in sorted({*old, *new}):
        was, is_ = old.get(name), new.get(name)
        if was != is_:
            source = (is_ or was or ("", ""))[1]
            yield Cause(kind, name, was[0] if was else None, is_[0] if is_ else None, source)


def _pues(one: Statement) -> dict[str, tuple[str, str]]:
    return {
        f"{pue.site or '(none)'} from {pue.valid_from or '...'}": (
            "unknown" if pue.value is None else f"{pue.state} {pue.value:f}",
            pue.source,
        )
        for pue in one.pues
    }


def _wues(one: Statement) -> dict[str, tuple[str, str]]:
    return {
        f"{wue.site} from {wue.valid_from or '...'}": (f"{wue.value:f} L/kWh", wue.source)
        for wue in one.wues
    }


def _contracts(one: Statement) -> dict[str, tuple[str, str]]:
    return {
        use.id: (f"{use.permille} permille at {use.g_per_kwh:f} g/kWh", use.source)
        for use in one.contracts
    }


def _factors(one: Statement) -> dict[str, tuple[str, str]]:
    made = one.embodied.factors if one.embodied else []
    uses = (*one.factors, *one.impact_factors, *made)
    return {_name(use): (f"{use.value:f} {use.unit}{_spread(use)}", use.source) for use in uses}


def _spread(use: FactorUse) -> str:
    if use.low is not None and use.high is not None:
        return f", {use.low:f} to {use.high:f}"
    percent = use.uncertainty_percent
    return "" if percent is None else f" +-{percent.normalize():f} %"


def _name(use: FactorUse) -> str:
    """What a later word on the same thing has in common with it."""
    of = f"{use.indicator} {use.subject} {use.zone} {use.method}"
    return f"{of} {use.basis} from {use.valid_from}"


def _grid(one: Statement) -> dict[str, tuple[str, str]]:
    return {
        use.zone: (
            ", ".join(f"{nature} {count}" for nature, count in use.quarters.items())
            + f", generation {use.generation_sha256[:12]}",
            "",
        )
        for use in one.grid
    }


def _hardware(one: Statement) -> dict[str, tuple[str, str]]:
    hosts = one.embodied.hosts if one.embodied else []
    return {
        host.host_id: (
            f"{' '.join(f'{part.count}x{part.part}' for part in host.parts)}, "
            f"{host.lifetime_years} years from {host.in_service} to {host.out_of_service or '...'}",
            host.source,
        )
        for host in hosts
    }


def _heads(heads: Iterable[LedgerHead]) -> dict[str, tuple[str, str]]:
    return {f"{head.host_id} {head.ledger_id}": (f"page {head.seq}", "") for head in heads}
