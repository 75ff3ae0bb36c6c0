"""Hardware in the register and in statements: from rollups and pages alike, as known then."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from footprint.embodied_statement import Embodied
from footprint.interval import paris_month
from footprint.service import reports, rollups, subjects
from footprint.service.cli import main
from footprint.statement import Statement
from tests.pages import START, chain, make_ledger, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.test_cli import failure

HARDWARE = {
    "name": "Server",
    "from": "2026-11-01",
    "parts": [{"part": "gpu/h100", "count": 8}, {"part": "server/gpu-host", "count": 1}],
}
WHOLE_UG = (8 * 273 + 5700) * 10**9
HEADER = "host;name;from;to;lifetime_years;part;count;document\n"


def put(house: House, host: str = "host-1", **changes: Any) -> None:
    answer = house.put(f"/v1/hardware/{host}", HARDWARE | changes)
    assert answer.status_code == 200, answer.text


def statement(house: House, at: Any = None, *, rolled: bool = False, **scope: str) -> Statement:
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        asked = subjects.Asked("2026-11", **scope)
        return reports.statement(connection, asked, "FR", at or house.now, rolled=rolled)


def value(made: Embodied | None) -> int:
    assert made is not None
    month = made.month["emissions_ug"]
    assert month is not None
    return month.value


def test_a_month_has_its_part_of_the_machines(house: House) -> None:
    """So far, by the second, also of a host that is silent; the same from rollups and from pages;
    the month's figures of use do not know of it."""
    assert house.post(make_ledger(4)).status_code == 200
    before = statement(house)
    assert before.embodied is not None
    assert before.embodied.without_hosts == ["host-1"]
    assert not before.embodied.consumers
    put(house)
    put(house, "silent-1", parts=[{"part": "server/ordinary", "count": 1}])
    house.now += timedelta(minutes=1)
    found = statement(house)
    made = found.embodied
    assert made is not None
    assert statement(house, rolled=True).embodied == made
    assert found.total == before.total
    seconds = (house.now - paris_month("2026-11").start).total_seconds()
    years_s = 1826 * 86_400
    expected = (WHOLE_UG + 1215 * 10**9) * seconds / years_s
    assert abs(value(made) - expected) < 4
    idle = next(one for one in made.consumers if one.consumer == "@idle")
    assert abs(idle.month["emissions_ug"].value - 1215 * 10**9 * seconds / years_s) < 2
    by = {one.consumer: one.month["emissions_ug"].value for one in made.consumers}
    assert by["chat-demo"] == pytest.approx(2 * by["tri-courrier"], rel=1e-6)
    assert {host.host_id for host in made.hosts} == {"host-1", "silent-1"}
    assert {use.subject for use in made.factors} >= {"hardware/gpu/h100"}


def test_another_life_restates_and_what_was_known_then_can_be_had(house: House) -> None:
    assert house.post(make_ledger(4)).status_code == 200
    put(house)
    house.now += timedelta(minutes=1)
    before, at = statement(house), house.now
    house.now += timedelta(minutes=1)
    put(house, lifetime_years=3)
    house.now += timedelta(minutes=1)
    found = statement(house)
    assert found.embodied is not None
    assert before.embodied is not None
    ratio = found.embodied.month["emissions_ug"].value / before.embodied.month["emissions_ug"].value
    assert ratio == pytest.approx(5 / 3, rel=1e-2)
    assert statement(house, at) == before


def test_shares_of_a_server_carry_its_making(house: House) -> None:
    """Users as they have its energy, projects as they carry their SIA; all of it adds up."""
    shared_house.tell(house)
    shared_house.register(house)
    put(house, shared_house.page(0, {}).host_id)
    house.now += timedelta(hours=1)
    whole = statement(house).embodied
    assert whole is not None
    assert statement(house, rolled=True).embodied == whole
    total_ug = value(whole)
    assert sum(one.month["emissions_ug"].value for one in whole.consumers) == total_ug
    by = {one.consumer: one.month["emissions_ug"].value for one in whole.consumers}
    assert by["chat-demo"] > 0
    assert by["tri-courrier"] > 0
    projects = [statement(house, project=code).embodied for code in ("accueil", "courrier")]
    carried = sum(value(one) for one in projects)
    assert carried == by["chat-demo"] + by["tri-courrier"]
    sia = statement(house, sia="chat-demo").embodied
    assert value(sia) == by["chat-demo"]


def test_a_part_without_a_factor_is_named(house: House) -> None:
    assert house.post(make_ledger(1)).status_code == 200
    put(house, parts=[{"part": "gpu/strange", "count": 2}])
    found = statement(house).embodied
    assert found is not None
    assert set(found.without_parts) == {"emissions_ug", "adpe_pg", "primary_energy_uj"}
    csv = house.get("/v1/statements/2026-11?format=csv").text
    assert "# embodied_without;emissions_ug;gpu/strange" in csv
    page = house.get("/v1/statements/2026-11?format=html&lang=en").text
    assert "no factor for gpu/strange" in page.replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to": "2026-11-01"}, "`to` 2026-11-01 is not after `from` 2026-11-01"),
        ({"from": "0001-01-01"}, "`from`"),
        ({"parts": [{"part": "gpu/h100", "count": 1}] * 2}, "stands there twice; add the counts"),
        ({"parts": []}, "parts"),
        ({"parts": [{"part": "GPU", "count": 1}]}, "part"),
        ({"lifetime_years": 0}, "lifetime_years"),
    ],
)
def test_what_cannot_be_is_refused(house: House, changes: dict[str, Any], said: str) -> None:
    answer = house.put("/v1/hardware/host-1", HARDWARE | changes)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_hardware_from_a_file(tmp_path: Path, capsys) -> None:
    """A row a part; the same again changes nothing."""
    file, database = tmp_path / "h.csv", str(tmp_path / "f.db")
    file.write_text(
        HEADER
        + "gpu-01;Server;2026-01-01;;5;gpu/h100;8;Delivery note\n"
        + "gpu-01;Server;2026-01-01;;5;server/gpu-host;1;Delivery note\n"
        + "web-01;Web;2025-06-01;2026-06-01;;server/ordinary;1;\n",
        "utf-8",
    )
    command = ["import", "hardware", str(file), "--database", database]
    assert main(command) == 0
    assert "hardware of 2 hosts read, 2 new or changed" in capsys.readouterr().out
    assert main(command) == 0
    assert "0 new or changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host;name\n", "line 1: column 'from' is missing"),
        ("host;host\n", "line 1: column 'host' is not known, or stands there twice"),
        (HEADER + "a;A;2026-01-01;;5;gpu/h100;x;\n", "line 2: count 'x' is not a whole number"),
        (HEADER + "a;A;1st;;5;gpu/h100;1;\n", "line 2: from '1st' is not a date, YYYY-MM-DD"),
        (HEADER + "a;A;2026-01-01;;5;GPU;1;\n", "line 2: Expected `str` matching regex"),
        (HEADER + "a;A;2026-01-01;;5\n", "line 2: 5 fields instead of 8"),
        (
            HEADER + "a;A;2026-01-01;;5;gpu/a;1;\na;B;2026-01-01;;5;gpu/b;1;\n",
            "line 3: host 'a' is told otherwise in line 2",
        ),
        (HEADER + 'a;"A;2026-01-01\n', "not CSV"),
        (HEADER + "A B;A;2026-01-01;;5;gpu/a;1;\n", "line 2"),
    ],
)
def test_a_file_at_fault_is_named_by_line(tmp_path: Path, capsys, text: str, said: str) -> None:
    file = tmp_path / "h.csv"
    file.write_text(text, "utf-8")
    database = str(tmp_path / "f.db")
    line = failure(capsys, "import", "hardware", str(file), "--database", database)
    assert said in line
    assert not Path(database).exists()


def test_a_draft_is_of_what_the_agents_say(house: House, capsys) -> None:
    """Boards by their models, one row a part, of hosts that are not registered; it can be read."""
    if house.database is None:
        pytest.skip("the command speaks to a file here")
    page = make_page(component="gpu", device="GPU-a", start=START)
    sensor = msgspec.structs.replace(page.sensors[0], parameters={"model": "NVIDIA H100 80GB HBM3"})
    sensors = [msgspec.structs.replace(sensor, device=f"GPU-{letter}") for letter in "abcd"]
    sensors[1:] = [msgspec.structs.replace(one, metered_uj=0) for one in sensors[1:]]
    page = msgspec.structs.replace(page, sensors=sensors, host={"machine": "Maker 9000"})
    assert house.post(chain([page])).status_code == 200
    assert main(["import", "hardware", "--draft", "--database", str(house.database)]) == 0
    draft = capsys.readouterr().out
    assert draft == (
        HEADER
        + "host-1;Maker 9000;2026-11-10;;5;gpu/h100;4;\n"
        + "host-1;Maker 9000;2026-11-10;;5;server/gpu-host;1;\n"
    )
    put(house)
    assert main(["import", "hardware", "--draft", "--database", str(house.database)]) == 0
    assert capsys.readouterr().out == HEADER


def test_software_carbon_intensity_has_all_that_it_is_made_of(house: House) -> None:
    """Of the SIA with a unit, once its units and hardware are known; until then it says why."""
    shared_house.tell(house)
    shared_house.register(house)
    (before,) = statement(house).sci
    assert (before.consumer, before.unit) == ("tri-courrier", "document")
    assert set(before.reasons) >= {"no_hardware"}
    assert before.emissions_g_per_unit is None
    put(house, shared_house.page(0, {}).host_id)
    house.now += timedelta(hours=1)
    found = statement(house)
    (one,) = found.sci
    assert found.embodied is not None
    by = {own.consumer: own.month["emissions_ug"].value for own in found.embodied.consumers}
    total = next(own for own in found.consumers if own.consumer == "tri-courrier")
    assert one.operational_ug == total.figure.emissions_ug
    assert one.embodied_ug == by["tri-courrier"]
    assert one.energy_kwh == total.figure.site_energy_kwh
    assert "no_hardware" not in one.reasons
    assert statement(house, rolled=True).sci == found.sci
    page = house.get("/v1/statements/2026-11?format=html&lang=fr").text
    assert "Intensité carbone logicielle" in page
    assert "# sci;tri-courrier;document" in house.get("/v1/statements/2026-11?format=csv").text
