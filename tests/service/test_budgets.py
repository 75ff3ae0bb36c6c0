"""Budgets over the API: made, revised with a reason, and what became of them, day by day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from footprint.service.roles import Role
from tests.pages import chain, make_page
from tests.service import entry
from tests.service.house import House
from tests.service.test_restatement import correct

FIRST = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
KWH_UJ = 3_600_000_000_000
BUDGET: dict[str, Any] = {
    "name": "Novembre",
    "project": entry.PROJECT,
    "indicator": "energy",
    "period": "2026-11",
    "amount": "30",
}
DAY = timedelta(days=1)


def use(
    house: House, days: int, kwh: int = 1, *, sia: str = entry.SIA, host: str = "host-1"
) -> None:
    """So many kWh of a SIA each day, in one page of a quarter-hour; the rest of the day a page
    without energy covers, so that all of it is known."""
    pages = []
    for number in range(days):
        start = datetime(2026, 10, 31, 23, 0, tzinfo=UTC) + number * DAY
        for quarter in range(96):
            energy = {entry.SIA: KWH_UJ if quarter == 40 else 0}
            pages.append(make_page(start=start + quarter * timedelta(minutes=15), consumers=energy))
    if pages:
        assert house.post(list(chain(pages))).json()["accepted"] == len(pages)


def put(house: House, content: dict[str, Any], code: str = "b", **headers: str) -> Any:
    """Make or revise a budget."""
    return house.client.put(f"/v1/budgets/{code}", json=content, headers=headers)


def burn(house: House, code: str = "b") -> Any:
    """What became of it."""
    answer = house.get(f"/v1/budgets/{code}/burn-up")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(name="used")
def make_used(house: House) -> House:
    """Ten days of 1 kWh a day of the project's SIA; it is the eleventh, at midnight."""
    entry.furnish(house)
    house.now = datetime(2026, 11, 10, 23, 0, tzinfo=UTC)
    use(house, 10)
    return house


def test_a_budget_is_held_against_what_statements_state(used: House) -> None:
    """Used, planned and forecast; each day has what was used until its end."""
    assert put(used, BUDGET).status_code == 200
    found = burn(used)
    statement = used.get(f"/v1/statements/2026-11?project={entry.PROJECT}").json()
    assert found["used"] == statement["total"]["energy_uj"] == 10 * KWH_UJ
    assert Decimal(found["used_shown"]) == 10
    assert found["planned"] == 11 * KWH_UJ
    assert found["coverage"] == 1000
    assert found["state"] == "on_track"
    assert found["forecast"]["rule"] == "pace"
    assert found["forecast"]["value"] == 30 * KWH_UJ
    assert found["forecast"]["exhausted"] is None
    days = {one["day"]: one for one in found["days"]}
    assert days["2026-11-03"]["used"] == 3 * KWH_UJ
    assert days["2026-11-30"] == {
        "day": "2026-11-30",
        "used": None,
        "planned": 30 * KWH_UJ,
        "covered": None,
    }
    assert found["interval"]["low"] < found["used"] < found["interval"]["high"]
    assert [(one["percent"], one["passed"]) for one in found["thresholds"]] == [
        (50, False),
        (80, False),
        (100, False),
    ]
    assert [(one["sia"], one["used"]) for one in found["sia"]] == [(entry.SIA, 10 * KWH_UJ)]


@pytest.mark.parametrize(
    ("amount", "state", "passed", "exhausted"),
    [
        ("31", "on_track", [], None),
        ("20", "at_risk", [50], "2026-11-21"),
        ("12", "at_risk", [50, 80], "2026-11-13"),
        ("9", "exceeded", [50, 80, 100], "2026-11-10"),
    ],
)
def test_the_state_follows_from_amount_and_pace(
    used: House, amount: str, state: str, passed: list[int], exhausted: str | None
) -> None:
    """And says when the amount is used up."""
    put(used, {**BUDGET, "amount": amount})
    found = burn(used)
    assert found["state"] == state
    assert [one["percent"] for one in found["thresholds"] if one["passed"]] == passed
    assert found["forecast"]["exhausted"] == exhausted


def test_low_coverage_withholds_on_track_alone(used: House) -> None:
    """An agent that falls silent: what was on track is not any more; what is exceeded stays so."""
    put(used, BUDGET)
    put(used, {**BUDGET, "amount": "9"}, "small")
    put(used, {**BUDGET, "amount": "29"}, "tight")
    used.now += 3 * DAY
    assert burn(used)["state"] == "not_enough_coverage"
    assert burn(used)["coverage"] < 800
    assert burn(used, "small")["state"] == "exceeded"
    assert burn(used, "tight")["state"] == "at_risk"
    used.now = datetime(2026, 12, 15, tzinfo=UTC)
    put(used, {**BUDGET, "period": "2026-12", "amount": "40"}, "next")
    silent = burn(used, "next")
    assert (silent["used"], silent["coverage"], silent["state"]) == (0, 0, "not_enough_coverage")


def test_before_three_days_nothing_is_foretold(house: House) -> None:
    """Neither good nor bad."""
    house.now = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)
    entry.furnish(house)
    use(house, 2)
    put(house, BUDGET)
    found = burn(house)
    assert found["forecast"] is None
    assert found["state"] == "not_enough_coverage"


def test_gases_are_at_the_factor_that_the_budget_froze(used: House) -> None:
    """A better grid is not mistaken for sobriety; a revision may take the new factor."""
    answer = put(used, {**BUDGET, "indicator": "emissions", "amount": "2000"})
    before = burn(used)
    (factor,) = before["factors"]
    stated = used.get(f"/v1/statements/2026-11?project={entry.PROJECT}").json()["total"]
    assert before["used"] == stated["emissions_ug"]
    used.now += timedelta(minutes=1)
    correct(used, "23.05", "Moitié")
    used.now += timedelta(minutes=1)
    now = used.get(f"/v1/statements/2026-11?project={entry.PROJECT}").json()["total"]
    assert now["emissions_ug"] < stated["emissions_ug"]
    after = burn(used)
    assert (after["used"], after["factors"]) == (before["used"], [factor])
    revised = {**BUDGET, "indicator": "emissions", "amount": "2000", "reason": "Nouveau facteur"}
    match = {"If-Match": answer.headers["etag"]}
    assert put(used, {**revised, "refreeze": True}, **match).status_code == 200
    assert burn(used)["used"] == now["emissions_ug"]


def test_a_revision_is_made_of_what_was_seen(house: House) -> None:
    """With its ETag and a reason; the history has both; the same again changes nothing."""
    entry.furnish(house)
    first = put(house, BUDGET)
    tag = first.headers["etag"]
    assert house.get("/v1/budgets/b").headers["etag"] == tag
    assert put(house, BUDGET).headers["etag"] == tag
    revised = {**BUDGET, "amount": "40", "reason": "Deux services de plus"}
    assert put(house, revised).status_code == 428
    assert put(house, revised, **{"If-Match": '"x"'}).status_code == 412
    assert put(house, {**revised, "reason": ""}, **{"If-Match": tag}).status_code == 422
    second = put(house, revised, **{"If-Match": tag})
    assert second.status_code == 200
    assert put(house, {**revised, "amount": "50"}, **{"If-Match": tag}).status_code == 412
    history = house.get("/v1/budgets/b/history").json()["items"]
    assert [(one["budget"]["amount"], one["budget"]["reason"]) for one in history] == [
        ("30", ""),
        ("40", "Deux services de plus"),
    ]
    line = house.get("/v1/audit?limit=1000").json()["items"][-1]
    assert (line["action"], line["before"]["amount"], line["after"]["amount"]) == (
        "budget b",
        "30",
        "40",
    )
    assert put(house, BUDGET, "new", **{"If-Match": tag}).status_code == 412


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"project": None}, "project, sia; give one of them"),
        ({"sia": entry.SIA}, "project, sia; give one of them"),
        ({"project": "nothing"}, "'nothing' is not registered"),
        ({"amount": "0"}, "amount: not between 0"),
        ({"amount": "NaN"}, "amount: not between 0"),
        ({"amount": "1e400"}, "amount: not between 0"),
        ({"amount": "1e-20"}, "amount: not between 0 and 1000000000000 with 6 decimals at most"),
        ({"amount": "1e-200000000"}, "with 6 decimals at most"),
        ({"amount": "1.0000001"}, "with 6 decimals at most"),
        ({"name": " a"}, "name, reason: has blanks around it"),
        ({"reason": "  "}, "reason: not one line of text"),
        ({"period": "2026-13"}, "period"),
        ({"months": [1] * 12}, "months: a year's profile"),
        ({"period": "2026", "months": [0] * 12}, "months: a year's profile"),
        ({"thresholds": [50, 50]}, "thresholds: one stands there twice"),
        ({"thresholds": [0]}, "thresholds"),
        ({"indicator": "energy_per_1000_tokens"}, "is a SIA's"),
        ({"trajectory": [{"year": 2027, "amount": "1"}] * 2}, "trajectory: a year stands there"),
        ({"trajectory": [{"year": 2027, "amount": "1e-9999999"}]}, "with 6 decimals at most"),
        ({"reason": "a\nb"}, "reason: not one line"),
        ({"owner": "x"}, "owner"),
    ],
)
def test_what_no_budget_can_be(house: House, change: dict[str, Any], words: str) -> None:
    """422 with what is wrong."""
    entry.furnish(house)
    answer = put(house, {**BUDGET, **change})
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert house.get("/v1/budgets").json()["items"] == []


def test_a_year_has_its_profile_and_its_trajectory(used: House) -> None:
    """Months in their parts; the years of a target beside it."""
    months = [0] * 10 + [3, 1]
    steps = [{"year": 2026, "amount": "40"}, {"year": 2030, "amount": "20"}]
    year = {**BUDGET, "period": "2026", "amount": "40", "months": months, "trajectory": steps}
    assert put(used, year).status_code == 200
    found = burn(used)
    days = {date.fromisoformat(one["day"]): one["planned"] for one in found["days"]}
    assert days[date(2026, 10, 31)] == 0
    assert days[date(2026, 11, 15)] == 15 * KWH_UJ
    assert days[date(2026, 11, 30)] == 30 * KWH_UJ
    assert days[date(2026, 12, 31)] == 40 * KWH_UJ
    assert found["forecast"]["value"] == pytest.approx(40 * KWH_UJ, rel=1e-9)
    assert [one["amount"] for one in found["trajectory"]] == [40 * KWH_UJ, 20 * KWH_UJ]


def test_an_owner_has_the_budgets_of_their_projects(house: House) -> None:
    """Reads and changes these; others are not there, nor may they be made."""
    entry.furnish(house)
    for code, of in (("theirs", entry.OTHER), ("b", entry.PROJECT)):
        assert put(house, {**BUDGET, "project": of}, code).status_code == 200
    token = entry.token_of(house, Role.OWNER)
    with entry.client(house, token) as client:
        items = client.get("/v1/budgets").json()["items"]
        assert [one["budget"]["code"] for one in items] == ["b"]
        for end in ("", "/history", "/burn-up"):
            assert client.get(f"/v1/budgets/b{end}").status_code == 200
            assert client.get(f"/v1/budgets/theirs{end}").status_code == 404
        tag = client.get("/v1/budgets/b").headers["etag"]
        revised = {**BUDGET, "amount": "40", "reason": "Plus"}
        assert client.put("/v1/budgets/b", json=revised, headers={"If-Match": tag}).is_success


def test_an_owner_makes_one_without_naming_it(house: House) -> None:
    """A code of somebody else's is answered like one of nobody, whatever is wrong besides; what is
    made has a code that is given, and made again is the same."""
    entry.furnish(house)
    assert put(house, {**BUDGET, "project": entry.OTHER}, "theirs").status_code == 200
    with entry.client(house, entry.token_of(house, Role.OWNER)) as client:
        for body in (BUDGET, {**BUDGET, "amount": "0"}, {**BUDGET, "project": entry.OTHER}):
            for headers in ({}, {"If-Match": '"x"'}):
                taken, free = (
                    client.put(f"/v1/budgets/{code}", json=body, headers=headers)
                    for code in ("theirs", "nobodys")
                )
                assert (taken.status_code, free.status_code) == (404, 404)
                assert taken.text.replace("theirs", "nobodys") == free.text
                assert "POST it to /v1/budgets" in free.text
        for change in ({}, {"amount": "0"}, {"thresholds": [50, 50]}, {"mail_to": ["a@b.fr"]}):
            theirs, nothing = (
                client.post("/v1/budgets", json={**BUDGET, **change, "project": project})
                for project in (entry.OTHER, "nothing")
            )
            assert (theirs.status_code, nothing.status_code) == (422, 422)
            assert theirs.text.replace(entry.OTHER, "nothing") == nothing.text
        shared = {**BUDGET, "project": None, "sia": "commun"}
        assert client.post("/v1/budgets", json=shared).status_code == 422
        named = client.post("/v1/budgets", json={**BUDGET, "code": "x"})
        assert (named.status_code, "leave it out" in named.text) == (422, True)
        own = {**BUDGET, "project": None, "sia": entry.SIA}
        made = client.post("/v1/budgets", json=own)
        code = made.json()["budget"]["code"]
        assert code.startswith(f"{entry.SIA}-2026-11-")
        assert client.post("/v1/budgets", json=own).json() == made.json()
        assert client.post("/v1/budgets", json={**own, "amount": "7"}).json() != made.json()
        again = client.get(f"/v1/budgets/{code}")
        assert again.headers["etag"] == made.headers["etag"]
        revised = {**own, "amount": "40", "reason": "Plus"}
        match = {"If-Match": made.headers["etag"]}
        assert client.put(f"/v1/budgets/{code}", json=revised, headers=match).is_success


def test_nothing_is_foretold_of_days_before_there_was_a_meter(used: House) -> None:
    """A year of which ten days were metered, throughout; and a month metered from its tenth."""
    put(used, {**BUDGET, "period": "2026", "amount": "100"}, "year")
    found = burn(used, "year")
    assert (found["coverage"], found["state"]) == (1000, "on_track")
    assert found["forecast"]["value"] == 61 * KWH_UJ
    assert found["forecast"]["exhausted"] is None
    days = {one["day"]: one["covered"] for one in found["days"]}
    assert (days["2026-10-31"], days["2026-11-05"]) == (None, 1000)
    put(used, {**BUDGET, "period": "2026", "amount": "10.5"}, "spent")
    assert burn(used, "spent")["forecast"]["exhausted"] == "2026-11-11"


def test_the_list_as_a_page(used: House) -> None:
    """Each with how it stood at the last look; an owner sees those of their projects."""
    put(used, BUDGET)
    put(used, {**BUDGET, "project": entry.OTHER, "name": "Un autre"}, "c")
    page = used.get("/v1/budgets?format=html&lang=fr").text
    assert "pas encore examiné" in page
    used.app.state.footprint.watcher.look()
    page = used.get("/v1/budgets?format=html&lang=fr").text
    assert "En bonne voie" in page
    assert "/v1/budgets/c/burn-up?format=html&amp;lang=fr" in page
    with entry.client(used, entry.token_of(used, Role.OWNER)) as owner:
        theirs = owner.get("/v1/budgets?format=html&lang=fr").text
    assert "Novembre" in theirs
    assert "Un autre" not in theirs


def test_what_became_of_it_as_csv_and_page(used: House) -> None:
    """The same figures: a row a day, and a page that carries them."""
    put(used, BUDGET)
    found = burn(used)
    rows = [
        line.split(";") for line in used.get("/v1/budgets/b/burn-up?format=csv").text.split("\r\n")
    ]
    facts = {row[0]: row[1:] for row in rows if row[0].startswith("# ")}
    assert facts["# used"] == [str(found["used"])]
    assert facts["# state"] == ["on_track"]
    header = rows.index(["day", "used", "planned", "covered_permille"])
    days = [row for row in rows[header + 1 :] if row != [""]]
    assert days == [
        [
            one["day"],
            *(
                "" if one[name] is None else str(one[name])
                for name in ("used", "planned", "covered")
            ),
        ]
        for one in found["days"]
    ]
    page = used.get("/v1/budgets/b/burn-up?format=html&lang=fr")
    assert page.headers["content-language"] == "fr"
    assert f'<data value="{found["used"]}" data-pointer="/used">' in page.text
    assert "En bonne voie" in page.text
    assert used.get("/v1/budgets/none/burn-up?format=html").status_code == 404
