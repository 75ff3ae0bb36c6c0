"""Old months leave the database as files, and what is asked of them stays the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from footprint.service import archive, archive_file, reports, rollups, subjects
from footprint.service.cli import main
from footprint.service.housekeeping import Housekeeper
from footprint.service.settings import Settings
from footprint.statement import Statement
from tests import usage_pages
from tests.pages import chain, make_ledger, make_page
from tests.service import months
from tests.service.house import House
from tests.service.months import MAY, QUARTER, energy, fsck, leave, ledger_of


@pytest.fixture
def house(house: House) -> House:
    """A service with March, April and May."""
    months.fill(house)
    return house


def asked(house: House) -> list[Statement]:
    """What can be asked of the months, but for when it was and that they have left."""
    found = []
    store = house.app.state.footprint.store
    for month in ("2026-03", "2026-04", "2026-05"):
        for scope in ({}, {"sia": "chat-demo"}, {"project": "p"}):
            with rollups.figures(store) as connection:
                one = reports.statement(
                    connection, subjects.Asked(month, **scope), "FR", house.now, rolled=True
                )
            found.append(msgspec.structs.replace(one, omissions=[]))
    return found


def test_months_leave_and_figures_stay(house: House, tmp_path: Path, capsys) -> None:
    """Statements of months that have left say what they said, to the microjoule and the ledger; the
    database agrees with what it still holds, before and after everything was made anew."""
    house.now += timedelta(seconds=1)  # what was told again is known from later on than the rest
    before = asked(house)
    assert sum(len(one.servers) for one in before) >= 4
    assert leave(house, tmp_path) == ["2026-03", "2026-04"]
    assert asked(house) == before
    assert fsck(house) == 0
    held = house.content()
    assert len(held["page"]) == 4
    assert {row[1] for row in held["entry"]} == {
        int((MAY + n * QUARTER).timestamp()) * 10**6 for n in range(4)
    }
    assert [row[7] for row in held["usage_page"]] == ["quarantined"]
    assert fsck(house, "--repair") == 0
    assert house.content() == held
    assert asked(house) == before
    assert leave(house, tmp_path) == []
    capsys.readouterr()


def test_a_trend_stays_what_its_months_state(house: House, tmp_path: Path) -> None:
    """Whatever was kept of them before they left."""
    house.now += timedelta(seconds=1)
    for step in (0, 1):
        found = house.get("/v1/trend?to=2026-05&months=3&sia=chat-demo").json()["months"]
        for one in found:
            stated = house.get(f"/v1/statements/{one['month']}?sia=chat-demo").json()
            assert one["figure"] == stated["total"], (step, one["month"])
        leave(house, tmp_path)


def test_a_statement_says_that_its_pages_have_left(house: House, tmp_path: Path, capsys) -> None:
    """And what needs pages is refused with the file's name."""
    house.now += timedelta(seconds=1)
    statement = house.get("/v1/statements/2026-03").content
    leave(house, tmp_path, "2026-04")
    assert "pages_archived" in house.get("/v1/statements/2026-03").json()["omissions"]
    assert "pages_archived" not in house.get("/v1/statements/2026-04").json()["omissions"]
    assert "Les pages de ce mois" in house.get("/v1/statements/2026-03?format=html").text
    database = ["--database", str(house.database)]
    for command in (
        ["statement", "--month", "2026-03", "--as-of", "2026-11-10T12:00:00Z"],
        ["usage", "--server", usage_pages.SERVER, "--from", "2026-03-31T21:00:00Z"],
    ):
        assert main([*command, *database]) == 1
        assert "footprint-2026-03.jsonl.zst" in capsys.readouterr().err
    refused = house.get("/v1/hosts?month=2026-03")
    assert refused.status_code == 400
    assert "footprint-2026-03.jsonl.zst" in refused.json()["detail"]
    (tmp_path / "s.json").write_bytes(statement)
    assert main(["evidence", "check", str(tmp_path / "s.json"), *database]) == 0
    capsys.readouterr()


def test_what_comes_for_time_that_has_left_is_kept_and_left_out(
    house: House, tmp_path: Path
) -> None:
    """With that reason; the chain goes on, and everything else counts."""
    leave(house, tmp_path)
    house.now += timedelta(seconds=1)
    late = make_ledger(2, start=MAY - 2 * QUARTER, host_id="host-9", ledger_id=ledger_of(9))
    late += make_ledger(1, start=MAY, host_id="host-8", ledger_id=ledger_of(8))
    receipt = house.post(late).json()
    assert (receipt["accepted"], receipt["quarantined"]) == (1, 2)
    reasons = {row[8] for row in house.content()["page"] if row[0] == "host-9"}
    assert len(reasons) == 2
    assert all(reason.startswith("archived: begins at 2026-04-30T2") for reason in reasons)
    assert house.get("/v1/statements/2026-04").json()["quarantined_pages"] == 2
    assert fsck(house) == 0


def test_a_ledger_goes_on_where_it_was_cut(house: House, tmp_path: Path, capsys) -> None:
    """Pages that follow are taken in; a page between that is gone is found, and one sent again from
    before the cut is a duplicate no more but nothing new."""
    sent = energy()["host-1"]
    leave(house, tmp_path)
    pages = [page.page for page in sent] + [make_page(start=MAY + 9 * QUARTER)]
    again = list(chain(pages))
    assert house.post(again[-3:]).json()["accepted"] == 1
    assert fsck(house) == 0
    house.execute("DELETE FROM page WHERE seq = ?", sent[-4].page.seq)
    assert fsck(house) == 1
    assert "does not follow the page before it" in capsys.readouterr().err


def test_devices_of_time_that_has_left_are_still_expected(house: House, tmp_path: Path) -> None:
    """A rated power that changes weights the cover of months that have left, too."""
    leave(house, tmp_path)
    more = make_page(start=MAY + 20 * QUARTER, rated_power_uw=3 * 10**8)
    pages = [page.page for page in energy()["host-1"]]
    assert house.post(list(chain([*pages, more]))[-1:]).json()["accepted"] == 1
    rollups.refresh(house.app.state.footprint.store)
    assert {row[2] for row in house.content()["day_cover"] if row[1] == "cpu"} == {3 * 10**8}
    assert fsck(house) == 0
    held = house.content()
    house.execute("UPDATE device SET last_us = 1 WHERE host_id = 'host-1'")
    assert fsck(house) == 1
    assert fsck(house, "--repair") == 0
    assert house.content() == held


def test_a_month_that_is_young_stays(house: House, tmp_path: Path) -> None:
    """Agents may have to send it again."""
    with pytest.raises(archive_file.ArchiveError, match="2026-10 is the latest"):
        leave(house, tmp_path, "2026-11")
    assert archive.kept_from(1, house.now) == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert archive.kept_from(12, house.now) == datetime(2025, 10, 31, 23, tzinfo=UTC)


def test_a_service_lets_months_leave_by_itself(house: House, tmp_path: Path) -> None:
    """Those that its settings do not keep."""
    settings = Settings(database=house.database, keep_months=6, archive_to=tmp_path)
    store = house.app.state.footprint.store
    Housekeeper(store, settings, lambda: house.now).archive()
    assert {one.name for one in tmp_path.glob("foot*.zst")} == {
        "footprint-2026-03.jsonl.zst",
        "footprint-2026-04.jsonl.zst",
    }
    assert len(house.content()["archived_month"]) == 2


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_partitions_go_whole(house: House, tmp_path: Path) -> None:
    """And one in which something stays does not; who reads meanwhile sees no half of it."""
    store = house.app.state.footprint.store
    leave(house, tmp_path, "2026-04")
    with store.read() as connection:
        query = "SELECT relname FROM pg_class WHERE relname ~ '_2026_03$' AND relkind = 'r'"
        # The gateway told March again among April's pages: these rows leave with April.
        names = set(connection.exec_driver_sql(query).scalars())
        assert names == {f"usage_{name}_2026_03" for name in ("page", "cover", "line", "gap")}
    leave(house, tmp_path, "2026-05")
    with store.read() as connection:
        assert not set(connection.exec_driver_sql(query).scalars())


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_a_month_does_not_leave_under_a_reader(house: House, tmp_path: Path) -> None:
    """On PostgreSQL a partition is dropped for every state at once: whoever reads is waited for."""
    store = house.app.state.footprint.store
    with store.read() as connection:
        with pytest.raises(archive_file.ArchiveError, match="the month stays in the database"):
            leave(house, tmp_path, "2026-04")
        count = connection.exec_driver_sql("SELECT count(*) FROM entry").scalar()
    assert count == len(house.content()["entry"])
    assert leave(house, tmp_path, "2026-04") == ["2026-03"]
