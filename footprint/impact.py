"""What energy causes: a factor applied, exact, rounded once.

In: microjoules and the `FactorUse` of their own period. Out: integer micrograms of CO2 equivalent.
"""

from footprint.factors import GWP_UNIT
from footprint.statement import FactorUse
from footprint.units import micrograms


def emissions_ug(energy_uj: int, factor: FactorUse) -> int:
    """Greenhouse gases in micrograms of CO2 equivalent that `energy_uj` causes.

    Applied to the energy of one statement line over one factor's period, and rounded there, once:
    everything above is a sum of these integers. Raises ValueError for a factor of another unit.
    """
    if factor.unit != GWP_UNIT:
        raise ValueError(f"factor {factor.id}: unit {factor.unit} is not {GWP_UNIT}")
    return micrograms(energy_uj, factor.value)
