"""METHOD.md computed again: what a site adds to the energy of its hosts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from footprint.facility import assumed
from footprint.factor_table import parse
from footprint.factors import headline
from footprint.impact import emissions_ug, overhead_uj
from tests.footprint.method import METHOD, Row, golden, number

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHIPPED = parse(
    files("footprint.service").joinpath("data/french_electricity.csv").read_text("utf-8"), NOW
)


@pytest.mark.parametrize("row", golden("sites"), ids=lambda row: row["PUE"])
def test_what_a_site_adds(row: Row) -> None:
    """To the microjoule, and the mass of both to the microgram."""
    energy_uj, pue = number(row["energy (uJ)"]), Decimal(row["PUE"])
    assert overhead_uj(energy_uj, pue) == number(row["the site adds (uJ)"])
    used = headline(SHIPPED, "FR", date(2025, 5, 5), NOW)
    assert emissions_ug(energy_uj, used, pue) == number(row["mass of both (ug)"])


def test_the_assumption_is_the_one_that_ships() -> None:
    found = assumed(SHIPPED, "salle", "FR", date(2026, 5, 5), as_of=NOW)
    assert f"(France: {found.value}, from {found.low} to {found.high})" in " ".join(METHOD.split())
    shown = {row["PUE"] for row in golden("sites") if row["state"] != "declared"}
    assert {str(found.value), str(found.low), str(found.high)} < shown
    assert (found.site, found.state) == ("salle", "assumed")
