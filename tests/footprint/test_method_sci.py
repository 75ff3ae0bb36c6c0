"""METHOD.md computed again: software carbon intensity, and why there is none."""

from decimal import Decimal

import msgspec
import pytest

from footprint import figures, sci, units
from footprint.amounts import Cell, Period
from footprint.facility import Terms
from footprint.sci import Made
from footprint.statement import Coverage, Figure
from tests.footprint.method import Row, golden, number
from tests.footprint.test_impact import factor


def figure(energy_uj: int, emissions_ug: int | None) -> Figure:
    """A figure with so much energy, sites included, and emissions."""
    cell = Cell("chat", "gpu", "dynamic", "counter", energy_uj)
    lines = figures.lines([Period({"": Terms(factor())}, [cell])], [])
    found = figures.total(lines, Coverage(0, 0, False))
    return msgspec.structs.replace(found, emissions_ug=emissions_ug)


@pytest.mark.parametrize("row", golden("sci"), ids=lambda row: row["R"])
def test_the_intensity(row: Row) -> None:
    of = figure(number(row["E (uJ, with sites)"]), number(row["E x I (ug)"]))
    found = sci.sci("chat", "page", of, number(row["R"]), Made(number(row["M (ug)"])))
    assert found.energy_kwh == units.kwh(number(row["E (uJ, with sites)"]))
    assert found.intensity_g_per_kwh == Decimal(row["I (g/kWh)"])
    expected = row["SCI (g/unit)"]
    assert found.emissions_g_per_unit == (Decimal(expected) if expected else None)
    assert found.reasons == ([] if expected else ["too_few"])


@pytest.mark.parametrize(
    ("emissions_ug", "number_done", "made_ug", "reasons"),
    [
        (None, 100, 5, ["no_factor"]),
        (5, 100, None, ["no_hardware"]),
        (5, None, 5, ["not_counted"]),
        (None, None, None, ["no_factor", "no_hardware", "not_counted"]),
        (5, 0, 5, ["too_few"]),
    ],
)
def test_what_is_not_known_gives_none_and_says_why(
    emissions_ug: int | None, number_done: int | None, made_ug: int | None, reasons: list[str]
) -> None:
    found = sci.sci("chat", "page", figure(1000, emissions_ug), number_done, Made(made_ug))
    assert (found.emissions_g_per_unit, found.reasons) == (None, reasons)


def test_without_energy_there_is_no_factor_of_it() -> None:
    assert sci.sci("chat", "page", figure(0, 0), 100, Made(5)).intensity_g_per_kwh is None
