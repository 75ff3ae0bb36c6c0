"""Software Carbon Intensity of a SIA (ISO/IEC 21031:2024): (E x I + M) per R, with all of them.

In: a SIA's figure of a month, its part of making the hardware, and how many functional units it
did. Out: `Sci`; where one of the four is not known there is no intensity, and the reason is said.
METHOD.md, "Software carbon intensity".
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from footprint import units
from footprint.counts import counted
from footprint.efficiency import LEAST_UNITS
from footprint.shared_figures import Served
from footprint.statement import Figure, Sci, SciReason

_PLACES = Decimal("0.000001")


class Made(msgspec.Struct, frozen=True):
    """A SIA's part of making the hardware in micrograms of CO2 equivalent; None where that of some
    host that it used is not known."""

    emissions_ug: int | None


def done(served: Iterable[Served], consumer: str) -> int | None:
    """Functional units that gateways counted for a consumer, over all servers; None where some
    usage does not tell them, or there is none."""
    lines = [line for one in served for _, own in one.split.asked.get(consumer, ()) for line in own]
    return counted(lines).units if lines else None


def sci(consumer: str, unit: str, figure: Figure, number: int | None, made: Made) -> Sci:
    """The intensity, and what it is made of."""
    operational_ug, energy_uj = figure.emissions_ug, figure.site_energy_uj
    lacks: dict[SciReason, bool] = {
        "no_factor": operational_ug is None,
        "no_hardware": made.emissions_ug is None,
        "not_counted": number is None,
        "too_few": number is not None and number < LEAST_UNITS,
    }
    reasons = [reason for reason, so in lacks.items() if so]
    per_unit = None
    if not reasons and number and operational_ug is not None and made.emissions_ug is not None:
        per_unit = _ratio(units.grams(operational_ug + made.emissions_ug), number)
    intensity = None
    if operational_ug is not None and energy_uj:
        intensity = _ratio(Decimal(operational_ug) * units.UJ_PER_KWH, energy_uj * units.UG_PER_G)
    return Sci(
        consumer=consumer,
        unit=unit,
        units=number,
        energy_kwh=figure.site_energy_kwh,
        intensity_g_per_kwh=intensity,
        operational_ug=operational_ug,
        embodied_ug=made.emissions_ug,
        emissions_g_per_unit=per_unit,
        reasons=reasons,
    )


def _ratio(part: Decimal, whole: int) -> Decimal:
    return (part / whole).quantize(_PLACES, ROUND_HALF_EVEN)
