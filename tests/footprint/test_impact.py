"""Emissions: exact, rounded once, and only by a factor in grams of CO2 equivalent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.applied import FactorUse
from footprint.factors import Factor, use
from footprint.impact import emissions_ug, overhead_uj


def factor(value: str = "46.1", unit: str = "gCO2e/kWh") -> FactorUse:
    return use(
        Factor(
            indicator="gwp",
            zone="FR",
            value=Decimal(value),
            unit=unit,
            valid_from=date(2025, 1, 1),
            valid_to=None,
            basis="life-cycle, consumption mix",
            method="location",
            uncertainty_percent=None,
            source="test",
            published="2026",
            known_from=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        provisional=False,
    )


def test_one_kilowatt_hour_causes_the_factor() -> None:
    """3.6 MJ at 46.1 g/kWh is 46.1 g."""
    assert emissions_ug(3_600_000_000_000, factor()) == 46_100_000


@given(st.integers(0, 2**63), st.decimals(0, 2000, places=3))
def test_the_error_is_half_a_microgram_at_most(energy_uj: int, value: Decimal) -> None:
    """Whatever the energy and the factor."""
    exact = Fraction(energy_uj) * Fraction(value) * 10**6 / (36 * 10**11)
    assert abs(emissions_ug(energy_uj, factor(str(value))) - exact) <= Fraction(1, 2)


@given(st.integers(0, 2**63), st.decimals(1, 10, places=6))
def test_what_a_site_adds_is_rounded_once(energy_uj: int, pue: Decimal) -> None:
    """Its energy, and the mass of both, within half a unit of the exact."""
    exact = Fraction(energy_uj) * (Fraction(pue) - 1)
    assert abs(overhead_uj(energy_uj, pue) - exact) <= Fraction(1, 2)
    mass = Fraction(energy_uj) * Fraction(pue) * Fraction("46.1") * 10**6 / (36 * 10**11)
    assert abs(emissions_ug(energy_uj, factor(), pue) - mass) <= Fraction(1, 2)


def test_no_site_uses_less_than_what_stands_in_it() -> None:
    """A PUE below 1 is an error, not a credit."""
    with pytest.raises(ValueError, match=r"PUE 0\.9 is below 1"):
        overhead_uj(1, Decimal("0.9"))


@pytest.mark.parametrize("unit", ["gCO2/kWh", "kgSbeq/kWh", "L/kWh", ""])
def test_a_factor_of_another_unit_is_refused(unit: str) -> None:
    """Direct CO2, minerals or water are not greenhouse gases over the life cycle."""
    with pytest.raises(ValueError, match=r"is not gCO2e/kWh"):
        emissions_ug(1, factor(unit=unit))
