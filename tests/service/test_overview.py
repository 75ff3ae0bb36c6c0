"""The overview and the pages for people: now and since midnight in Paris, in both languages."""

import re
from datetime import date, datetime, timedelta

from tests.pages import START, make_ledger
from tests.service.house import House

OTHER_LEDGER = "00000000-0000-4000-8000-000000000002"


def test_the_overview_tells_power_and_today(house: House) -> None:
    """Mean power of the newest page, energy since midnight in Paris, sensors and silent hosts."""
    house.post(make_ledger(8, start=house.now - timedelta(hours=2)))
    yesterday = datetime.combine(date(2026, 11, 9), START.timetz())
    house.post(make_ledger(1, start=yesterday, host_id="host-2", ledger_id=OTHER_LEDGER))
    found = house.get("/v1/overview").json()
    assert [(host["host_id"], host["silent"]) for host in found["hosts"]] == [
        ("host-1", False),
        ("host-2", True),
    ]
    chat = next(one for one in found["consumers"] if one["consumer"] == "chat-demo")
    assert chat["power_uw"] == 600_000_000 // 900
    assert chat["today"]["energy_uj"] == 8 * 600_000_000
    assert found["since"] == "2026-11-09T23:00:00Z"
    assert found["absent"] == ["dram", "gpu"]
    assert [sensor["sensor"] for sensor in found["sensors"]] == ["rapl", "rapl"]


def test_an_empty_service_has_an_overview_and_a_statement(house: House) -> None:
    """No page yet is no error and no zero coverage."""
    assert house.get("/v1/statements/2026-11").json()["total"]["coverage"] is None
    assert house.get("/v1/overview").json()["hosts"] == []
    assert house.get("/").status_code == 200


def test_pages_for_people_carry_their_language_and_let_nothing_else_in(house: House) -> None:
    """French unless asked otherwise; strict headers; the style sheet is served."""
    house.post(make_ledger(1))
    french, english = house.get("/"), house.get("/?lang=en")
    browser = house.get("/", **{"Accept-Language": "en-GB,en;q=0.9"})
    assert [page.headers["content-language"] for page in (french, english, browser)] == [
        "fr",
        "en",
        "en",
    ]
    assert french.headers["vary"] == "Accept-Language"
    assert "default-src 'none'" in french.headers["content-security-policy"]
    assert french.headers["x-content-type-options"] == "nosniff"
    assert french.headers["referrer-policy"] == "no-referrer"
    style = re.search(r'href="(/static/[^"]+\.css[^"]*)"', french.text)
    assert style is not None
    assert house.get(style[1]).headers["content-type"].startswith("text/css")
    assert house.get("/method").text.startswith("# The method")
