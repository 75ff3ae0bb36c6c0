"""METHOD.md computed again: what a kilowatt-hour of the grid emits in a quarter-hour."""

import pytest

from footprint.grid.intensity import RTE_DIRECT, intensity_ug_per_kwh
from footprint.grid.quarter import TECHNOLOGIES
from footprint.units import UG_PER_G
from tests.footprint.method import METHOD, Row, golden, number


@pytest.mark.parametrize("row", golden("grid"), ids=lambda row: row["quarter-hour (Paris)"])
def test_direct_intensity(row: Row) -> None:
    """From generation to the microgram, and to RTE's own rounding where its factors are these."""
    generation_mw = [number(row[name.replace("_", " ")]) for name in TECHNOLOGIES]
    found_ug = intensity_ug_per_kwh(generation_mw, RTE_DIRECT)
    assert found_ug == number(row["intensity (ug/kWh)"])
    assert abs(found_ug - number(row["published (g/kWh)"]) * UG_PER_G) < UG_PER_G


def test_the_rates_are_those_of_the_text() -> None:
    terms = [
        f"{RTE_DIRECT[name]} x {name.replace('_', ' ')}"
        for name in TECHNOLOGIES
        if name in RTE_DIRECT
    ]
    assert f"({' + '.join(terms)}) / sum" in METHOD
