"""METHOD.md computed again: what a kilowatt-hour of the grid emits in a quarter-hour."""

from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from footprint import figures
from footprint.amounts import Cell, Period
from footprint.facility import Terms, declared
from footprint.factor_table import parse
from footprint.grid.day import grid_day
from footprint.grid.hourly import GridView, Weighed
from footprint.grid.intensity import RTE_DIRECT, intensity_ug_per_kwh
from footprint.grid.quarter import TECHNOLOGIES, Quarter
from footprint.interval import PARIS
from footprint.units import UG_PER_G
from tests.footprint.method import METHOD, Row, golden, number

COLUMNS: dict[GridView, str] = {
    "hourly_direct": "direct (ug/kWh)",
    "hourly_life_cycle": "life cycle (ug/kWh)",
}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHIPPED = files("footprint.service").joinpath("data/french_electricity.csv").read_text("utf-8")


@pytest.mark.parametrize("row", golden("grid"), ids=lambda row: row["quarter-hour (Paris)"])
def test_both_views_of_a_quarter_hour(row: Row) -> None:
    """From generation to the microgram, and to RTE's own rounding."""
    generation_mw = tuple(number(row[name.replace("_", " ")]) for name in TECHNOLOGIES)
    published = number(row["published (g/kWh)"])
    direct_ug = intensity_ug_per_kwh(generation_mw, RTE_DIRECT)
    assert direct_ug == number(row["direct (ug/kWh)"])
    assert abs(direct_ug - published * UG_PER_G) < UG_PER_G
    at = datetime.fromisoformat(row["quarter-hour (Paris)"]).replace(tzinfo=PARIS)
    start_s = int(at.timestamp())
    held = {start_s: Quarter(start_s, "real-time", generation_mw, published)}
    day = grid_day("FR", at.date(), held, parse(SHIPPED, NOW), NOW)
    (time,) = [one for one in day.quarters if one.start.timestamp() == start_s]
    assert time.direct_ug_per_kwh == direct_ug
    assert time.life_cycle_ug_per_kwh == number(row["life cycle (ug/kWh)"])


@pytest.mark.parametrize("row", golden("hourly"), ids=lambda row: row["direct (ug)"])
def test_energy_of_quarter_hours(row: Row) -> None:
    """With the intensities of the table above, at a PUE of 1.5."""
    pue = declared("salle", Decimal("1.5"), "Audit", None, (None, None))
    quarters = golden("grid")
    energies_uj = [number(row[f"energy of {one['quarter-hour (Paris)']} (uJ)"]) for one in quarters]
    pairs = [*zip(energies_uj, quarters, strict=True)]
    seen = {
        view: Weighed(sum(uj * number(one[column]) for uj, one in pairs), sum(energies_uj))
        for view, column in COLUMNS.items()
    }
    cell = Cell("chat", "gpu", "dynamic", "counter", sum(energies_uj), seen=seen)
    (line,) = figures.lines([Period({"": Terms(None, pue)}, [cell])], [])
    for view, column in COLUMNS.items():
        found = line.figure.views[view]
        name = column.replace("(ug/kWh)", "(ug)")
        assert (found.emissions_ug, found.energy_uj) == (number(row[name]), sum(energies_uj))


def test_the_first_by_hand_is_in_the_text() -> None:
    row = golden("grid")[0]
    life_cycle = {
        one.subject.rpartition("/")[2]: one.value
        for one in parse(SHIPPED, NOW)
        if one.basis == "life-cycle, generation"
    }
    terms = [
        f"{row[name.replace('_', ' ')]} x {life_cycle[name]:,}"
        for name in TECHNOLOGIES
        if row[name.replace("_", " ")] != "0"
    ]
    total = sum(number(row[name.replace("_", " ")]) * life_cycle[name] for name in TECHNOLOGIES)
    text = " ".join(METHOD.split())
    assert f"{' + '.join(terms)} = {total.normalize():,} over" in text
    assert total.quantize(Decimal("0.1")) == Decimal("3503312.2")


def test_the_rates_are_those_of_the_text() -> None:
    terms = [
        f"{RTE_DIRECT[name]} x {name.replace('_', ' ')}"
        for name in TECHNOLOGIES
        if name in RTE_DIRECT
    ]
    assert f"({' + '.join(terms)}) / sum" in METHOD
