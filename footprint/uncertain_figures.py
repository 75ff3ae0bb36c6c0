"""The interval of a statement's own figures, with what it is made of.

In: energies with their terms (`amounts.evidenced`) and the coverage of each component. Out:
`Uncertain`, one for each measure. What is outside the boundary is in no interval, and what is a
choice (weights, lives, the view) is a scenario, not an uncertainty.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from footprint import uncertainty
from footprint.amounts import Evidenced
from footprint.applied import FactorUse, PueUse
from footprint.facility import spread
from footprint.ledger import Component
from footprint.statement import Coverage, Figure, Uncertain
from footprint.uncertainty import Deviation, Error

Covers = Mapping[Component, Coverage]


def gather(total: Figure, found: Iterable[Evidenced], covers: Covers) -> list[Uncertain]:
    """Of a total's energy with what sites use, and of its greenhouse gases where they are known;
    `found` is what the total is made of."""
    off_uj: list[Deviation] = []
    off_ug: list[Deviation] = []
    for one in found:
        errors = [*_errors(one, covers)]
        site_uj = one.energy_uj + (one.terms.overhead_uj(one.energy_uj) or 0)
        off_uj += uncertainty.deviations(site_uj, errors)
        if one.terms.factor:
            errors.append(of_factor(one.terms.factor))
        off_ug += uncertainty.deviations(one.terms.emissions_ug(one.energy_uj) or 0, errors)
    measures = [_uncertain("site_energy_uj", total.site_energy_uj, off_uj)]
    if total.emissions_ug is not None:
        measures.append(_uncertain("emissions_ug", total.emissions_ug, off_ug))
    return measures


def _uncertain(measure: str, value: int, off: list[Deviation]) -> Uncertain:
    bounds = uncertainty.bounds(value, off)
    return Uncertain(measure, value, bounds.low, bounds.high, uncertainty.added(off))


def _errors(one: Evidenced, covers: Covers) -> Iterator[Error]:
    yield uncertainty.of_sensor(one.component, one.quality)
    yield of_pue(one.terms.pue)
    cover = covers.get(one.component)
    if cover and 0 < cover.covered_us < cover.expected_us:
        # What is not covered used something: as much, per time, as what is.
        up = Fraction(cover.expected_us, cover.covered_us) - 1
        yield Error("coverage", one.component, Fraction(0), up, "as-the-rest")


def of_pue(use: PueUse) -> Error:
    """The range that an assumption implies: one assumption errs the same wherever it stands in; a
    declared PUE states none."""
    group = use.id.removesuffix(f":{use.site}") if use.state == "assumed" else use.id
    return _of_range("pue", group, use.value, (use.low, use.high), use.source)


def of_factor(use: FactorUse) -> Error:
    """The spread that a factor's source states."""
    return _of_range("factor", use.id, use.value, spread(use), use.source)


def _of_range(
    kind: uncertainty.SourceKind,
    group: str,
    value: Decimal | None,
    ends: tuple[Decimal | None, Decimal | None],
    source: str,
) -> Error:
    low, high = ends
    if not value or low is None or high is None:
        return Error(kind, group, Fraction(0), Fraction(0), source)
    whole = Fraction(value)
    return Error(kind, group, 1 - Fraction(low) / whole, Fraction(high) / whole - 1, source)
