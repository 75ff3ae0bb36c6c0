"""What energy causes: the site's own use on top of it, and a factor applied; exact, rounded once.

In: microjoules at the meters of hosts, and the `FactorUse` and PUE of their own period and site.
Out: integer microjoules, and micrograms of CO2 equivalent.
"""

from decimal import Decimal
from fractions import Fraction

from footprint.applied import FactorUse
from footprint.factors import GWP_UNIT
from footprint.units import micrograms, times

NO_OVERHEAD = Decimal(1)


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
