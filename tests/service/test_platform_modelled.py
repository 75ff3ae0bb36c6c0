"""A range for hosts without a node meter, from hosts of the same model: in no sum, no guess."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from footprint.ledger import Page
from tests.pages import CONSUMERS, chain, make_page
from tests.service.house import House
from tests.service.test_platform import PAGE_UJ, QUARTER, bmc, ledger_of, platform

MIDNIGHT = datetime(2026, 11, 10, 23, tzinfo=UTC)
"""Of Paris, 11 November."""
FACE = {"machine": "Maker Server 9000", "processor": "Processor 8480", "virtualised": "no"}
TWO_DAYS = 192


def page(host: str, at: int, face: dict[str, str], **changes: Any) -> Page:
    """A quarter-hour of a host that says what it is."""
    ledger = ledger_of(host, int(host.removeprefix("host-")))
    made = make_page(host_id=host, ledger_id=ledger, start=MIDNIGHT + at * QUARTER)
    return msgspec.structs.replace(made, host=face, **changes)


def metered(count: int = TWO_DAYS, face: dict[str, str] = FACE) -> Iterator[Page]:
    """host-1 with a BMC: platform twice its components, and on the second day three times."""
    for at in range(count):
        yield bmc(page("host-1", at, face), (3 if at < 96 else 4) * PAGE_UJ)


def unmetered(house: House, host: str, face: dict[str, str], **changes: Any) -> None:
    """An hour of a host without a meter."""
    pages = chain(page(host, at, face, **changes) for at in range(4))
    assert house.post(pages).status_code == 200


@pytest.fixture
def two_days(house: House) -> House:
    """A house that knows two days of host-1, two days later."""
    house.now = MIDNIGHT + timedelta(days=3)
    assert house.post(chain(metered())).status_code == 200
    return house


def power_uw(energy_uj: int) -> int:
    """Mean power of an energy over a quarter-hour."""
    return energy_uj // 900


def test_a_host_of_the_same_model_has_a_range_beside_the_sum(two_days: House) -> None:
    """Least, mean and greatest day; from how many hosts, days, quarter-hours; added to nothing."""
    before = platform(two_days)
    assert (before["unmetered_hosts"], before["modelled"]) == ([], [])
    unmetered(two_days, "host-2", FACE)
    found = platform(two_days)
    assert found["unmetered_hosts"] == ["host-2"]
    assert found["unmetered_components_uj"] == 4 * PAGE_UJ
    [model] = found["modelled"]
    assert (model["quality"], model["machine"], model["hosts"]) == (
        "modelled",
        "Maker Server 9000",
        ["host-2"],
    )
    assert (model["devices"], model["gpus"]) == ({"cpu": 1}, [])
    powers = [power_uw(2 * PAGE_UJ), power_uw(5 * PAGE_UJ // 2), power_uw(3 * PAGE_UJ)]
    assert [model[f"power_{name}uw"] for name in ("low_", "", "high_")] == powers
    assert model["covered_us"] == 3_600_000_000
    assert [model[f"energy_{name}uj"] for name in ("low_", "", "high_")] == [
        power * 3600 for power in powers
    ]
    assert (model["from_hosts"], model["from_days"], model["from_quarter_hours"]) == (
        ["host-1"],
        2,
        TWO_DAYS,
    )
    sums = ("energy_uj", "node_uj", "components_uj", "meters", "common_us")
    assert [found[name] for name in sums] == [before[name] for name in sums]
    total = two_days.get("/v1/statements/2026-11").json()["total"]
    assert total["energy_uj"] == (TWO_DAYS + 4) * PAGE_UJ


UNLIKE = {
    "another product": FACE | {"machine": "Maker Server 100"},
    "another processor": FACE | {"processor": "Processor 1"},
    "no model named": {"processor": "Processor 8480"},
    "a virtual machine": FACE | {"virtualised": "yes"},
}


@pytest.mark.parametrize("face", UNLIKE.values(), ids=UNLIKE)
def test_a_host_of_another_model_stays_unknown(two_days: House, face: dict[str, str]) -> None:
    """Named and counted with its components' energy, without any range."""
    unmetered(two_days, "host-2", face)
    found = platform(two_days)
    assert found["modelled"] == []
    assert found["unmetered_hosts"] == ["host-2"]
    assert found["unmetered_components_uj"] == 4 * PAGE_UJ


def test_other_devices_make_another_model(two_days: House) -> None:
    """Platform is node less what is measured: a host that measures less has another platform; one
    whose components are modelled is like none."""
    gpu = make_page(component="gpu", device="GPU-1")
    unmetered(two_days, "host-2", FACE, sensors=gpu.sensors, entries=gpu.entries)
    guess = make_page(quality="modelled")
    unmetered(two_days, "host-3", FACE, sensors=guess.sensors, entries=guess.entries)
    found = platform(two_days)
    assert (found["unmetered_hosts"], found["modelled"]) == (["host-2", "host-3"], [])


def test_too_little_to_go_by_stays_unknown(house: House) -> None:
    """One quarter-hour less than two days is no range."""
    house.now = MIDNIGHT + timedelta(days=3)
    house.post(chain(metered(TWO_DAYS - 1)))
    unmetered(house, "host-2", FACE)
    assert platform(house)["modelled"] == []


def test_a_day_that_cannot_be_is_no_evidence(house: House) -> None:
    """A negative day is an anomaly: what is left is too little."""
    house.now = MIDNIGHT + timedelta(days=3)
    first, second = list(metered())[:96], list(metered())[96:]
    wrong = [bmc(one, PAGE_UJ // 2) for one in first]
    house.post(chain([*wrong, *second]))
    unmetered(house, "host-2", FACE)
    found = platform(house)
    assert len(found["anomalies"]) == 1
    assert found["modelled"] == []


def test_a_day_with_a_model_in_it_is_no_evidence(house: House) -> None:
    """While a component was modelled, the meter's difference from it is no measured platform."""
    house.now = MIDNIGHT + timedelta(days=3)
    guess = make_page(quality="modelled")
    days = list(metered())
    first = [
        msgspec.structs.replace(one, sensors=guess.sensors, entries=guess.entries)
        for one in days[:96]
    ]
    house.post(chain([*first, *days[96:]]))
    unmetered(house, "host-2", FACE)
    assert platform(house)["modelled"] == []


def test_csv_and_page_say_what_is_unknown_and_what_is_modelled(two_days: House) -> None:
    """The same figures, and the words, in both languages."""
    unmetered(two_days, "host-2", FACE)
    unmetered(two_days, "host-3", {})
    [model] = platform(two_days)["modelled"]
    text = two_days.get("/v1/statements/2026-11?format=csv").text
    rows = {row[0]: row for row in csv.reader(io.StringIO(text), delimiter=";")}
    assert rows["# platform_unknown"] == [
        "# platform_unknown",
        "host-2 host-3",
        "2",
        str(8 * sum(CONSUMERS.values())),
    ]
    energies = [str(model[f"energy_{name}uj"]) for name in ("low_", "", "high_")]
    assert rows["# platform_modelled"] == [
        *("# platform_modelled", "host-2", "modelled", *energies),
        *("3600000000", "Maker Server 9000", "host-1", str(TWO_DAYS)),
    ]
    french = two_days.get("/v1/statements/2026-11?format=html&lang=fr").text
    assert "2 machines n’ont pas de compteur à l’alimentation" in french
    assert "Elle est estimée, non mesurée, et n’entre dans aucune somme." in french
    english = two_days.get("/v1/statements/2026-11?format=html&lang=en").text
    assert "is missing from every sum of this page" in english
    assert "192 quarter-hours" in english


def test_what_was_known_before_does_not_change(two_days: House) -> None:
    """As of an instant before the other hosts' days were known there is no range."""
    unmetered(two_days, "host-2", FACE)
    assert len(platform(two_days)["modelled"]) == 1
    two_days.now -= timedelta(hours=1)
    assert platform(two_days)["modelled"] == []
