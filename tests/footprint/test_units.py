"""Sizes of units against their published definitions, and the rounding of each conversion."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import units
from footprint.units import Energy

amounts = st.integers(0, 2**53 - 1)


def test_a_kilowatt_hour_is_three_point_six_megajoules() -> None:
    """SI brochure, 9th edition, table 8."""
    assert units.kwh(3_600_000 * 1_000_000) == 1
    assert units.joules(3_600_000_000_000) == 3_600_000
    assert units.uj_from_millijoules(1_234) == 1_234_000


def test_energy_is_never_negative() -> None:
    """A negative amount is an error that says what it should have been."""
    with pytest.raises(ValueError, match="-1 uJ is negative; a counter that falls is a gap"):
        Energy(-1)
    assert Energy(2) + Energy(3) == Energy(5)


def test_power_over_time_is_rounded_down() -> None:
    """1 W for a millisecond is a thousand microjoules; a nanosecond of it none."""
    assert units.uj_from_power(1_000_000, 1_000_000) == 1000
    assert units.uj_from_power(1_000_000, 999) == 0
    assert units.uj_from_power(1_000_000, 1000) == 1
    assert units.power_uw_from_energy(1000, 1_000_000) == 1_000_000


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**10), max_size=20))
def test_a_running_total_of_time_loses_no_remainder(power_uw: int, steps_ns: list[int]) -> None:
    """Summing steps loses up to a microjoule each, the running total less than one in all."""
    total_uj = units.uj_from_power(power_uw, sum(steps_ns))
    steps_uj = sum(units.uj_from_power(power_uw, step) for step in steps_ns)
    assert 0 <= total_uj - steps_uj <= len(steps_ns)
    assert total_uj * 10**9 <= power_uw * sum(steps_ns) < (total_uj + 1) * 10**9


@pytest.mark.parametrize(
    ("power_watts", "power_uw"),
    [("4.5", 4_500_000), ("0.0000005", 0), ("0.0000015", 2), ("0.0000025", 2), (45, 45_000_000)],
)
def test_watts_become_the_nearest_microwatts(power_watts: str | int, power_uw: int) -> None:
    """Half-even, so that rounding has no side."""
    assert units.uw_from_watts(Decimal(power_watts)) == power_uw


@given(st.integers(0, 2**51 - 1))
def test_joules_survive_prometheus(energy_uj: int) -> None:
    """A double gives the microjoules back up to 625 kWh since the process started."""
    assert round(units.joules_float(energy_uj) * 1e6) == energy_uj


@given(st.integers(0, 10**27))
def test_joules_and_grams_are_exact(amount: int) -> None:
    """Far past any counter: 10^27 uJ is 3 * 10^14 kWh."""
    assert int(units.joules(amount).scaleb(6)) == amount
    assert int(units.grams(amount).scaleb(6)) == amount


@given(amounts, st.integers(0, 12))
def test_kilowatt_hours_are_rounded_half_even(energy_uj: int, places: int) -> None:
    """At most half of the last place off."""
    shown = units.kwh(energy_uj, places)
    assert abs(shown * units.UJ_PER_KWH - energy_uj) * 2 <= Decimal(10) ** -places * (
        units.UJ_PER_KWH
    )
    assert -shown.as_tuple().exponent == places  # type: ignore[operator]


@given(st.integers(0, 10**18), st.decimals(0, 10_000, places=4))
def test_micrograms_are_the_nearest_integer(energy_uj: int, factor: Decimal) -> None:
    """|ug - exact| <= 1/2, in exact integers."""
    mass_ug = units.micrograms(energy_uj, factor)
    scaled = int(factor * 10**4)
    exact_top, exact_bottom = energy_uj * scaled * units.UG_PER_G, units.UJ_PER_KWH * 10**4
    assert abs(2 * (mass_ug * exact_bottom - exact_top)) <= exact_bottom
    if 2 * (mass_ug * exact_bottom - exact_top) in (exact_bottom, -exact_bottom):
        assert mass_ug % 2 == 0


def test_one_kilowatt_hour_at_a_factor_is_the_factor() -> None:
    """46.1 g/kWh over 1 kWh is 46.1 g."""
    assert units.grams(units.micrograms(units.UJ_PER_KWH, Decimal("46.1"))) == Decimal("46.1")
    assert units.grams_float(46_100_000) == 46.1
    assert units.watts(1_500_000) == Decimal("1.5")
