"""What could be done about a month's use, found in its figures, each with its greatest effect.

In: the units that a publication tells apart, the components, the SIA's intensities. Out:
`Recommendation`s, the greatest effect first. METHOD.md, "Recommendations".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from footprint.codes import IDLE
from footprint.publication import Recommendation, Told, Unit
from footprint.statement import Ratio

LEAST_PERMILLE = 10
"""Less of the whole than this is not worth a word."""
APART = Decimal("1.2")
"""Intensities of one function that differ by less are alike."""


def found(total: Told, told: Iterable[Unit]) -> list[Recommendation]:
    """Those that would save so much of the whole that they are worth a word."""
    held = list(told)
    least_uj = total.amount.site_energy_uj * LEAST_PERMILLE // 1000
    all_found = [*_idle(held), *_intensities(held)]
    worth = [one for one in all_found if one.site_energy_uj and one.site_energy_uj >= least_uj]
    return sorted(worth, key=lambda one: (-one.site_energy_uj, one.kind, one.of))


def _idle(told: Iterable[Unit]) -> Iterator[Recommendation]:
    """Devices that nobody held: what they used would not have been, had they been released."""
    for unit in told:
        if unit.id == IDLE:
            amount = unit.told.amount
            yield Recommendation(
                "release_idle", unit.id, None, amount.site_energy_uj, amount.emissions_ug
            )


def _intensities(told: Iterable[Unit]) -> Iterator[Recommendation]:
    """SIA that do the same thing (one functional unit) with more energy for each than the one that
    needs the least: what they would save with as much."""
    by_function: dict[str, list[tuple[Decimal, Unit, Ratio]]] = defaultdict(list)
    for unit in told:
        efficiency = unit.efficiency
        if efficiency and efficiency.unit and efficiency.per_unit.energy_wh:
            one = efficiency.per_unit
            by_function[efficiency.unit].append((efficiency.per_unit.energy_wh, unit, one))
    for same in by_function.values():
        ordered = sorted(same, key=lambda one: (one[0], one[1].id))
        least_wh, least, _ = ordered[0]
        for wh, unit, ratio in ordered[1:]:
            if wh >= least_wh * APART:
                yield _saving(unit, ratio, least, 1 - least_wh / wh)


def _saving(unit: Unit, ratio: Ratio, against: Unit, part: Decimal) -> Recommendation:
    """So much of what the SIA's units were measured to need, with what sites add and cause."""
    amount = unit.told.amount
    share = min(Decimal(1), part * ratio.sample_uj / amount.energy_uj) if amount.energy_uj else part
    return Recommendation(
        "intensity",
        unit.id,
        against.id,
        _times(amount.site_energy_uj, share),
        None if amount.emissions_ug is None else _times(amount.emissions_ug, share),
    )


def _times(amount: int, share: Decimal) -> int:
    return int((Decimal(amount) * share).to_integral_value(ROUND_HALF_EVEN))
