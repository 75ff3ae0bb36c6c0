"""Months side by side: as their statements have them, and at one factor."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import msgspec
import pytest

from footprint.service import trend_months, trends
from footprint.service.cli import main
from footprint.service.trend_months import Common, CommonMonths
from tests import usage_pages
from tests.footprint.method import Row, golden, number
from tests.pages import START, Sealed, chain, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.test_cli import failure
from tests.service.test_externals import OPENAI, ask
from tests.service.test_statements import statement
from tests.service.test_views_by_quarter import load

SITE = {
    "name": "Site",
    "zone": "FR",
    "hosts": [{"host": "host-1"}],
    "pue": [{"value": 1.5, "document": "Audit"}],
}


def months(*parts: tuple[datetime, int]) -> list[Sealed[Any]]:
    """Pages of one host, so much of `chat-demo` in each."""
    return list(
        chain(
            make_page(start=start, consumers={"chat-demo": energy_uj}) for start, energy_uj in parts
        )
    )


def trend(house: House, **query: object) -> dict[str, Any]:
    answer = house.client.get("/v1/trend", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("row", golden("trend"), ids=str)
def test_worked_numbers(house: House, row: Row) -> None:
    year, month = map(int, row["month"].split("-"))
    with_site_uj = number(row["energy with the site's own (uJ)"])
    assert house.put("/v1/sites/site-1", SITE).is_success
    assert house.post(
        months((datetime(year, month, 3, tzinfo=UTC), with_site_uj * 2 // 3))
    ).is_success
    found = trend(house, to=row["month"], months=1, factor_of="2025-12")
    (one,) = found["months"]
    assert one["figure"]["site_energy_uj"] == with_site_uj
    assert one["figure"]["emissions_ug"] == number(row["gases (ug)"])
    assert one["constant_ug"] == number(row["at a constant factor (ug)"])
    assert [use["value"] for use in found["factors"]] == ["46.1"]


def tell_three_months(house: House) -> None:
    """A shared server in November, another host in September, nothing in October; part of the grid,
    and what an unregistered SIA asked of the server, and another one of a service outside."""
    shared_house.tell(house)
    assert house.put("/v1/externals/openai", OPENAI).is_success
    page = usage_pages.make_page(
        lines=[ask("far", 100, 1)],
        host_id="gateway-2",
        ledger_id="00000000-0000-4000-8000-00000000a009",
    )
    shared_house.post_usage(house, [page])
    start = datetime(2026, 9, 4, tzinfo=UTC)
    ledger_id = "00000000-0000-4000-8000-0000000000f9"
    assert house.post(chain([make_page(start=start, host_id="host-9", ledger_id=ledger_id)]))
    load(house, START, [30, 60, None, 50])
    load(house, start, [50])


def assert_is_stated(house: House, found: dict[str, Any], **scope: str) -> None:
    """Every figure is that of the month's statement, whole."""
    for one in found["months"]:
        if one["figure"] is None:
            continue
        stated = statement(house, one["month"], **scope)
        assert found["scope"] == stated["scope"]
        assert one["figure"] == stated["total"], (scope, one["month"])


SCOPES: list[dict[str, str]] = [
    {},
    {"project": "courrier"},
    {"project": "accueil"},
    {"sia": "chat-demo"},
    {"sia": "@system"},
    {"sia": shared_house.SERVER},
]


def test_each_month_is_its_statement(house: House) -> None:
    """Of the whole, projects, SIA and servers, with the grid of its quarter-hours and all
    intervals; a month of which nothing is known says so."""
    tell_three_months(house)
    for scope in SCOPES:
        found = trend(house, to="2026-11", months=3, **scope)
        assert [one["month"] for one in found["months"]] == ["2026-09", "2026-10", "2026-11"]
        assert found["months"][1] == {"month": "2026-10", "figure": None, "constant_ug": None}
        assert_is_stated(house, found, **scope)
        assert {use["state"] for use in found["pues"]} == {"assumed"}
        last = found["months"][-1]["figure"]
        assert last["views"]["hourly_direct"]["energy_uj"] > 0
    last = trend(house, to="2026-11")["months"][-1]
    assert last["constant_ug"] == last["figure"]["emissions_ug"]
    assert len(trend(house)["months"]) == 12


def test_a_sia_that_only_usage_tells_of_has_a_trend(house: House) -> None:
    """Of a shared server, or of a service outside the house, in any of its months."""
    tell_three_months(house)
    for sia in ("ghost", "far"):
        found = trend(house, to="2026-11", months=1, sia=sia)
        assert_is_stated(house, found, sia=sia)
        assert len(trend(house, to="2026-12", months=2, sia=sia)["months"]) == 2
        answer = house.client.get("/v1/trend", params={"sia": sia, "to": "2026-10", "months": 2})
        assert answer.status_code == 404


def test_who_used_nothing_in_a_measured_month_used_nothing(house: House) -> None:
    """Zero, as stated; of a month in which nothing of the house was measured nothing is known."""
    shared_house.register(house)
    assert house.post(months((datetime(2026, 11, 3, tzinfo=UTC), 10**12))).is_success
    for scope in ({"sia": "tri-courrier"}, {"project": "courrier"}):
        found = trend(house, to="2026-11", months=2, **scope)
        assert_is_stated(house, found, **scope)
        before, last = found["months"]
        assert before["figure"] is None
        assert (last["figure"]["energy_uj"], last["constant_ug"]) == (0, 0)
        query = {"to": "2026-11", "months": 2, "format": "html", "lang": "en"} | scope
        page = house.client.get("/v1/trend", params=query).text
        assert page.count("unknown: no page covers it") == 1


def more_usage(house: House) -> None:
    late = usage_pages.make_page(
        lines=[usage_pages.line("tri-courrier", 900, 900)],
        host_id="gateway-3",
        ledger_id="00000000-0000-4000-8000-00000000a0a3",
    )
    shared_house.post_usage(house, [late])


def more_energy(house: House) -> None:
    page = make_page(
        consumers={shared_house.SERVER: 10**12},
        host_id="host-7",
        ledger_id="00000000-0000-4000-8000-0000000000f7",
    )
    assert house.post(chain([page])).is_success


def other_rules(house: House) -> None:
    server = {"name": "Grand Albert", "weights": {"prompt": 1, "generated": 20}}
    assert house.put(f"/v1/servers/{shared_house.SERVER}", server).is_success


def more_grid(house: House) -> None:
    load(house, START, [90] * 4, "consolidated")


@pytest.mark.parametrize("change", [more_usage, more_energy, other_rules, more_grid])
def test_what_is_kept_of_a_month_follows_what_it_rests_on(
    house: House, change: Callable[[House], None]
) -> None:
    """Nothing is divided twice while nothing changes; whatever is added is in the next trend."""
    tell_three_months(house)
    before = trend(house, to="2026-11", months=3)
    kept = house.app.state.footprint.months.common
    first = held(kept)
    assert trend(house, to="2026-11", months=3) == before
    assert all(held(kept)[start] is one for start, one in first.items())
    house.now += timedelta(minutes=1)
    change(house)
    for scope in SCOPES:
        assert_is_stated(house, trend(house, to="2026-11", months=3, **scope), **scope)
    again = held(kept)
    assert [again[start] is one for start, one in sorted(first.items())][-1] is False
    for year in (2026, 2023, 2020):
        trend(house, to=f"{year}-12", months=36)
    assert len(held(kept)) == trend_months.MOST_KEPT


def held(kept: CommonMonths) -> dict[datetime, Common]:
    """What is kept, by the months' starts."""
    return {start: common for start, (_, common) in kept._held.items()}


def test_without_a_factor_there_is_none_at_a_constant_one(house: House) -> None:
    """Of a zone that the registry does not know."""
    assert house.put("/v1/sites/site-1", SITE | {"zone": "DE"}).is_success
    assert house.post(months((datetime(2026, 11, 3, tzinfo=UTC), 10**12))).is_success
    found = trend(house, months=1)
    (one,) = found["months"]
    assert (one["figure"]["emissions_ug"], one["constant_ug"]) == (None, None)
    assert found["factors"] == []


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"months": 0}, 400, "months: 0 is not from 1 to 36"),
        ({"months": 37}, 400, "months: 37"),
        ({"months": "x"}, 400, "months"),
        ({"to": "2026-13"}, 400, "2026-13"),
        ({"to": "AAA", "factor_of": "2026-11"}, 400, "AAA"),
        ({"factor_of": "soon"}, 400, "soon"),
        ({"to": "0001-01"}, 400, "0001-01"),
        ({"to": "1970-01", "months": 36}, 400, "19"),
        ({"sia": "nobody"}, 404, "nobody"),
        ({"project": "nothing"}, 404, "nothing"),
        ({"sia": "a", "project": "b"}, 400, "one of them"),
    ],
)
def test_what_cannot_be_asked(house: House, query: dict[str, Any], status: int, said: str) -> None:
    answer = house.client.get("/v1/trend", params=query)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_every_format_has_the_same_numbers(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """CSV and page as JSON; the command as the service."""
    shared_house.tell(house)
    found = trend(house, to="2026-11", months=2)
    text = house.get("/v1/trend?to=2026-11&months=2&format=csv").text
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row]
    head = next(place for place, row in enumerate(rows) if row[0] == "month")
    told = [dict(zip_longest(rows[head], row, fillvalue="")) for row in rows[head + 1 :]]
    for row, one in zip(told, found["months"], strict=True):
        assert row["month"] == one["month"]
        if one["figure"] is None:
            assert row == {name: one["month"] if name == "month" else "" for name in row}
            continue
        assert row["constant_ug"] == str(one["constant_ug"])
        for name in ("energy_uj", "site_energy_uj", "emissions_ug"):
            assert row[name] == str(one["figure"][name])
    page = house.get("/v1/trend?to=2026-11&months=2&format=html&lang=fr").text
    assert "À facteur constant" in page
    assert "ils ne changent qu’avec l’énergie et le PUE" in page
    assert f'<data value="{found["months"][1]["constant_ug"]}"' in page
    place = ["--database", str(house.database)]
    assert main(["trend", *place, "--to", "2026-11", "--months", "2", "--format", "json"]) == 0
    own = msgspec.json.decode(capsys.readouterr().out)
    for month, one in zip(own["months"], found["months"], strict=True):
        if one["figure"] is None:
            assert month["figure"] is None
            continue
        assert month["figure"]["emissions_ug"] == one["figure"]["emissions_ug"]
        assert month["constant_ug"] == one["constant_ug"]
    assert main(["trend", *place, "--to", "2026-11", "--months", "2", "--format", "html"]) == 0
    alone = capsys.readouterr().out
    assert "<style>" in alone
    assert 'href="/' not in alone
    assert "supposé" in alone  # the PUE, for all of the energy
    assert "is not from 1 to" in failure(capsys, "trend", *place, "--months", "99")


def test_the_months_asked_for_are_bounded() -> None:
    """Nobody has the service make a hundred statements at once."""
    assert trends.MOST_MONTHS == 36
