"""METHOD.md computed again: what a site adds to the energy of its hosts, and other impacts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from footprint.facility import SITE, assumed
from footprint.factor_table import parse
from footprint.factors import applicable, headline
from footprint.impact import INDICATOR_OF, emissions_ug, impact, overhead_uj
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
    day = date(2026, 5, 5)
    use = applicable(SHIPPED, "pue", "FR", "location", day, as_of=NOW, subject=SITE)
    found = assumed("salle", use)
    assert f"(France: {found.value}, from {found.low} to {found.high})" in " ".join(METHOD.split())
    shown = {row["PUE"] for row in golden("sites") if row["state"] != "declared"}
    assert {str(found.value), str(found.low), str(found.high)} < shown
    assert (found.site, found.state) == ("salle", "assumed")


COLUMNS = {
    "primary_energy_uj": "primary energy (uJ)",
    "water_grid_ul": "water of generation (uL)",
    "adpe_pg": "metals and minerals (pg)",
}


@pytest.mark.parametrize("row", golden("impacts"), ids=lambda row: row["PUE"])
def test_other_impacts(row: Row) -> None:
    """Each with the factor that ships, to the last unit."""
    energy_uj, pue = number(row["energy (uJ)"]), Decimal(row["PUE"])
    for name, indicator in INDICATOR_OF.items():
        used = applicable(SHIPPED, indicator, "FR", "location", date(2026, 5, 5), as_of=NOW)
        assert impact(energy_uj, name, used.value, pue) == number(row[COLUMNS[name]])
    site_ul = impact(energy_uj, "water_site_ul", Decimal("0.3"))
    assert site_ul == number(row["water of the site (uL)"])


def test_a_kilowatt_hour_has_the_factor_itself() -> None:
    """By hand: 11.289 MJ, 3.6737 L and 48.58 ug, as the first row has them."""
    row = golden("impacts")[0]
    assert [number(row[COLUMNS[name]]) for name in INDICATOR_OF] == [
        11_289_000_000_000,
        3_673_700,
        48_580_000,
    ]
