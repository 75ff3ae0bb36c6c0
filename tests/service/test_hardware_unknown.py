"""What is not known of making the hardware is said so, whatever a statement is asked of."""

from datetime import timedelta
from pathlib import Path

import msgspec

from footprint import factor_table
from footprint.embodied import SCENARIOS
from footprint.embodied_statement import Embodied
from footprint.service import reports, rollups, store_factors, subjects
from footprint.service.cli import main
from tests.pages import chain, make_ledger, make_page
from tests.service import months, older, shared_house
from tests.service.conftest import FIRST_START, NOW
from tests.service.house import House
from tests.service.test_hardware import HEADER, put, statement

WIDE = (
    "indicator;subject;zone;value;unit;valid_from;valid_to;basis;method;resolution;"
    "uncertainty_percent;source;licence;published\n"
    "gwp;hardware/gpu/h100;XW;273;kgCO2e/part;2022-01-01;;life-cycle, making;location;year;"
    "150;A wide one;;2026\n"
)


def made(house: House, month: str = "2026-11", **scope: str) -> Embodied:
    """Of rollups, which are of no other mind than pages."""
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        asked = subjects.Asked(month, **scope)
        found = reports.statement(connection, asked, "FR", house.now, rolled=True).embodied
    assert found is not None
    return found


def test_of_a_host_that_nobody_declared_a_sia_carries_what_nobody_knows(house: House) -> None:
    """Whatever is declared of machines that it did not use."""
    assert house.post(make_ledger(4)).status_code == 200
    put(house, "other-1", parts=[{"part": "gpu/secret", "count": 1}])
    house.now += timedelta(minutes=1)
    found = made(house, sia="chat-demo")
    assert found == statement(house, sia="chat-demo").embodied
    assert set(found.month.values()) == {None}
    assert found.without_hosts == ["host-1"]
    assert not found.scenarios
    assert not found.without_parts
    assert not found.factors
    csv = house.get("/v1/statements/2026-11?format=csv&sia=chat-demo").text
    assert "# embodied;;emissions_ug;;;" in csv


def test_no_number_of_years_makes_zero_of_the_unknown(house: House) -> None:
    assert house.post(make_ledger(4)).status_code == 200
    put(house, parts=[{"part": "gpu/strange", "count": 2}])
    house.now += timedelta(minutes=1)
    found = made(house)
    assert {one.years: one.emissions_ug for one in found.scenarios} == dict.fromkeys(SCENARIOS)
    page = house.get("/v1/statements/2026-11?format=html&lang=en").text
    table = page[page.index('id="embodied-years"') :]
    assert table[: table.index("</table>")].count("not available") == len(SCENARIOS)


def test_hardware_that_came_later_leaves_the_month_unknown(house: House) -> None:
    """Also in the intensity of a SIA that used the host."""
    shared_house.tell(house)
    shared_house.register(house)
    host = shared_house.page(0, {}).host_id
    put(house, host, **{"from": "2027-01-01"})
    house.now += timedelta(hours=1)
    found = statement(house, rolled=True)
    assert found.embodied is not None
    assert host in found.embodied.without_hosts
    (one,) = found.sci
    assert (one.embodied_ug, "no_hardware" in one.reasons) == (None, True)


def test_a_factor_wider_than_its_value_leaves_a_statement(house: House) -> None:
    assert house.post(make_ledger(2)).status_code == 200
    put(house)
    with house.app.state.footprint.store.write() as connection:
        store_factors.add(connection, factor_table.parse(WIDE, house.now))
    house.now += timedelta(minutes=1)
    assert house.get("/v1/statements/2026-11").status_code == 200
    assert house.get("/metrics").status_code == 200
    month = made(house).month["emissions_ug"]
    assert month is not None
    assert 0 < month.low < month.value < month.high


def test_a_draft_leaves_open_what_no_page_tells(house: House, capsys) -> None:
    """A host without any device that counts has no first day; a name is no formula."""
    page = msgspec.structs.replace(
        make_page(consumers={}), sensors=[], entries=[], host={"machine": "=cmd()"}
    )
    assert house.post(chain([page])).status_code == 200
    assert main(["import", "hardware", "--draft", "--database", str(house.database)]) == 0
    assert capsys.readouterr().out == HEADER + "host-1;host-1;;;5;server/ordinary;1;\n"


def test_who_used_hosts_in_months_that_had_left_is_not_known(tmp_path: Path) -> None:
    """A database of a version that did not keep it: the part is nobody's, and the host named."""
    newer, old = tmp_path / "footprint.db", tmp_path / "old.db"
    with House(newer, FIRST_START) as house:
        house.now = NOW
        months.fill(house)
        house.now += timedelta(minutes=1)
        assert "2026-04" in months.leave(house, tmp_path)
        rollups.refresh(house.app.state.footprint.store)
        older.as_of("0011", newer, old)
    with House(old, house.now) as again:
        again.now = house.now
        put(again, "host-1", **{"from": "2026-01-01"})
        again.now += timedelta(minutes=1)
        found = made(again, "2026-04")
        assert [one.consumer for one in found.consumers] == ["@unattributed"]
        assert found.without_use == ["host-1"]
        assert found.month["emissions_ug"] == found.consumers[0].month["emissions_ug"]
        some = made(again, "2026-04", sia="chat-demo")
        assert some.without_use == ["host-1"]
        assert set(some.month.values()) == {None}
