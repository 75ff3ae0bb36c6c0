"""The audit log: what was before and after, chained, and kept from whoever has the database."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from footprint.service import store_audit
from footprint.service.cli import main
from footprint.service.clock import utc_now
from footprint.service.store_audit import Event, Line, hash_of
from tests.service.house import House
from tests.service.older import as_of

DIRECTORATE = {"code": "dgfip", "name": "DGFiP"}
DAY_US = 86_400_000_000


def lines(house: House) -> list[Line]:
    """The whole log."""
    with house.app.state.footprint.store.read() as connection:
        return list(store_audit.lines(connection))


def test_a_change_says_what_was_and_what_is(house: House) -> None:
    """The item before and after, as JSON; the same again is no change and leaves no line."""
    house.put("/v1/directorates/dgfip", {"name": "Finances"})
    house.put("/v1/directorates/dgfip", {"name": "DGFiP"})
    house.put("/v1/directorates/dgfip", {"name": "DGFiP"})
    first, second = lines(house)
    assert (first.actor, first.action) == ("local", "register directorates dgfip")
    assert first.before is None
    assert json.loads(first.after or "") == {"code": "dgfip", "name": "Finances"}
    assert second.before == first.after
    assert json.loads(second.after or "") == DIRECTORATE


def test_every_line_follows_from_the_one_before(house: House) -> None:
    """Numbered from 1, each with the hash of the last, the first with zeros."""
    for name in ("A", "B", "C"):
        house.put("/v1/directorates/dgfip", {"name": name})
    found = lines(house)
    assert [line.seq for line in found] == [1, 2, 3]
    assert found[0].previous == "0" * 64
    assert [line.previous for line in found[1:]] == [line.hash for line in found[:-1]]
    assert all(line.hash == hash_of(line.seq, line.previous, line) for line in found)


STATEMENTS = (
    "UPDATE audit_event SET actor = 'nobody'",
    "UPDATE audit_event SET outcome = 'done' WHERE seq = 2",
    "DELETE FROM audit_event WHERE seq = 2",
    "DELETE FROM audit_event",
    "INSERT INTO audit_event (seq, at_us, actor, action, outcome, previous, hash) "
    "VALUES (1, 0, 'a', 'b', 'done', '', '')",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_another_past(house: House, statement: str) -> None:
    """Neither changed nor taken out nor put in, by SQL on the service's own connection."""
    for name in ("A", "B", "C"):
        house.put("/v1/directorates/dgfip", {"name": name})
    before = lines(house)
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException)):
        house.execute(statement)
    assert lines(house) == before


def test_replacing_is_refused_on_sqlite(tmp_path: Path) -> None:
    """`INSERT OR REPLACE` deletes without the trigger for deleting."""
    with House(tmp_path / "f.db", datetime(2026, 11, 10, tzinfo=UTC)) as house:
        house.put("/v1/directorates/dgfip", {"name": "A"})
        with pytest.raises(sqlite3.IntegrityError, match="comes after the last"):
            house.execute("INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event")


def test_fsck_follows_the_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever takes the triggers away leaves a broken chain: changed, or taken out."""
    path = tmp_path / "f.db"
    with House(path, utc_now()) as house:
        for name in ("A", "B", "C", "D"):
            house.put("/v1/directorates/dgfip", {"name": name})
        for trigger in ("changed", "left"):
            house.execute(f"DROP TRIGGER audit_event_{trigger}")
        assert main(["fsck", "--database", str(path)]) == 0
        house.execute("UPDATE audit_event SET actor = 'nobody' WHERE seq = 2")
        house.execute("DELETE FROM audit_event WHERE seq = 3")
    capsys.readouterr()
    assert main(["fsck", "--database", str(path)]) == 1
    said = "".join(capsys.readouterr())
    assert "audit log: line 2: its hash is not that of what it says" in said
    assert "audit log: line 4: does not follow from line 2" in said


def test_a_log_of_the_version_before_is_chained(tmp_path: Path) -> None:
    """Its lines in their order, whatever they say; then triggers keep them."""
    newer, older = tmp_path / "newer.db", tmp_path / "older.db"
    with House(newer, datetime(2026, 11, 10, tzinfo=UTC)) as house:
        for name in ("Été", 'a "b" \\ c', "C"):
            house.put("/v1/directorates/dgfip", {"name": name})
            house.app.state.footprint.audit.refused("fpe_1", "enrol é\x01", "host-1", "no")
        told = [(line.at_us, line.actor, line.action, line.outcome) for line in lines(house)]
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    as_of("0016", newer, older)
    with House(older, datetime(2026, 11, 10, tzinfo=UTC)) as house:
        found = lines(house)
        assert [(line.at_us, line.actor, line.action, line.outcome) for line in found] == told
        with house.app.state.footprint.store.read() as connection:
            assert not list(store_audit.faults(connection))
        with pytest.raises(sqlite3.IntegrityError):
            house.execute("DELETE FROM audit_event")


def test_lines_leave_by_age_and_the_chain_goes_on(house: House) -> None:
    """After their days; the newest stays even where it is older than all of them."""
    store = house.app.state.footprint.store
    with store.write() as connection:
        for day in (0, 20, 50):
            store_audit.add(connection, Event(day * DAY_US, "a", f"day {day}", None, "done"))
        store_audit.drop(connection, 10 * DAY_US)
        assert [line.action for line in store_audit.lines(connection)] == ["day 20", "day 50"]
        store_audit.add(connection, Event(90 * DAY_US, "a", "day 90", None, "done"))
        store_audit.drop(connection, 10**6 * DAY_US)
    with store.read() as connection:
        assert [line.action for line in store_audit.lines(connection)] == ["day 90"]
        assert not list(store_audit.faults(connection))
