"""Efficiency, load and estimates of shared servers: the same in every format, API and /metrics."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from footprint.units import UJ_PER_KWH
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import ENERGY, SERVER
from tests.service.test_metrics import samples
from tests.service.test_statements import _at, statement
from tests.usage_pages import line


@pytest.fixture
def told(house: House) -> House:
    """A service that was told of a busy server."""
    shared_house.tell_much(house)
    return house


def of(found: dict, code: str) -> dict:
    """A consumer's part of the one server."""
    (server,) = found["servers"]
    return next(one for one in server["consumers"] if one["consumer"] == code)


def test_ratios_are_the_share_over_what_was_counted(told: House) -> None:
    """Wh and g for 1000 generated tokens, a request, a unit; with the sample that they rest on."""
    found = statement(told)
    tri = of(found, "tri-courrier")
    tokens = tri["efficiency"]["per_1000_generated_tokens"]
    assert (tokens["sample"], tokens["sample_uj"]) == (100_060, tri["energy_uj"])
    wh = Fraction(tri["energy_uj"] * 1000 * 1000, UJ_PER_KWH * 100_060)
    assert Decimal(tokens["energy_wh"]) == pytest.approx(Decimal(float(wh)), abs=Decimal("1e-9"))
    grams = Fraction(tri["emissions_ug"] * 1000, 10**6 * 100_060)
    assert float(tokens["emissions_g"]) == pytest.approx(float(grams), abs=1e-9)
    request = tri["efficiency"]["per_request"]
    assert (request["sample"], request["reason"]) == (410, None)


def test_units_count_only_where_they_are_counted(told: House) -> None:
    """The energy of the quarter-hour without a number of units is in no ratio by unit."""
    tri = of(statement(told), "tri-courrier")
    unit = tri["efficiency"]["per_unit"]
    assert tri["efficiency"]["unit"] == "document"
    assert unit["sample"] == 50
    assert tri["counts"]["units"] is None
    assert 0 < unit["sample_uj"] < tri["energy_uj"]


def test_too_little_is_no_ratio(told: House) -> None:
    """Below 10,000 generated tokens and 100 requests, and where nobody counts units: the reason."""
    chat = of(statement(told), "chat-demo")["efficiency"]
    assert chat["per_1000_generated_tokens"]["energy_wh"] is None
    assert [chat[name]["reason"] for name in ("per_1000_generated_tokens", "per_request")] == [
        "too_few",
        "too_few",
    ]
    assert (chat["per_unit"]["reason"], chat["per_unit"]["sample"]) == ("not_counted", None)


def test_energy_by_load_shows_what_a_fuller_batch_saves(told: House) -> None:
    """Quarter-hours by generated tokens a second; none of them is lost, none given on too few."""
    (server,) = statement(told)["servers"]
    assert [
        (one["from_per_s"], one["to_per_s"], one["quarter_hours"]) for one in server["load"]
    ] == [
        (0, 1, 2),
        (1, 3, 1),
        (100, 300, 1),
    ]
    assert sum(one["active_uj"] for one in server["load"]) == server["active_uj"]
    assert sum(one["idle_uj"] for one in server["load"]) == server["idle_uj"]
    assert [one["active_j_per_1000"] for one in server["load"]] == [None, None, "0.010000"]


def test_the_gateways_own_estimate_stands_beside_ours(told: House) -> None:
    """For the lines that have one, with the ratio and why the two may differ."""
    found = statement(told)
    tri = of(found, "tri-courrier")
    estimate = tri["estimate"]
    active_uj = ENERGY[3]["gpu", "dynamic"]
    assert estimate["estimated_uj"] == 3_000_000
    idle_uj = tri["idle_uj"] * active_uj // tri["active_uj"]
    assert estimate["measured_uj"] == active_uj + idle_uj
    assert estimate["ratio"] == str(round(Decimal(3_000_000) / estimate["measured_uj"], 4))
    assert "no_idle_energy" in estimate["reasons"]
    assert found["servers"][0]["estimate"] == estimate
    assert of(found, "chat-demo")["estimate"] is None


def test_the_api_gives_the_server_of_the_statement(told: House) -> None:
    """The month asked for, the present one by default; an unknown server says where to look."""
    answer = told.get(f"/v1/servers/{SERVER}/efficiency?month=2026-11").json()
    assert answer["server"] == statement(told)["servers"][0]
    assert told.get(f"/v1/servers/{SERVER}/efficiency").json() == answer
    missing = told.get("/v1/servers/nope/efficiency")
    assert (missing.status_code, "/v1/servers" in missing.json()["detail"]) == (404, True)
    assert told.get(f"/v1/servers/{SERVER}/efficiency?month=2026-10").status_code == 404
    assert told.get(f"/v1/servers/{SERVER}/efficiency?month=x").status_code == 400


def test_the_csv_has_every_figure_of_servers(told: House) -> None:
    """Shares, parts, ratios, loads, estimates: the integers of the JSON."""
    found = statement(told)
    text = told.get("/v1/statements/2026-11?format=csv").text
    rows = [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=";")]
    (server,) = found["servers"]
    for one in server["consumers"]:
        row = next(r for r in rows if r[:3] == ("# server_share", SERVER, _cell(one["consumer"])))
        names = ("energy_uj", "emissions_ug", "active_uj", "least_uj", "most_uj", "idle_uj")
        assert row[3:9] == tuple(str(one[name]) for name in names)
        ratio = one["efficiency"]["per_1000_generated_tokens"]
        row = next(r for r in rows if r[:3] == ("# efficiency", _cell(one["consumer"]), SERVER))
        assert row[4:8] == tuple(
            "" if ratio[name] is None else str(ratio[name])
            for name in ("sample", "sample_uj", "energy_wh", "emissions_g")
        )
    whole = next(r for r in rows if r[0] == "# server")
    assert whole[1:7] == (SERVER, "Grand Albert", "1", "4", "default", "use")
    assert int(whole[7]) == server["energy_uj"]
    loads = [r for r in rows if r[0] == "# server_load"]
    assert [int(r[5]) for r in loads] == [one["generated_tokens"] for one in server["load"]]
    chat = next(one for one in found["consumers"] if one["consumer"] == "chat-demo")
    row = next(r for r in rows if r[:2] == ("# consumer", "chat-demo"))
    assert [int(row[2]), int(row[4])] == [chat["own"]["energy_uj"], chat["shared"]["energy_uj"]]
    head = next(n for n, r in enumerate(rows) if r[0] == "consumer")
    via = [r[rows[head].index("via")] for r in rows[head + 1 :]]
    assert via == [line["via"] or "" for line in found["lines"]]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith("@") else text


def test_the_months_gauges_are_the_statements(told: House) -> None:
    """Shares by part, ratios in joules and grams, samples; a ratio that is none has no series."""
    found, shown = statement(told), samples(told.get("/metrics"))
    (server,) = found["servers"]
    for one in server["consumers"]:
        for part in ("active", "idle"):
            joules = shown["footprint_month_shared_joules", (SERVER, one["consumer"], part)]
            assert round(joules * 1_000_000) == one[f"{part}_uj"]
    ratio = of(found, "tri-courrier")["efficiency"]["per_1000_generated_tokens"]
    key = (SERVER, "tri-courrier")
    assert shown["footprint_month_joules_per_1000_generated_tokens", key] == pytest.approx(
        3600 * float(ratio["energy_wh"])
    )
    all_servers = ("@all", "tri-courrier")
    assert shown["footprint_month_grams_per_1000_generated_tokens", all_servers] == float(
        ratio["emissions_g"]
    )
    assert shown["footprint_month_efficiency_sample", (*key, "generated_tokens")] == 100_060
    assert shown["footprint_month_joules_per_unit", (*key, "document")] > 0
    assert ("footprint_month_joules_per_1000_generated_tokens", (SERVER, "chat-demo")) not in shown
    assert (
        shown["footprint_month_load_joules_per_1000_generated_tokens", (SERVER, "100-300")] == 0.01
    )


def test_metrics_follow_what_is_added(told: House) -> None:
    """A scrape after new usage or a change of the register shows it; without, it is the same."""
    first = told.get("/metrics").text
    assert told.get("/metrics").text == first
    before = samples(told.get("/metrics"))
    late = shared_house.usage_page(0, [line("chat-demo", 9, 9)])
    shared_house.post_usage(told, [msgspec.structs.replace(late, host_id="gateway-9")])
    key = ("footprint_month_shared_joules", (SERVER, "chat-demo", "active"))
    after = samples(told.get("/metrics"))
    assert after[key] > before[key]
    told.now += timedelta(seconds=1)
    told.put(f"/v1/servers/{SERVER}", {"name": "Grand Albert", "idle": "none"})
    idle = ("footprint_month_shared_joules", (SERVER, "chat-demo", "idle"))
    assert (after[idle] > 0, samples(told.get("/metrics"))[idle]) == (True, 0)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_page_has_the_figures_of_the_json(told: House, lang: str) -> None:
    """Of every server, and each SIA's own and shared ones: the values at the places they name."""
    found = statement(told)
    html = told.get(f"/v1/statements/2026-11?format=html&lang={lang}").text
    data = re.findall(r'<data value="([^"]*)" data-pointer="([^"]*)"', html)
    assert {pointer for _, pointer in data} >= {
        "/servers/0/consumers/0/energy_uj",
        "/servers/0/consumers/0/least_uj",
        "/servers/0/load/2/active_j_per_1000",
        "/servers/0/estimate/ratio",
        "/consumers/0/own/energy_uj",
        "/consumers/0/shared/emissions_ug",
    }
    for value, pointer in data:
        assert value == str(_at(found, pointer)), pointer
