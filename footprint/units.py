"""Energy in integer microjoules, and every conversion of the house, exact.

In: counters and powers in their own units. Out: integers (microjoules, micrograms) or exact
`Decimal`s for people to read. No other module multiplies by a unit's size.

Sizes: 1 J = 10^6 uJ; 1 kWh = 3.6 MJ = 3.6 * 10^12 uJ (SI brochure, 9th edition, table 8).
"""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import final

import msgspec

UJ_PER_MJ = 1_000
UJ_PER_J = 1_000_000
UJ_PER_KWH = 3_600_000 * UJ_PER_J
NS_PER_S = 1_000_000_000
UG_PER_G = 1_000_000
UG_PER_KG = 1_000_000_000


@final
class Energy(msgspec.Struct, frozen=True, order=True):
    """A known amount of energy, in integer microjoules (uJ); never negative."""

    uj: int

    def __post_init__(self) -> None:
        if self.uj < 0:
            raise ValueError(f"energy: {self.uj} uJ is negative; a counter that falls is a gap")

    def __add__(self, other: "Energy") -> "Energy":
        return Energy(self.uj + other.uj)


def uj_from_millijoules(millijoules: int) -> int:
    """Microjoules in an integer count of millijoules (NVML's unit)."""
    return millijoules * UJ_PER_MJ


def uj_from_counts(counts: int, joules_per_count: Fraction) -> int:
    """Whole microjoules in `counts` of that size, rounded down.

    To lose no remainder, apply it to a running total of counts, not to steps.
    """
    return counts * joules_per_count.numerator * UJ_PER_J // joules_per_count.denominator


def uj_from_watt_hours(watt_hours: Decimal | int) -> int:
    """Integer microjoules nearest to `watt_hours` (ties to even); 1 Wh = 3.6 * 10^9 uJ."""
    exact = Decimal(watt_hours) * (UJ_PER_KWH // 1000)
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def ug_from_kilograms(kilograms: Decimal | int) -> int:
    """Integer micrograms nearest to `kilograms` (ties to even)."""
    return int((Decimal(kilograms) * UG_PER_KG).to_integral_value(ROUND_HALF_EVEN))


def uj_from_power(power_uw: int, duration_ns: int) -> int:
    """Whole microjoules that `power_uw` microwatts make in `duration_ns`, rounded down.

    To integrate without losing the remainders, apply it to a running total of time, not to steps.
    """
    return power_uw * duration_ns // NS_PER_S


def power_uw_from_energy(energy_uj: int, duration_ns: int) -> int:
    """Mean power in microwatts, rounded down, of `energy_uj` over `duration_ns` (not zero)."""
    return energy_uj * NS_PER_S // duration_ns


def watts(power_uw: int) -> Decimal:
    """Watts, exact."""
    return Decimal(power_uw) / UJ_PER_J


def uw_from_watts(power_watts: Decimal | int) -> int:
    """Integer microwatts nearest to `power_watts` (ties to even)."""
    return int((Decimal(power_watts) * UJ_PER_J).to_integral_value(ROUND_HALF_EVEN))


def joules(energy_uj: int) -> Decimal:
    """Joules, exact."""
    return Decimal(energy_uj).scaleb(-6)


def joules_float(energy_uj: int) -> float:
    """Joules as the nearest double, for Prometheus; `round(x * 1e6)` gives the microjoules back
    as long as they are below 2^51 (625 kWh): two roundings of 2^-53 each stay below one half."""
    return energy_uj / UJ_PER_J


def kwh(energy_uj: int, places: int = 9) -> Decimal:
    """Kilowatt-hours rounded half-even to `places` decimals."""
    exact = Decimal(energy_uj) / UJ_PER_KWH
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def micrograms(energy_uj: int, grams_per_kwh: Decimal | Fraction) -> int:
    """Mass in integer micrograms (half-even) that `energy_uj` causes at a factor in g/kWh.

    Rounded once per line of a statement; sums are then sums of integers, the same in every format.
    """
    return times(energy_uj, Fraction(grams_per_kwh) * UG_PER_G / UJ_PER_KWH)


def times(amount: int, ratio: Decimal | Fraction) -> int:
    """The integer nearest to `amount` x `ratio` (ties to even), exactly; neither is negative."""
    numerator, denominator = ratio.as_integer_ratio()
    whole, rest = divmod(amount * numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    return whole


def litres(volume_ul: int) -> Decimal:
    """Litres of a volume in microlitres, exact."""
    return Decimal(volume_ul).scaleb(-6)


def grams_of_picograms(mass_pg: int) -> Decimal:
    """Grams of a mass in picograms, exact."""
    return Decimal(mass_pg).scaleb(-12)


def grams(mass_ug: int) -> Decimal:
    """Grams, exact."""
    return Decimal(mass_ug).scaleb(-6)


def grams_float(mass_ug: int) -> float:
    """Grams as the nearest double, for Prometheus."""
    return mass_ug / UG_PER_G
