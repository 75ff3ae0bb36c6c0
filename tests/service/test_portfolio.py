"""A month by project: everything is somebody's or the rest, as each project's statement says."""

from tests.pages import CONSUMERS, make_ledger
from tests.service.house import House


def registered(house: House) -> None:
    """One SIA carried by two projects that change their shares, one that nobody carries."""
    house.put("/v1/directorates/d", {"name": "D"})
    for code in ("p", "q"):
        house.put(f"/v1/projects/{code}", {"name": code.upper(), "directorate": "d"})
    shares = [
        {"project": "p", "permille": 333, "to": "2026-11-10"},
        {"project": "q", "permille": 667, "to": "2026-11-10"},
        {"project": "p", "permille": 1000, "from": "2026-11-10"},
    ]
    assert house.put("/v1/sia/chat-demo", {"name": "Chat", "shares": shares}).is_success


def test_projects_and_the_rest_are_the_month(house: House) -> None:
    """Under ==, in microjoules and micrograms."""
    registered(house)
    house.post(make_ledger(8))
    month = house.get("/v1/months/2026-11").json()
    energy_uj = sum(one["figure"]["energy_uj"] for one in month["projects"])
    mass_ug = sum(one["figure"]["emissions_ug"] for one in month["projects"])
    assert energy_uj + month["rest"]["energy_uj"] == month["total"]["energy_uj"]
    assert mass_ug + month["rest"]["emissions_ug"] == month["total"]["emissions_ug"]
    assert month["total"]["energy_uj"] == 8 * sum(CONSUMERS.values())
    assert energy_uj == 8 * CONSUMERS["chat-demo"]


def test_a_project_is_as_its_statement_says(house: House) -> None:
    """Energy and mass, of every project, also over a change of shares."""
    registered(house)
    house.post(make_ledger(8))
    for one in house.get("/v1/months/2026-11").json()["projects"]:
        statement = house.get(f"/v1/statements/2026-11?project={one['code']}").json()
        for name in ("energy_uj", "emissions_ug", "quality_uj"):
            assert one["figure"][name] == statement["total"][name]


def test_a_wrong_month_is_a_400(house: House) -> None:
    """As everywhere."""
    assert house.get("/v1/months/2026-13").status_code == 400
