"""A trend: METHOD.md's numbers; `tests/service/test_trends.py` has them through the service."""

from decimal import Decimal

import pytest

from footprint import figures
from footprint.amounts import Cell, Period
from footprint.facility import Terms, declared
from tests.footprint.method import Row, golden, number
from tests.footprint.test_impact import factor

PUE = declared("salle", Decimal("1.5"), "Audit", None, (None, None))


def gases_ug(energy_uj: int, grams_per_kwh: str) -> int | None:
    terms = Terms(factor(grams_per_kwh), PUE)
    cells = [Cell("chat", "gpu", "dynamic", "counter", energy_uj, site="salle")]
    lines = figures.lines([Period({"salle": terms}, cells)], [])
    return figures.total(lines, figures.coverage([])).emissions_ug


@pytest.mark.parametrize("row", golden("trend"), ids=str)
def test_worked_numbers(row: Row) -> None:
    hosts_uj = number(row["energy with the site's own (uJ)"]) * 2 // 3
    assert gases_ug(hosts_uj, row["its factor (g/kWh)"]) == number(row["gases (ug)"])
    assert gases_ug(hosts_uj, "46.1") == number(row["at a constant factor (ug)"])
