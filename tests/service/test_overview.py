"""The overview and the pages for people: now and since midnight in Paris, in both languages."""

import re
from datetime import date, datetime, timedelta

from footprint.ledger import GapRecord
from tests.pages import START, chain, make_ledger, make_page
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


def test_figures_of_today_have_their_intervals(house: House) -> None:
    """The total and each consumer, as in a statement."""
    house.post(make_ledger(8, start=house.now - timedelta(hours=2)))
    found = house.get("/v1/overview").json()
    for figure in (found["total"], *(one["today"] for one in found["consumers"])):
        for measure in ("energy_uj", "site_energy_uj", "emissions_ug"):
            ends = figure["intervals"][measure]
            assert ends["low"] < figure[measure] < ends["high"]


def test_the_power_of_a_silent_host_is_unknown_not_zero(house: House) -> None:
    """A SIA of a silent host alone has no power now, and the page says that the host is missing."""
    vision = {"vision": 600_000_000}
    house.post(make_ledger(1, start=house.now - timedelta(hours=3), consumers=vision))
    chat = {"chat-demo": 900_000_000}
    start = house.now - timedelta(minutes=15)
    house.post(make_ledger(1, start=start, host_id="b", ledger_id=OTHER_LEDGER, consumers=chat))
    found = house.get("/v1/overview").json()
    assert {one["consumer"]: one["power_uw"] for one in found["consumers"]} == {
        "chat-demo": 1_000_000,
        "vision": None,
    }
    assert "leaves out 1 silent host" in house.get("/?lang=en").text
    assert "sans 1 machine muette" in house.get("/?lang=fr").text


def test_a_sia_that_stopped_on_a_host_that_is_heard_draws_zero(house: House) -> None:
    """Its device is known now, and it has nothing there."""
    start = house.now - timedelta(minutes=30)
    pages = [
        make_page(start=start, consumers={"vision": 1}),
        make_page(start=start + timedelta(minutes=15), consumers={"chat-demo": 900_000_000}),
    ]
    house.post(chain(pages))
    found = house.get("/v1/overview").json()["consumers"]
    assert {one["consumer"]: one["power_uw"] for one in found} == {
        "chat-demo": 1_000_000,
        "vision": 0,
    }
    assert "silent host" not in house.get("/?lang=en").text


def test_power_is_the_mean_over_the_time_that_is_covered(house: House) -> None:
    """54 of 60 seconds in a gap: 6 J over 6 s are 1 W, not a tenth of it."""
    start = house.now - timedelta(minutes=1)
    page = make_page(
        start=start,
        seconds=60,
        consumers={"chat-demo": 6_000_000},
        gaps=[_gap(start, start + timedelta(seconds=54))],
    )
    assert house.post(chain([page])).json()["accepted"] == 1
    found = house.get("/v1/overview").json()["consumers"]
    assert [one["power_uw"] for one in found] == [1_000_000]


def test_a_device_in_a_gap_is_unknown_now(house: House) -> None:
    """The newest page of the host is heard, but knows nothing of the device."""
    start = house.now - timedelta(minutes=30)
    middle = start + timedelta(minutes=15)
    pages = [
        make_page(start=start, consumers={"chat-demo": 1_000_000}),
        make_page(start=middle, consumers={}, gaps=[_gap(middle, house.now)]),
    ]
    assert house.post(chain(pages)).json()["accepted"] == 2
    found = house.get("/v1/overview").json()["consumers"]
    assert [one["power_uw"] for one in found] == [None]


def _gap(start: datetime, end: datetime) -> GapRecord:
    return GapRecord(
        kind="gap", component="cpu", device="package-0", start=start, end=end, cause="read_failed"
    )


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
    assert french.headers["referrer-policy"] == "same-origin"
    style = re.search(r'href="(/static/[^"]+\.css[^"]*)"', french.text)
    assert style is not None
    assert house.get(style[1]).headers["content-type"].startswith("text/css")
    assert house.get("/method").text.startswith("# The method")
