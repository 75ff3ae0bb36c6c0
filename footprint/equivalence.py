"""Two measures of everyday life beside a month's figures: for orders of magnitude, nothing else.

In: the whole's energy and gases. Out: `Equivalence`s, each with its source. Neither is a saving nor
a compensation. METHOD.md, "Equivalences".
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from footprint import units
from footprint.publication import Amount, Equivalence

HOME_KWH = Decimal(191)
"""Electricity used at home by each inhabitant of France in a month: 156 TWh in 2023, over 68.0
million people and 12 months."""
HOME_SOURCE = (
    "SDES, Bilan énergétique de la France, 5.3 Résidentiel (2023: 156 TWh, corrected for climate); "
    "Insee, population on 1 January 2023 (68.0 million)"
)
CAR_G = Decimal(192)
"""Grams of CO2 equivalent of a kilometre in a car with a combustion engine, its fuel's making
included, its own not."""
CAR_SOURCE = "ADEME, Impact CO2, voiture thermique (usage): 0.192 kgCO2e/km"
_WHOLE, _TENTH = Decimal(1), Decimal("0.1")


def of(total: Amount) -> Iterator[Equivalence]:
    """Those of what is known of the whole."""
    kwh = units.kwh(total.site_energy_uj)
    yield Equivalence(
        "home_electricity", "site_energy_uj", _count(kwh / HOME_KWH), HOME_KWH, "kWh", HOME_SOURCE
    )
    if total.emissions_ug is not None:
        grams = units.grams(total.emissions_ug)
        yield Equivalence(
            "car_kilometres", "emissions_ug", _count(grams / CAR_G), CAR_G, "g", CAR_SOURCE
        )


def _count(number: Decimal) -> Decimal:
    """Without digits that nobody knows: whole, or tenths below ten."""
    return number.quantize(_TENTH if number < 10 else _WHOLE, ROUND_HALF_EVEN)
