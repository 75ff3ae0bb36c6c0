"""What was applied to the energy of the examples: factors, and what their sites add."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from footprint.applied import FactorUse, PueUse, WueUse
from footprint.facility import Terms, contract, market

ADEME = FactorUse(
    id="gwp/FR/location/2025-01-01",
    indicator="gwp",
    zone="FR",
    value=Decimal("46.1"),
    unit="gCO2e/kWh",
    valid_from="2025-01-01",
    valid_to="2026-01-01",
    basis="life-cycle, consumption mix, losses included, smoothed over 2022-2025",
    method="location",
    uncertainty_percent=Decimal(10),
    source="ADEME Base Empreinte, 2025 mix moyen consommation",
    published="2026",
    provisional=True,
)

ASSUMED = PueUse(
    id="pue:site:assumed:FR:location:2023-01-01:2025",
    site=None,
    state="assumed",
    value=Decimal("1.5"),
    low=Decimal("1.2"),
    high=Decimal("2.0"),
    source="Arcep, Pour un numérique soutenable, 2025",
    valid_from="2023-01-01",
)
DECLARED = PueUse(
    id="pue:salle-1:2026-01-01",
    site="salle-1",
    state="declared",
    value=Decimal("1.31"),
    category=2,
    source="Rapport annuel 2025 de l’hébergeur, page 12",
    valid_from="2026-01-01",
    valid_to="2027-01-01",
)
WATER = msgspec.structs.replace(
    ADEME,
    id="water:FR:location:2020-01-01:2020",
    indicator="water",
    value=Decimal("3.6737"),
    unit="L/kWh",
    source="WRI 2020",
    provisional=False,
)
ADPE = msgspec.structs.replace(
    WATER,
    id="adpe:FR:location:2011-01-01:2011",
    indicator="adpe",
    value=Decimal("4.858e-8"),
    unit="kgSbeq/kWh",
    source="ADEME 2011",
)
WUE = WueUse("wue:salle-1:", "salle-1", Decimal("0.31"), None, "Rapport annuel 2025", None, None)
RESIDUAL = msgspec.structs.replace(
    ADEME,
    id="gwp:FR:market:2025-01-01:2026-05-26",
    value=Decimal("17.11"),
    unit="gCO2/kWh",
    basis="direct CO2, residual mix",
    method="market",
    source="AIB 2025",
)
CONTRACT = contract("salle-1", 400, Decimal("3.5"), "Garanties d’origine 2026", (None, None))
SITES = {"salle-1": "Salle du premier étage"}


def terms(factor: FactorUse | None, pues: Sequence[PueUse]) -> dict[str, Terms]:
    """What holds at the site of each PUE."""
    return {
        pue.site or "": Terms(
            factor,
            pue,
            {"water_grid_ul": WATER, "adpe_pg": ADPE} if factor else {},
            WUE if pue.site else None,
            "FR",
            market([CONTRACT] if pue.site else [], RESIDUAL if factor else None),
        )
        for pue in pues
    }
