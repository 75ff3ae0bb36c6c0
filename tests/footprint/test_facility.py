"""What stands in for a PUE that nobody declares, with its range; or nothing, which is said."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from footprint.applied import FactorUse
from footprint.facility import NO_SITE, Terms, assumed, declared, unknown
from footprint.factor_table import parse
from footprint.factors import FactorError, use

HEADER = (
    "indicator;subject;zone;value;low;high;unit;valid_from;valid_to;basis;method;"
    "uncertainty_percent;source;published"
)
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


def used(row: str) -> FactorUse:
    (factor,) = parse(f"{HEADER}\n{row}\n", KNOWN)
    return use(factor, provisional=False)


@pytest.mark.parametrize(
    ("low", "high", "percent", "found"),
    [
        ("1.2", "2.0", "", (Decimal("1.2"), Decimal("2.0"))),
        ("", "", "10", (Decimal("1.44"), Decimal("1.76"))),
        ("", "", "50", (Decimal(1), Decimal("2.4"))),
        ("", "", "", (None, None)),
    ],
)
def test_an_assumption_has_the_range_of_its_factor(
    low: str, high: str, percent: str, found: tuple[Decimal | None, Decimal | None]
) -> None:
    """As limits or as a percentage, never below 1; or none, where its source states none."""
    row = f"pue;site;FR;1.6;{low};{high};kWh/kWh;2025-01-01;;assumed;location;{percent};S;2026"
    pue = assumed("salle", used(row))
    assert (pue.state, pue.value, (pue.low, pue.high)) == ("assumed", Decimal("1.6"), found)
    assert (pue.site, pue.source, pue.valid_from) == ("salle", "S", "2025-01-01")


def test_sites_with_the_same_assumption_stay_apart() -> None:
    """Each has its own row in a statement."""
    row = "pue;site;FR;1.6;;;kWh/kWh;2025-01-01;;assumed;location;;S;2026"
    ids = {assumed(site, used(row)).id for site in (NO_SITE, "a", "b")}
    assert len(ids) == 3
    assert len({unknown(site).id for site in (NO_SITE, "a", "b")}) == 3


def test_without_a_factor_nothing_is_assumed() -> None:
    """Unknown, and energy counts as it is; no site's own code is like the name of that."""
    pue = assumed("salle", None)
    assert pue == unknown("salle")
    assert Terms(None, pue).pue_value == 1
    assert Terms(None, pue).overhead_uj(1000) is None
    ids = {declared("unknown", Decimal(1), "Audit", None, (None, None)).id, unknown().id}
    assert len(ids) == 2


def test_a_declared_pue_has_its_document() -> None:
    pue = declared("salle", Decimal("1.3"), "Audit", 2, (date(2026, 1, 1), None))
    assert (pue.id, pue.state, pue.source) == ("pue:salle:2026-01-01", "declared", "Audit")
    assert (pue.valid_from, pue.valid_to, pue.category) == ("2026-01-01", None, 2)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        ("0.9", "kWh/kWh", "value 0.9 is no PUE, which is from 1 to 10"),
        ("12", "kWh/kWh", "value 12 is no PUE"),
        ("1.5", "", "unit"),
        ("1.5", "gCO2e/kWh", "unit 'gCO2e/kWh' cannot be applied to pue; write kWh/kWh"),
    ],
)
def test_what_is_no_pue_is_refused(value: str, unit: str, said: str) -> None:
    with pytest.raises(FactorError) as failed:
        used(f"pue;site;FR;{value};;;{unit};2025-01-01;;assumed;location;;S;2026")
    assert said in str(failed.value)
