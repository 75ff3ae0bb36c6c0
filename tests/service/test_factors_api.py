"""`GET /v1/factors`: every version of every factor, with where it comes from."""

from urllib.parse import quote

from tests.service.house import House


def test_factors_are_shown_with_their_sources(house: House) -> None:
    """Every shipped factor, each with where it comes from and since when it is known."""
    items = house.get("/v1/factors").json()["items"]
    assert len(items) == 30
    assert all(item["source"] and item["known_from"] for item in items)
    gwp = house.get("/v1/factors?indicator=gwp&zone=FR").json()["items"]
    assert {item["method"] for item in gwp} == {"location", "market"}
    gas = house.get("/v1/factors?subject=electricity/gas").json()["items"]
    assert {item["unit"] for item in gas} == {"gCO2/kWh", "gCO2e/kWh"}


def test_factors_are_listed_by_cursor(house: House) -> None:
    """Each version once, also where several are of one validity."""
    whole = house.get("/v1/factors").json()
    assert whole["next"] is None
    found = []
    cursor = ""
    while cursor is not None:
        answer = house.get(f"/v1/factors?limit=3&cursor={quote(cursor)}").json()
        assert len(answer["items"]) <= 3
        found += answer["items"]
        cursor = answer["next"]
    assert found == whole["items"]
    assert house.get("/v1/factors?limit=0").status_code == 400
