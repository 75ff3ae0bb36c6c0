"""What energy causes: the site's own use on top of it, and a factor applied; exact, rounded once.

In: microjoules at the meters of hosts, and the `FactorUse` and PUE of their own period and site.
Out: integer microjoules, micrograms of CO2 equivalent, microlitres, picograms of antimony
equivalent.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from footprint.applied import FactorUse, Impact
from footprint.factors import GWP_UNIT
from footprint.units import UJ_PER_KWH, micrograms, times

NO_OVERHEAD = Decimal(1)
INDICATOR_OF: Mapping[Impact, str] = {
    "primary_energy_uj": "primary_energy",
    "water_grid_ul": "water",
    "adpe_pg": "adpe",
}
"""The indicator whose factor makes each impact of the electricity of a zone."""
_PER_UNIT: Mapping[Impact, int] = {
    "primary_energy_uj": 10**12,  # in a megajoule
    "water_grid_ul": 10**6,  # in a litre
    "water_site_ul": 10**6,
    "adpe_pg": 10**15,  # in a kilogram
}


def emissions_ug(energy_uj: int, factor: FactorUse, pue: Decimal = NO_OVERHEAD) -> int:
    """Greenhouse gases in micrograms of CO2 equivalent that `energy_uj` causes, with what the site
    uses on top of it (`pue`: energy of the site over that of its IT, ISO/IEC 30134-2).

    Applied to the energy of one statement line over one factor's and PUE's period, and rounded
    there, once: everything above is a sum of these integers. Raises ValueError for a factor of
    another unit.
    """
    if factor.unit != GWP_UNIT:
        raise ValueError(f"factor {factor.id}: unit {factor.unit} is not {GWP_UNIT}")
    return micrograms(energy_uj, Fraction(factor.value) * Fraction(pue))


def overhead_uj(energy_uj: int, pue: Decimal) -> int:
    """What the site uses for `energy_uj` of its IT and beside it (cooling, losses of distribution),
    in microjoules: energy x (PUE - 1), half to even. Raises ValueError for a PUE below 1."""
    if pue < NO_OVERHEAD:
        raise ValueError(f"PUE {pue} is below 1: no site uses less than what stands in it")
    return times(energy_uj, Fraction(pue) - 1)


def impact(energy_uj: int, name: Impact, per_kwh: Decimal, pue: Decimal = NO_OVERHEAD) -> int:
    """What `energy_uj` of hosts, with what their site uses on top of it, causes of impact `name`,
    in its own unit, half to even. `per_kwh`: MJ, litres or kilograms of antimony equivalent for a
    kilowatt-hour (`factors.UNITS`)."""
    ratio = Fraction(per_kwh) * Fraction(pue) * _PER_UNIT[name] / UJ_PER_KWH
    return times(energy_uj, ratio)
