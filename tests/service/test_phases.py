"""What a SIA's energy is for: its phases apart, its sum and everything else as without them."""

import csv
import io
from typing import Any

import pytest

from footprint.statement import Figure, Statement
from tests.pages import START, batch, chain, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import QUARTER
from tests.service.test_hardware import HARDWARE, statement

TOLD = (
    {"chat-demo": 100_000_001, "chat-demo:training": 700_000_003, "@system": 50_000_000},
    {
        "chat-demo:inference": 300_000_002,
        "tri-courrier:evaluation": 11_000_000,
        "@system": 40_000_000,
    },
)
PLAIN = (
    {"chat-demo": 800_000_004, "@system": 50_000_000},
    {"chat-demo": 300_000_002, "tri-courrier": 11_000_000, "@system": 40_000_000},
)


def tell(house: House, told: tuple[dict[str, int], ...]) -> None:
    """The register, a host's hardware, and two quarter-hours of it."""
    shared_house.register(house)
    assert house.put("/v1/hardware/host-1", HARDWARE).is_success
    pages = (
        make_page(start=START + place * QUARTER, consumers=consumers)
        for place, consumers in enumerate(told)
    )
    answer = house.post(list(chain(pages)))
    assert answer.json()["accepted"] == len(told), answer.text


def phases(found: Statement, consumer: str) -> dict[str | None, Figure]:
    (one,) = [one for one in found.consumers if one.consumer == consumer]
    return {part.phase: part.figure for part in one.phases}


def test_the_phases_of_a_sia_add_up_to_it(house: House) -> None:
    """From rollups and pages alike, of the whole, a project and the SIA; each with its interval."""
    tell(house, TOLD)
    scopes: list[dict[str, str]] = [{}, {"project": "accueil"}, {"sia": "chat-demo"}]
    for scope in scopes:
        found = statement(house, **scope)
        assert statement(house, rolled=True, **scope).consumers == found.consumers
        own = phases(found, "chat-demo")
        assert [*own] == ["training", "inference", None]
        assert {phase: figure.energy_uj for phase, figure in own.items()} == {
            "training": 700_000_003,
            "inference": 300_000_002,
            None: 100_000_001,
        }
        (whole,) = [one.figure for one in found.consumers if one.consumer == "chat-demo"]
        for name in ("energy_uj", "site_energy_uj", "emissions_ug"):
            assert getattr(whole, name) == sum(getattr(one, name) for one in own.values())
            assert all(name in one.intervals for one in own.values())
        told = {line.phase for line in found.lines if line.consumer == "chat-demo"}
        assert told == {"training", "inference", None}
    assert phases(statement(house), "@system") == {}
    carried = phases(statement(house, project="courrier"), "tri-courrier")
    assert carried["evaluation"].energy_uj == 7_337_000  # 667 permille


@pytest.mark.parametrize("rolled", [False, True])
def test_all_else_is_as_without_phases(house: House, rolled: bool) -> None:
    """Sums, shares of projects, making, intensities: as if no phase had been named."""
    tell(house, TOLD)
    with_phases = statement(house, rolled=rolled)
    projects = house.get("/v1/months/2026-11").json()["projects"]
    consumers = house.get("/v1/overview").json()["consumers"]
    assert {one["consumer"] for one in consumers} == {"chat-demo", "tri-courrier", "@system"}
    assert with_phases.total.energy_uj == sum(sum(one.values()) for one in PLAIN)
    sums = {one.consumer: one.figure.energy_uj for one in with_phases.consumers}
    assert sums == {"chat-demo": 1_100_000_006, "tri-courrier": 11_000_000, "@system": 90_000_000}
    assert with_phases.embodied is not None
    made = {one.consumer for one in with_phases.embodied.consumers}
    assert made == {"chat-demo", "tri-courrier", "@system"}
    carried = {one["code"]: one["figure"]["energy_uj"] for one in projects}
    assert carried == {"accueil": 1_100_000_006 + 3_663_000, "courrier": 7_337_000}
    (tri,) = [one for one in with_phases.sci if one.consumer == "tri-courrier"]
    assert (tri.unit, tri.reasons) == ("document", ["not_counted"])


def test_a_sia_of_which_only_phases_are_told_is_known(house: House) -> None:
    """Though no register has it and no page its plain code."""
    house.post(list(chain([make_page(consumers={"ghost:training": 5})])))
    for rolled in (False, True):
        found = statement(house, rolled=rolled, sia="ghost")
        assert found.total.energy_uj == 5
        assert [*phases(found, "ghost")] == ["training"]


def test_every_format_has_the_phases(house: House) -> None:
    tell(house, TOLD)
    found: dict[str, Any] = house.get("/v1/statements/2026-11").json()
    text = house.get("/v1/statements/2026-11?format=csv").text
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row]
    told = {(row[1], row[2]): row[3] for row in rows if row[0] == "# phase"}
    assert told == {
        (one["consumer"], part["phase"] or ""): str(part["figure"]["energy_uj"])
        for one in found["consumers"]
        for part in one["phases"]
    }
    head = next(place for place, row in enumerate(rows) if row[0] == "consumer")
    assert rows[head][-1] == "phase"
    assert [row[-1] for row in rows[head + 1 :]] == [one["phase"] or "" for one in found["lines"]]
    page = house.get("/v1/statements/2026-11?format=html&lang=fr").text
    assert "Par phase du cycle de vie" in page
    assert "entraînement" in page


@pytest.mark.parametrize(
    "consumer", ["chat:", "chat:Training", "chat:other", "@idle:training", ":training", "a:b:c"]
)
def test_no_other_phase_is_a_consumer(house: House, consumer: str) -> None:
    """A page with one is kept and left out, as any other that cannot be used."""
    answer = house.post_bytes(batch(chain([make_page(consumers={consumer: 5})]))).json()
    assert (answer["accepted"], answer["quarantined"]) == (0, 1)


@pytest.mark.parametrize("rolled", [False, True])
def test_a_shared_server_is_divided_whatever_phase_its_rule_names(
    house: House, rolled: bool
) -> None:
    """`inference` is what anyone would write of a model server: its users have the same of it."""
    shared_house.tell(house)
    plain = statement(house, rolled=rolled)
    other = {
        "host_id": "host-7",
        "ledger_id": "00000000-0000-4000-8000-0000000000f7",
    }
    phased = f"{shared_house.SERVER}:inference"
    page = shared_house.page(0, {("gpu", "dynamic"): 700_000_000}, phased, **other)
    assert house.post(list(chain([page]))).json()["accepted"] == 1
    found = statement(house, rolled=rolled)
    (before,), (server,) = plain.servers, found.servers
    assert server.energy_uj == before.energy_uj + 700_000_000
    assert server.unallocated_uj == before.unallocated_uj
    gained = sum(one.active_uj for one in server.consumers) - sum(
        one.active_uj for one in before.consumers
    )
    assert gained == 700_000_000
    own = {one.consumer for one in found.consumers}
    assert phased not in own
