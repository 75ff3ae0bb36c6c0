"""Views of the grid by quarter-hour in statements: from rollups and from pages alike."""

from datetime import date, datetime, timedelta
from fractions import Fraction

import msgspec
import pytest

from footprint.grid.quarter import TECHNOLOGIES, Quarter
from footprint.interval import paris_day, quarter_hours, to_us
from footprint.service import reports, rollups, store_grid, subjects
from footprint.statement import Statement, Viewed
from tests.pages import START, chain, make_page
from tests.service import shared_house
from tests.service.house import House

GAS, NUCLEAR = (TECHNOLOGIES.index(name) for name in ("gas", "nuclear"))
QUARTER = timedelta(minutes=15)


def load(
    house: House, start: datetime, gas_mw: list[int | None], nature: str = "real-time"
) -> None:
    """Quarter-hours from `start` on with so much gas beside nuclear: 100 MW in all."""
    quarters = []
    for at, gas in enumerate(gas_mw):
        generation: list[int | None] = [0] * len(TECHNOLOGIES)
        generation[GAS], generation[NUCLEAR] = gas, None if gas is None else 100 - gas
        start_s = int((start + at * QUARTER).timestamp())
        quarters.append(Quarter(start_s, nature, tuple(generation), None))  # type: ignore[arg-type]
    with house.app.state.footprint.store.write() as connection:
        store_grid.add(connection, "FR", quarters, to_us(house.now))


def statement(
    house: House, month: str, as_of: datetime | None = None, *, rolled: bool = False, **scope: str
) -> Statement:
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        asked = subjects.Asked(month, **scope)
        return reports.statement(connection, asked, "FR", as_of or house.now, rolled=rolled)


def timeless(one: Statement) -> Statement:
    return msgspec.structs.replace(one, as_of=START)


def direct_ug(energies_uj: list[int], gas_mw: list[int | None]) -> Viewed:
    """By hand, at the PUE that is assumed."""
    known = [(uj, gas) for uj, gas in zip(energies_uj, gas_mw, strict=True) if gas is not None]
    mass = sum(Fraction(uj * gas * 428 * 10**6, 100 * 36 * 10**11) for uj, gas in known)
    return Viewed(round(mass * Fraction(3, 2)), sum(uj for uj, _ in known))


@pytest.mark.parametrize(("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_each_joule_meets_its_own_quarter_hour(house: House, day: date, quarters: int) -> None:
    """On the days when clocks change: another energy and another gas in each quarter-hour, some of
    which nothing is known."""
    start = paris_day(day).start
    assert len(list(quarter_hours(paris_day(day)))) == quarters
    house.now = paris_day(day).end + timedelta(hours=1)
    energies_uj = [1_000_000 + 7919 * at * at for at in range(quarters)]
    gas_mw = [None if at % 17 == 5 else (at * 37) % 101 for at in range(quarters)]
    pages = [
        make_page(start=start + at * QUARTER, consumers={"chat-demo": uj})
        for at, uj in enumerate(energies_uj)
    ]
    assert house.post(chain(pages)).status_code == 200
    load(house, start, gas_mw)
    month = f"{day:%Y-%m}"
    found = statement(house, month)
    assert timeless(statement(house, month, rolled=True)) == timeless(found)
    assert found.total.views["hourly_direct"] == direct_ug(energies_uj, gas_mw)
    view = next(one for one in found.views if one.impact == "hourly_direct")
    assert {use.subject for use in found.impact_factors if use.id in view.factors} == {
        f"electricity/{name}" for name in ("fuel_oil", "coal", "gas", "bioenergy")
    }
    assert {one.impact: one.includes for one in found.views} == {
        "market": ["combustion"],
        "hourly_direct": ["combustion"],
        "hourly_life_cycle": ["combustion", "upstream"],
    }
    (grid,) = found.grid
    assert (grid.zone, grid.quarters) == ("FR", {"real-time": quarters})


def test_what_was_imported_later_was_not_known_then(house: House) -> None:
    """Nothing at first, then real time, then definitive: each as of its own time again; the
    headline does not move."""
    energies_uj, gas_mw = [3_000_000_000, 5_000_000_000], [50, 10]
    pages = [
        make_page(start=START + at * QUARTER, consumers={"chat-demo": uj})
        for at, uj in enumerate(energies_uj)
    ]
    assert house.post(chain(pages)).status_code == 200
    seen = [(statement(house, "2026-11"), house.now)]
    assert seen[0][0].total.views["hourly_direct"] == Viewed(0, 0)
    assert [one.without_zones for one in seen[0][0].views] == [[], ["FR"], ["FR"]]
    house.now += timedelta(minutes=1)
    load(house, START, [*gas_mw])
    seen.append((statement(house, "2026-11"), house.now))
    assert seen[1][0].total.views["hourly_direct"] == direct_ug(energies_uj, [*gas_mw])
    house.now += timedelta(minutes=1)
    load(house, START, [60, 10], "definitive")
    seen.append((statement(house, "2026-11"), house.now))
    assert seen[2][0].total.views["hourly_direct"] == direct_ug(energies_uj, [60, 10])
    assert seen[2][0].grid[0].quarters == {"definitive": 2}
    for found, at in seen:
        assert statement(house, "2026-11", at) == found
        assert found.total.emissions_ug == seen[0][0].total.emissions_ug
    assert timeless(statement(house, "2026-11", rolled=True)) == timeless(seen[2][0])


@pytest.mark.parametrize("idle", ["use", "none"])
def test_shares_of_a_server_carry_its_views(house: House, idle: str) -> None:
    """All of them add up to what the energy itself gives; projects, to their SIA."""
    shared_house.tell(house)
    shared_house.register(house, idle=idle)
    gas_mw: list[int | None] = [80, 40, None, 10]
    load(house, START, gas_mw)
    house.now += timedelta(hours=1)
    found = statement(house, "2026-11")
    assert timeless(statement(house, "2026-11", rolled=True)) == timeless(found)
    energies_uj = [sum(one.values()) + 6 for one in shared_house.ENERGY]
    exact = direct_ug(energies_uj, gas_mw)
    view = found.total.views["hourly_direct"]
    assert view.energy_uj == exact.energy_uj
    assert abs(view.emissions_ug - exact.emissions_ug) <= len(found.lines)
    own = {one.consumer: one.figure.views["hourly_direct"] for one in found.consumers}
    parts = [
        {one.consumer: one.figure.views["hourly_direct"] for one in part.consumers}
        for part in (statement(house, "2026-11", project=code) for code in ("accueil", "courrier"))
    ]
    for code in ("chat-demo", "tri-courrier"):
        assert (
            sum(part[code].emissions_ug for part in parts if code in part) == own[code].emissions_ug
        )
        assert sum(part[code].energy_uj for part in parts if code in part) == own[code].energy_uj
    # The second quarter-hour's gas is half of the first's: who used it then has a smaller rate.
    rates = {
        code: Fraction(own[code].emissions_ug, own[code].energy_uj)
        for code in ("chat-demo", "tri-courrier")
    }
    assert rates["chat-demo"] < rates["tri-courrier"]
