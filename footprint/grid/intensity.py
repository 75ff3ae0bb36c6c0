"""What a kilowatt-hour of the grid emits in a quarter-hour, from what generated it.

In: generation by technology, and what each technology emits per kWh. Out: intensities in integer
micrograms per kWh. METHOD.md, "The grid by quarter-hour", has the words and worked numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm
from operator import mul

import msgspec

from footprint.grid.quarter import TECHNOLOGIES, Quarter, Technology
from footprint.units import UG_PER_G

Emitted = Mapping[Technology, Decimal]
"""Grams per kWh of each technology; one that is not in it emits nothing."""
RTE_DIRECT: Emitted = {
    "fuel_oil": Decimal(777),
    "coal": Decimal(984),
    "gas": Decimal(428),
    "bioenergy": Decimal(493),
}
"""What RTE's own rate counts: CO2 of burning fuel, g/kWh. The rate it publishes follows from these
within its rounding at each of the 4,000 quarter-hours from 2026-02-01 to 2026-03-14 (0.59 g/kWh at
most); in December 2021 it is up to 5.7 g/kWh off: other factors then."""


def intensity_ug_per_kwh(generation_mw: Sequence[int | None], emitted: Emitted) -> int | None:
    """Micrograms per kWh generated, half to even; None where a technology's generation is unknown,
    or nothing is generated.

    A technology that takes more than it gives (a reactor that is switched off) generates nothing.
    """
    if None in generation_mw:
        return None
    positive = [max(0, mw or 0) for mw in generation_mw]
    total = sum(positive)
    if not total:
        return None
    rates, of = _in_whole_numbers(
        tuple(emitted.get(technology, Decimal(0)) for technology in TECHNOLOGIES)
    )
    return round(Fraction(sum(map(mul, rates, positive)) * UG_PER_G, of * total))


@lru_cache(maxsize=64)
def _in_whole_numbers(emitted: tuple[Decimal, ...]) -> tuple[tuple[int, ...], int]:
    """Each as a number of parts, and how many parts make one: exact, and quick to multiply."""
    ratios = [one.as_integer_ratio() for one in emitted]
    of = lcm(*(denominator for _, denominator in ratios))
    return tuple(numerator * of // denominator for numerator, denominator in ratios), of


class Agreement(msgspec.Struct, frozen=True):
    """How the direct intensity that is derived from generation agrees with the published rate, over
    so many quarter-hours that have both: the greatest difference, and how many are more than 1
    g/kWh apart."""

    quarters: int
    worst_g_per_kwh: Decimal
    beyond_1_g: int


def agreement(quarters: Iterable[Quarter], emitted: Emitted = RTE_DIRECT) -> Agreement:
    """Compare each quarter-hour's derived direct intensity with the published one."""
    off_ug = [
        abs(derived - quarter.published_g_per_kwh * UG_PER_G)
        for quarter in quarters
        if quarter.published_g_per_kwh is not None
        and (derived := intensity_ug_per_kwh(quarter.generation_mw, emitted)) is not None
    ]
    worst = Decimal(max(off_ug, default=0)).scaleb(-6)
    return Agreement(len(off_ug), worst, sum(off > UG_PER_G for off in off_ug))
