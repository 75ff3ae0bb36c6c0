"""`footprint readmit`: what came while the service's own clock was behind counts after all."""

from datetime import timedelta

import pytest

from footprint.service import rollups
from footprint.service.cli import main
from tests import usage_pages
from tests.pages import CONSUMERS, START, make_ledger
from tests.service.house import House

PAGE_UJ = sum(CONSUMERS.values())
OFTEN = ["--since", "2026-01-01T00:00:00Z", "--until", "2027-01-01T00:00:00Z"]


def energy_uj(house: House) -> int:
    found: int = house.get("/v1/statements/2026-11").json()["total"]["energy_uj"]
    return found


def readmit(house: House, *options: str) -> int:
    return main(["readmit", "--database", str(house.database), *OFTEN, *options])


@pytest.fixture
def behind(house: House) -> House:
    """Eight pages came while the service's clock was an hour behind: five counted."""
    right = house.now
    house.now = START + timedelta(hours=1)
    assert house.post(make_ledger(8)).json()["accepted"] == 5
    assert house.tell(usage_pages.make_ledger(8)).json()["accepted"] == 5
    house.now = right
    return house


def test_pages_that_a_slow_clock_left_out_count_again(behind: House, capsys) -> None:
    """Sent again they would be duplicates for ever."""
    assert energy_uj(behind) == 5 * PAGE_UJ
    assert behind.post(make_ledger(8)).json()["duplicates"] == 8
    database = ["--database", str(behind.database)]
    assert main(["fsck", *database]) == 0
    said = capsys.readouterr().out
    assert "6 quarantined: all is well" in said
    assert "page 5: clock: ends at 2026-11-10T10:30:00+00:00, more than 15 minutes after" in said
    assert readmit(behind) == 0
    said = capsys.readouterr().out
    assert "page 5 of ledger" in said
    assert "footprint: 6 pages count from now on, 0 stay left out" in said
    assert energy_uj(behind) == 8 * PAGE_UJ
    assert main(["fsck", *database]) == 0
    assert "0 quarantined: all is well" in capsys.readouterr().out
    actions = [value for row in behind.content()["audit_event"] for value in row]
    assert "readmit 3 pages" in actions
    assert readmit(behind) == 0
    assert behind.post(make_ledger(9)[8:]).json()["accepted"] == 1


def test_an_earlier_answer_stays(behind: House, capsys, tmp_path) -> None:
    """As of before, they do not count."""
    rollups.refresh(behind.app.state.footprint.store)
    assert readmit(behind) == 0
    capsys.readouterr()
    options = ["--month", "2026-11", "--as-of", "2026-11-10T12:00:00Z", "--format", "json"]
    assert main(["statement", "--database", str(behind.database), *options]) == 0
    assert f'"energy_uj": {5 * PAGE_UJ}' in capsys.readouterr().out


def test_only_what_is_asked_for(behind: House, capsys) -> None:
    for options in (["--host", "host-9"], ["--since", "2026-11-11T00:00:00Z"]):
        assert readmit(behind, *options) == 0
        assert "0 pages count from now on" in capsys.readouterr().out
    assert readmit(behind, "--until", "2025-01-01T00:00:00Z") == 1
    assert "is not after --since" in capsys.readouterr().err
    assert energy_uj(behind) == 5 * PAGE_UJ


def test_what_overlaps_now_stays_left_out(behind: House, capsys) -> None:
    """Its time was told by another ledger meanwhile."""
    other = make_ledger(
        1,
        start=START + timedelta(minutes=75),
        ledger_id="00000000-0000-4000-8000-0000000000ff",
    )
    assert behind.post(other).json()["accepted"] == 1
    assert readmit(behind) == 1
    said = capsys.readouterr().out
    assert "page 5 of ledger" in said
    assert "overlap: page 0 of ledger 00000000-0000-4000-8000-0000000000ff" in said
    assert "5 pages count from now on, 1 stay left out" in said
    assert energy_uj(behind) == 8 * PAGE_UJ
    assert main(["fsck", "--database", str(behind.database)]) == 0


def test_a_host_whose_clock_is_ahead_stays_left_out(house: House, capsys) -> None:
    """As long as its time has not come."""
    house.post(make_ledger(1, start=house.now + timedelta(days=3000)))
    assert readmit(house) == 1
    assert "0 pages count from now on, 1 stay left out" in capsys.readouterr().out
