"""Sites in figures: each joule meets the PUE of its own site and day; what is not known is said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from footprint import factor_table
from footprint.service import reports, rollups, store_factors, subjects
from footprint.statement import Statement
from tests.pages import make_ledger
from tests.service import shared_house
from tests.service.house import House
from tests.service.test_factor_import import HEADER

MIDNIGHT = datetime(2026, 11, 8, 23, tzinfo=UTC)  # of 2026-11-09 in Paris
PAGE_UJ = 600_000_000
HALF_UJ = 4 * PAGE_UJ
PER_KWH = {"primary_energy_uj": 11_289 * 10**9, "water_grid_ul": 3_673_700, "adpe_pg": 48_580_000}
ASSUMED = "pue:site:assumed:FR:location:2023-01-01:2025"


def send(house: House, number: int = 1) -> None:
    """Two hours around midnight in Paris, of one host."""
    found = make_ledger(
        8,
        start=MIDNIGHT - timedelta(hours=1),
        host_id=f"host-{number}",
        ledger_id=f"00000000-0000-4000-8000-{number:012}",
        consumers={"chat": PAGE_UJ},
    )
    assert house.post(found).status_code == 200


def put(house: House, code: str, **fields: Any) -> None:
    answer = house.put(f"/v1/sites/{code}", {"name": code.title()} | fields)
    assert answer.status_code == 200, answer.text


def pue(value: float, **days: str) -> dict[str, Any]:
    return {"value": value, "document": "Audit"} | days


def statement(house: House, as_of: datetime | None = None, *, rolled: bool = False) -> Statement:
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        asked = subjects.Asked("2026-11")
        return reports.statement(connection, asked, "FR", as_of or house.now, rolled=rolled)


def timeless(one: Statement) -> Statement:
    return msgspec.structs.replace(one, as_of=MIDNIGHT)


def test_each_joule_meets_the_pue_of_its_site_and_day(house: House) -> None:
    """Declared for the first day, not declared on the second, and a host that stands nowhere; from
    pages and from rollups alike."""
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(1.25, to="2026-11-09")])
    send(house)
    send(house, 2)
    found = statement(house)
    assert timeless(statement(house, rolled=True)) == timeless(found)
    declared = "pue:salle:"
    assert found.total.pue_uj == {
        declared: HALF_UJ,
        f"{ASSUMED}:salle": HALF_UJ,
        ASSUMED: 2 * HALF_UJ,
    }
    assert found.total.overhead_uj == {
        declared: HALF_UJ // 4,
        f"{ASSUMED}:salle": HALF_UJ // 2,
        ASSUMED: HALF_UJ,
    }
    assert found.total.site_energy_uj == 4 * HALF_UJ + HALF_UJ * 7 // 4
    exact = Decimal(found.total.site_energy_uj) / 3_600_000_000_000 * Decimal("46.1") * 1_000_000
    assert abs((found.total.emissions_ug or 0) - exact) < 2
    assert [(one.site, one.name, one.pue, one.overhead_low_uj) for one in found.sites] == [
        (None, None, ASSUMED, 2 * HALF_UJ // 5),
        ("salle", "Salle", declared, None),
        ("salle", "Salle", f"{ASSUMED}:salle", HALF_UJ // 5),
    ]
    assert {one.id: one.state for one in found.pues} == {
        declared: "declared",
        f"{ASSUMED}:salle": "assumed",
        ASSUMED: "assumed",
    }
    assert reports.PUE_UNKNOWN not in found.omissions


def test_a_pue_known_later_changes_the_past_and_what_was_known_then_can_be_had(
    house: House,
) -> None:
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(1.25)])
    send(house)
    before, at = statement(house), house.now
    house.now += timedelta(minutes=1)
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(1.75)])
    changed = statement(house)
    assert changed.total.site_energy_uj == 2 * HALF_UJ * 7 // 4
    assert statement(house, at) == before
    house.now += timedelta(minutes=1)
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(1.25)])
    assert timeless(statement(house)) == timeless(before)


def test_a_host_placed_later_takes_its_energy_with_it(house: House) -> None:
    """As of before, it stood nowhere."""
    send(house)
    before, at = statement(house), house.now
    assert before.total.pue_uj == {ASSUMED: 2 * HALF_UJ}
    house.now += timedelta(minutes=1)
    put(house, "salle", hosts=[{"host": "host-1", "from": "2026-11-09"}], pue=[pue(2)])
    found = statement(house)
    assert found.total.pue_uj == {ASSUMED: HALF_UJ, "pue:salle:": HALF_UJ}
    assert timeless(statement(house, rolled=True)) == timeless(found)
    assert statement(house, at) == before


def test_a_zone_without_a_pue_is_unknown_and_said(house: House) -> None:
    """Its hosts' energy counts as it is, and the statement names what is not in it; a zone without
    a factor leaves emissions unknown."""
    put(house, "halle", zone="DE", hosts=[{"host": "host-1"}])
    send(house)
    send(house, 2)
    found = statement(house)
    assert (found.total.emissions_ug, found.zones_without_factor) == (None, ["DE"])
    table = (
        f"{HEADER}gwp;DE;363;gCO2e/kWh;2025-01-01;;life-cycle, consumption mix;location;Test;2026\n"
    )
    with house.app.state.footprint.store.write() as connection:
        store_factors.add(connection, factor_table.parse(table, house.now))
    found = statement(house)
    assert found.total.pue_uj == {ASSUMED: 2 * HALF_UJ, "pue:@unknown:halle": 2 * HALF_UJ}
    assert found.total.site_energy_uj == 5 * HALF_UJ
    assert found.zones_without_factor == []
    mass = (Decimal("46.1") * 3 + 363 * 2) * HALF_UJ / 3_600_000
    assert abs((found.total.emissions_ug or 0) - mass) < 2
    assert reports.PUE_UNKNOWN in found.omissions
    unknown = next(one for one in found.sites if one.site == "halle")
    assert (unknown.overhead_uj, unknown.overhead_low_uj) == (None, None)


@pytest.mark.parametrize("idle", ["use", "none"])
def test_shares_of_a_server_at_a_site_carry_its_pue(house: House, idle: str) -> None:
    """Whoever used it, at whichever site they stand themselves."""
    shared_house.tell(house)
    shared_house.register(house, idle=idle)
    host = shared_house.page(0, {}).host_id
    put(house, "salle", hosts=[{"host": host}], pue=[pue(3)])
    house.now += timedelta(hours=1)
    found = statement(house)
    assert timeless(statement(house, rolled=True)) == timeless(found)
    assert set(found.total.pue_uj) == {"pue:salle:"}
    assert any(line.via for line in found.lines)
    for line in found.lines:
        assert line.figure.site_energy_uj == 3 * line.figure.energy_uj


def test_other_impacts_are_available_or_say_what_lacks(house: House) -> None:
    """Two sites with their WUE on both days; then one of them for the first day alone; then a zone
    without factors."""
    wue = {"value": 0.5, "document": "Audit"}
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(1.25)], wue=[wue])
    put(house, "halle", hosts=[{"host": "host-2"}], wue=[wue])
    send(house)
    send(house, 2)
    found = statement(house)
    assert timeless(statement(house, rolled=True)) == timeless(found)
    site_uj = 2 * HALF_UJ * Decimal("2.75")
    for name, per_kwh in PER_KWH.items():
        assert abs(found.total.impacts[name] - site_uj * per_kwh / (36 * 10**11)) < 2
    assert abs(found.total.impacts["water_site_ul"] - 4 * HALF_UJ * 500_000 / (36 * 10**11)) < 2
    assert [one.id for one in found.wues] == ["wue:halle:", "wue:salle:"]
    assert all(not one.without_zones + one.without_sites for one in found.impacts)
    indicators = {one.indicator for one in found.impact_factors if one.method == "location"}
    assert indicators == {"primary_energy", "water", "adpe"}

    house.now += timedelta(minutes=1)
    put(house, "halle", hosts=[{"host": "host-2"}], wue=[wue | {"to": "2026-11-09"}])
    lacking = statement(house)
    assert lacking.total.impacts == found.total.impacts | {"water_site_ul": None}
    assert lacking.impacts[-1].without_sites == ["halle"]

    house.now += timedelta(minutes=1)
    put(house, "halle", zone="DE", hosts=[{"host": "host-2"}], wue=[wue])
    lacking = statement(house)
    assert set(lacking.total.impacts.values()) == {None, found.total.impacts["water_site_ul"]}
    assert [one.without_zones for one in lacking.impacts] == [["DE"]] * 3 + [[]]


def test_a_site_known_after_the_asker_s_clock_is_in_the_totals(house: House) -> None:
    """A clock that lags behind the register's: totals have the site, and so do the figures."""
    send(house)
    at = house.now
    house.now += timedelta(minutes=1)
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(2)])
    found = statement(house, at, rolled=True)
    assert found.total.pue_uj == {"pue:salle:": 2 * HALF_UJ}
    house.now = at
    for path in ("/v1/statements/2026-11", "/v1/months/2026-11", "/v1/overview", "/metrics"):
        assert house.get(path).status_code == 200


def test_what_a_statement_lacks_is_of_its_own_energy(house: House) -> None:
    """A zone without factors names itself, beside a factor that other energy rests on; a project
    that has no energy there lacks nothing."""
    wue = {"value": 0.5, "document": "Audit"}
    put(house, "salle", hosts=[{"host": "host-1"}], wue=[wue])
    put(house, "halle", zone="DE", hosts=[{"host": "host-2"}])
    put(house, "vide", zone="ES")
    send(house)
    found = statement(house)
    assert (found.zones_without_factor, len(found.factors)) == ([], 1)
    assert all(not one.without_zones + one.without_sites for one in found.impacts)
    send(house, 2)
    found = statement(house)
    assert (found.zones_without_factor, len(found.factors)) == (["DE"], 1)
    assert [one.without_zones for one in found.impacts] == [["DE"]] * 3 + [[]]
    assert found.impacts[-1].without_sites == ["halle"]


def test_what_is_bought_is_a_view_of_its_own(house: House) -> None:
    """A contract that ends with the first day: half its energy is by it, the rest and the hosts of
    no site by the residual mix; a zone without one is named; the headline does not move."""
    contract = {"permille": 750, "g_per_kwh": 4, "document": "Garanties", "to": "2026-11-09"}
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(2)])
    send(house)
    send(house, 2)
    before = statement(house)
    residual = 2 * HALF_UJ * Decimal("17.11") * Decimal("3.5") / 3_600_000
    assert abs(before.total.views["market"].emissions_ug - residual) < 2
    house.now += timedelta(minutes=1)
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(2)], contracts=[contract])
    found = statement(house)
    assert timeless(statement(house, rolled=True)) == timeless(found)
    assert found.total.emissions_ug == before.total.emissions_ug
    less = HALF_UJ * 2 * Decimal("0.75") * (Decimal("17.11") - 4) / 3_600_000
    assert abs(found.total.views["market"].emissions_ug - (residual - less)) < 2
    view = found.views[0]
    assert [one.permille for one in found.contracts] == [750]
    assert view.factors == [
        found.contracts[0].id,
        "gwp:FR:market:2025-01-01:2026-05-26",
    ]
    assert {one.id for one in found.impact_factors} >= {view.factors[1]}
    house.now += timedelta(minutes=1)
    put(house, "salle", zone="DE", hosts=[{"host": "host-1"}], pue=[pue(2)], contracts=[contract])
    found = statement(house)
    assert found.total.views["market"].energy_uj == 2 * HALF_UJ
    assert found.views[0].without_zones == ["DE"]


def test_metrics_follow_a_change_of_a_site_at_once(house: House) -> None:
    """Within one quarter-hour, in which nothing else changes."""
    send(house)

    def grams() -> float:
        lines = house.get("/metrics").text.splitlines()
        name = 'footprint_month_emissions_grams{consumer="chat"'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    before = grams()
    put(house, "salle", hosts=[{"host": "host-1"}], pue=[pue(3)])
    assert grams() == pytest.approx(2 * before)
