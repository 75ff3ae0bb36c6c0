"""`GET /v1/grid/{day}`: a day in both views, with what is not known said."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from footprint import factor_table
from footprint.grid import eco2mix
from footprint.interval import to_us
from footprint.service import store_factors, store_grid
from tests.grid.test_eco2mix import CLOSING, DATA, HEADER, rte_day
from tests.service.house import House


def load(house: House, lines: list[bytes]) -> None:
    series = eco2mix.read(lines)
    with house.app.state.footprint.store.write() as connection:
        quarters = [series.quarters[start_s] for start_s in sorted(series.quarters)]
        store_grid.add(connection, "FR", quarters, to_us(house.now))


def test_a_day_as_published(house: House) -> None:
    load(house, (DATA / "rte_2026-03-14.xls").read_bytes().splitlines(keepends=True))
    found = house.get("/v1/grid/2026-03-14").json()
    assert (found["zone"], found["day"], found["missing"]) == ("FR", "2026-03-14", {})
    assert found["includes"] == {
        "direct": ["combustion"],
        "life_cycle": ["combustion", "upstream"],
    }
    quarters = found["quarters"]
    assert len(quarters) == 96
    assert quarters[0]["start"] == "2026-03-13T23:00:00Z"
    known = [one for one in quarters if one["nature"]]
    assert len(known) == 64
    for one in known:
        off_ug = abs(one["direct_ug_per_kwh"] - one["published_g_per_kwh"] * 1_000_000)
        assert off_ug < 1_000_000
        assert one["life_cycle_ug_per_kwh"] > one["direct_ug_per_kwh"]
    blank = {"nature": None, "generation_mw": {}, "published_g_per_kwh": None}
    nothing = {"direct_ug_per_kwh": None, "life_cycle_ug_per_kwh": None}
    assert quarters[-1] == {"start": "2026-03-14T22:45:00Z", **blank, **nothing}
    assert len(found["factors"]) == 4 + 8
    assert all(one["source"] and not one["provisional"] for one in found["factors"])


@pytest.mark.parametrize(
    ("day", "quarters", "known"), [("2026-03-29", 92, 92), ("2026-10-25", 100, 96)]
)
def test_days_on_which_the_clock_changes(house: House, day: str, quarters: int, known: int) -> None:
    load(house, [HEADER, *rte_day(day, 1), CLOSING])
    found = house.get(f"/v1/grid/{day}").json()["quarters"]
    assert len(found) == quarters
    assert sum(one["direct_ug_per_kwh"] == 428_000_000 for one in found) == known
    starts = [one["start"] for one in found]
    assert starts == sorted(set(starts))


def test_a_replaced_factor_changes_one_view_alone(house: House) -> None:
    load(house, (DATA / "rte_2026-03-14.xls").read_bytes().splitlines(keepends=True))
    before = house.get("/v1/grid/2026-03-14").json()["quarters"][0]
    row = (
        "gwp;electricity/nuclear;FR;12;gCO2e/kWh;2026-01-01;life-cycle, generation;location;"
        "IPCC AR5;2014"
    )
    header = "indicator;subject;zone;value;unit;valid_from;basis;method;source;published"
    with house.app.state.footprint.store.write() as connection:
        found = factor_table.parse(f"{header}\n{row}\n", house.now)
        store_factors.add(connection, found)
    house.now += timedelta(seconds=1)
    after = house.get("/v1/grid/2026-03-14").json()["quarters"][0]
    assert after["direct_ug_per_kwh"] == before["direct_ug_per_kwh"]
    generation = before["generation_mw"]
    more = Decimal(6 * generation["nuclear"] * 1_000_000) / sum(generation.values())
    assert after["life_cycle_ug_per_kwh"] - before["life_cycle_ug_per_kwh"] in (
        int(more),
        int(more) + 1,
    )


def test_a_zone_without_factors_says_so(house: House) -> None:
    found = house.get("/v1/grid/2026-03-14?zone=DE").json()
    assert "no gwp factor for zone DE" in found["missing"]["direct"]
    assert "life-cycle, generation" in found["missing"]["life_cycle"]
    assert found["factors"] == []
    assert {one["nature"] for one in found["quarters"]} == {None}


@pytest.mark.parametrize("day", ["2026-02-30", "20260314", "2026-W05-7", "1969-12-31", "today"])
def test_what_is_no_day_is_said(house: House, day: str) -> None:
    answer = house.get(f"/v1/grid/{day}")
    assert answer.status_code == 400
    assert "write YYYY-MM-DD" in answer.json()["detail"]


def test_the_extract_is_there() -> None:
    assert Path(DATA / "LICENSE").is_file()
