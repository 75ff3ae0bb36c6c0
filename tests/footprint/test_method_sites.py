"""METHOD.md computed again: what a site adds to the energy of its hosts, and other impacts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files

import pytest

from footprint.applied import MarketUse
from footprint.facility import SITE, Terms, assumed, contract, declared, market
from footprint.factor_table import parse
from footprint.factors import RESIDUAL_BASIS, applicable, headline
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


RESIDUAL = applicable(
    SHIPPED, "gwp", "FR", "market", date(2026, 5, 5), as_of=NOW, basis=RESIDUAL_BASIS
)


@pytest.mark.parametrize("row", golden("market"), ids=lambda row: row["mass (ug)"])
def test_by_what_is_bought(row: Row) -> None:
    told = row["contracts (permille at g/kWh)"]
    contracts = (
        [
            contract("salle", number(permille), Decimal(g_per_kwh), "Garanties", (None, None))
            for permille, g_per_kwh in (one.split(" at ") for one in told.split(", ") if one)
        ]
        if told
        else []
    )
    bought = market(contracts, RESIDUAL)
    assert bought is not None
    assert bought.g_per_kwh == Fraction(row["mean (g/kWh)"])
    pue = declared("salle", Decimal(row["PUE"]), "Audit", None, (None, None))
    found = Terms(None, pue, market=bought).market_ug(number(row["energy (uJ)"]))
    assert found == number(row["mass (ug)"])


def test_without_a_residual_mix_only_what_is_all_contracts_is_available() -> None:
    half = contract("salle", 500, Decimal(0), "Garanties", (None, None))
    assert market([half], None) is None
    assert market([half, half], None) == MarketUse([half, half], 0, None)
    assert Terms(None).market_ug(1000) is None
