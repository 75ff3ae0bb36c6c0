"""What is published of a month: every sum is one of its lines, and small SIA stand together."""

from collections import Counter
from typing import Any

import pytest

from footprint.publication import Amount, Publication, Told
from footprint.publication_figures import EVERYTHING
from footprint.service import publishing, rollups
from footprint.service.publishing import Asked
from footprint.statement import Statement
from tests.pages import make_ledger
from tests.service.house import House

MONTH = "2026-11"
SMALL = ("petit-1", "petit-2", "petit-3")
CONSUMERS = {
    "chat": 700_000_001,
    "tri": 300_000_003,
    "commun": 200_000_007,
    **{code: 10_000_019 * (number + 1) for number, code in enumerate(SMALL)},
    "jamais-vu": 5_000_011,
    "@system": 100_000_001,
    "@idle": 50_000_003,
}


def register(house: House, users: dict[str, str]) -> None:
    """Two directorates, three projects; who is in `users` has that many, of others nobody says."""
    shares = [{"project": "p1", "permille": 333}, {"project": "p2", "permille": 667}]
    entries: list[tuple[str, dict[str, Any]]] = [
        ("directorates/d1", {"name": "Une"}),
        ("directorates/d2", {"name": "Deux"}),
        ("projects/p1", {"name": "Accueil", "directorate": "d1"}),
        ("projects/p2", {"name": "Courrier", "directorate": "d1"}),
        ("projects/p3", {"name": "Études", "directorate": "d2"}),
        ("sia/commun", {"name": "Commun", "shares": shares, "users": "250+"}),
    ]
    carried = {"chat": "p1", "tri": "p2", **dict.fromkeys(SMALL, "p3")}
    for code, project in carried.items():
        one = {"name": code.title(), "shares": [{"project": project, "permille": 1000}]}
        entries.append((f"sia/{code}", one | {"users": users.get(code)}))
    for path, content in entries:
        answer = house.put(f"/v1/{path}", content)
        assert answer.is_success, answer.text


def made(house: House) -> tuple[Publication, Statement]:
    """What would be published, and the statement of the same moment."""
    store = house.app.state.footprint.store
    with rollups.settled(store, house.app.state.footprint.clock) as (connection, now):
        asked = Asked(MONTH, "FR", now, 1, None)
        found = publishing.made(connection, asked, {})
        return found.publication, found.statement


def added(amounts: list[Amount]) -> Amount:
    """The sum of each of their numbers."""
    impacts: Counter[Any] = Counter()
    views: dict[Any, list[int]] = {}
    for one in amounts:
        impacts.update({name: number for name, number in one.impacts.items() if number})
        for name, view in one.views.items():
            held = views.setdefault(name, [0, 0])
            held[0] += view.emissions_ug
            held[1] += view.energy_uj
    first = amounts[0]
    return Amount(
        sum(one.energy_uj for one in amounts),
        sum(one.site_energy_uj for one in amounts),
        sum(one.emissions_ug or 0 for one in amounts),
        {name: known and impacts[name] for name, known in first.impacts.items()},
        {name: type(view)(*views[name]) for name, view in first.views.items()},
    )


@pytest.fixture(name="used")
def make_used(house: House) -> House:
    """Some hours of everybody's."""
    assert house.post(make_ledger(9, consumers=CONSUMERS)).is_success
    return house


def test_every_sum_is_one_of_its_lines(used: House) -> None:
    """By directorate, project, unit and component, to the integer, in every measure; and the whole
    is the statement's, with its interval."""
    register(used, dict.fromkeys(("chat", "tri"), "50-249"))
    found, statement = made(used)
    total = found.total.amount
    assert total.energy_uj == statement.total.energy_uj == 9 * sum(CONSUMERS.values())
    assert total.emissions_ug == statement.total.emissions_ug
    assert added([line.amount for line in found.lines]) == total
    for groups, of in (
        (found.projects, lambda line: line.project),
        (found.units, lambda line: line.unit),
        (found.components, lambda line: line.components),
    ):
        for one in groups:
            own = [line.amount for line in found.lines if of(line) == one.id]
            assert added(own) == one.told.amount, one.id
    for group in found.directorates:
        own = [one.told.amount for one in found.projects if one.of == group.id]
        assert added(own) == group.told.amount
    assert added([one.told.amount for one in found.directorates]) == total
    assert found.total.intervals == statement.total.intervals
    assert sum(found.total.quality_uj.values()) == total.energy_uj
    assert sum(one.energy_uj for one in found.sites) == total.energy_uj


def test_small_ones_stand_together_and_what_nobody_knows_has_a_line(used: House) -> None:
    """Who is small, or of whom nobody says how many use it."""
    register(used, {"chat": "50-249", "tri": "250+", "petit-1": "1-9"})
    found, _ = made(used)
    units = {one.id: one for one in found.units}
    assert set(units) == {
        "chat",
        "tri",
        "commun",
        "petit-1+petit-2+petit-3",
        "@system",
        "@idle",
        "@unregistered",
    }
    together = units["petit-1+petit-2+petit-3"]
    assert (together.kind, [one.name for one in together.members]) == (
        "together",
        ["Petit-1", "Petit-2", "Petit-3"],
    )
    assert together.told.amount.energy_uj == 9 * sum(CONSUMERS[code] for code in SMALL)
    assert together.told.quality_uj == {}
    assert units["@unregistered"].told.amount.energy_uj == 9 * CONSUMERS["jamais-vu"]
    assert units["@unregistered"].members == []
    assert [(one.id, one.of) for one in found.projects] == [
        ("p1", "d1"),
        ("p2", "d1"),
        ("p3", "d2"),
        ("", ""),
    ]
    low, high = _interval(together.told)
    assert low < together.told.amount.energy_uj < high


def _interval(told: Told) -> tuple[int, int]:
    ends = told.intervals["energy_uj"]
    return ends.low, ends.high


def test_projects_of_too_few_are_told_as_one(used: House) -> None:
    """No project's sum, nor a directorate's, is one small SIA's."""
    register(used, {"chat": "1-9", **dict.fromkeys(SMALL, "10-49"), "tri": "250+"})
    found, _ = made(used)
    assert [one.id for one in found.projects] == ["p1+p2", "p3", ""]
    assert "chat+commun+tri" in {one.id for one in found.units}
    names = [one.name for one in found.projects[0].members]
    assert names == ["Accueil", "Courrier"]


def test_too_few_in_all_are_told_with_everything(house: House) -> None:
    """One SIA that few people use: the whole, and nothing else."""
    consumers = {"chat": 700_000_001, "@idle": 50_000_003}
    assert house.post(make_ledger(2, consumers=consumers)).is_success
    register(house, {"chat": "1-9"})
    found, _ = made(house)
    assert [(one.id, one.members) for one in found.units] == [(EVERYTHING, [])]
    assert [one.id for one in found.projects] == [""]
    assert found.total.amount.energy_uj == 2 * sum(consumers.values())


def test_a_month_of_nothing_has_no_lines(house: House) -> None:
    """And is no error."""
    register(house, {})
    found, _ = made(house)
    assert (found.lines, found.units, found.projects) == ([], [], [])
    assert found.total.amount.energy_uj == 0
