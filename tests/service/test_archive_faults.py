"""Whatever comes between while a month leaves, nothing is lost and nothing is there twice."""

import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from footprint.service import archive, archive_file, rollups, store_postgresql
from footprint.service.cli import main
from footprint.service.housekeeping import Housekeeper
from footprint.service.place import Server
from footprint.service.settings import Settings
from tests.pages import make_ledger
from tests.service import months
from tests.service.house import House, connected
from tests.service.months import APRIL, MARCH, MAY, fsck, leave, ledger_of, lines


@pytest.fixture
def house(house: House) -> House:
    """A service with March, April and May."""
    months.fill(house)
    return house


DIES = """
import os, signal, sys
name, event, *arguments = sys.argv[1:]
def look(frame, what, _value):
    if frame.f_code.co_name == name and "archive" in frame.f_code.co_filename + name:
        if what == event:
            os.kill(os.getpid(), signal.SIGKILL)
        return look
    return look if frame.f_code.co_name == name else None
from footprint.service.cli import main
import footprint.service.archive
sys.settrace(look)
sys.exit(main(arguments))
"""
DEATHS = (
    ("write", "call"),  # nothing is there
    ("_sync", "call"),  # the file has its name
    ("verify", "call"),  # the file is on the disk
    ("_as_held", "call"),  # it was read back
    ("_remove", "call"),  # it was compared
    ("remove", "call"),  # the transaction has begun
    ("remove", "return"),  # all is deleted, nothing is committed
)


def test_whenever_it_is_killed_nothing_is_lost(house: House, tmp_path: Path) -> None:
    """kill -9 at each step: the database is as it was, the next run goes on, and at last the file
    holds what the database held."""
    house.app.state.footprint.store.close()
    rollups.refresh(house.app.state.footprint.store)
    before = house.content()
    arguments = ["archive", "--database", str(house.database), "--before", "2026-04"]
    arguments += ["--to", str(tmp_path)]
    for name, event in DEATHS:
        command = [sys.executable, "-c", DIES, name, event, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, (name, event, done.stderr)
        assert house.content() == before, (name, event)
    assert main(arguments) == 0
    after = house.content()
    gone = {row[3] for name in ("page", "usage_page") for row in before[name]}
    gone -= {row[3] for name in ("page", "usage_page") for row in after[name]}
    path = tmp_path / "footprint-2026-03.jsonl.zst"
    assert {line["hash"] for line in lines(path)[1:]} == gone
    assert len(gone) == 20
    assert {path.name} == {one.name for one in tmp_path.glob("*foot*20*")}


def test_a_page_that_comes_meanwhile_leaves_too(house: House, tmp_path: Path) -> None:
    """A file that was written before it came is written anew: it is not lost between the two."""

    class Late(type(house.app.state.footprint.store)):  # type: ignore[misc]
        """A store into which a page comes whenever a month is about to leave."""

        def write_archive(self) -> Any:
            late = make_ledger(1, start=MARCH, host_id="host-7", ledger_id=ledger_of(7))
            house.post(late)
            return super().write_archive()

    store = Late(house.database)
    months = [left.month for left in archive.run(store, tmp_path, APRIL, house.now)]
    store.close()
    assert months == ["2026-03"]
    hosts = [line.get("host_id") for line in lines(tmp_path / "footprint-2026-03.jsonl.zst")]
    assert hosts.count("host-7") == 1
    assert [row for row in house.content()["page"] if row[0] == "host-7"] == []
    assert fsck(house) == 0


def test_a_file_of_other_pages_is_not_overwritten(house: House, tmp_path: Path) -> None:
    """It may be the only copy of another database's month."""
    with House(tmp_path / "other.db", house.now) as other:
        other.post(make_ledger(2, start=MARCH, host_id="host-x"))
        leave(other, tmp_path, "2026-04")
    path = tmp_path / "footprint-2026-03.jsonl.zst"
    rollups.refresh(house.app.state.footprint.store)
    before, content = path.read_bytes(), house.content()
    with pytest.raises(archive_file.ArchiveError, match="is there already, with pages that"):
        leave(house, tmp_path, "2026-04")
    assert path.read_bytes() == before
    assert house.content() == content


def test_a_disk_that_cannot_be_written_takes_nothing(house: House, tmp_path: Path, capsys) -> None:
    """One line, and the month stays."""
    rollups.refresh(house.app.state.footprint.store)
    before = house.content()
    (tmp_path / ".footprint-2026-03.jsonl.zst.part").mkdir()
    arguments = ["archive", "--database", str(house.database), "--before", "2026-04"]
    for folder in (tmp_path, tmp_path / "none"):
        assert main([*arguments, "--to", str(folder)]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"footprint: archive: {folder}")
        assert err.count("\n") == 1
    assert house.content() == before


def test_a_disk_that_is_full_takes_nothing(house: House, tmp_path: Path) -> None:
    """Where writing ends in the middle of the file, no part of it stays, and the month does."""
    rollups.refresh(house.app.state.footprint.store)
    before = house.content()
    arguments = ["archive", "--database", str(house.database), "--before", "2026-04"]
    done = subprocess.run(
        [sys.executable, "-m", "footprint.service.cli", *arguments, "--to", str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "footprint-2026-03.jsonl.zst: cannot be written: File too large" in done.stderr
    assert list(tmp_path.glob("*.zst*")) == []
    assert house.content() == before


def test_two_do_not_archive_at_once(house: House, tmp_path: Path) -> None:
    """Into one folder; on PostgreSQL from one database."""
    store = house.app.state.footprint.store
    other = tmp_path / "other"
    other.mkdir()
    running = archive.run(store, tmp_path, MAY, house.now)
    assert next(running).month == "2026-03"
    with pytest.raises(archive_file.ArchiveError, match="another process archives"):
        leave(house, tmp_path)
    if isinstance(house.database, Server):
        with pytest.raises(archive_file.ArchiveError, match="another process archives"):
            leave(house, other)
    assert [left.month for left in running] == ["2026-04"]


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_partitions_are_there_before_their_month(house: House) -> None:
    """From the start, and as time goes on: nobody who writes at midnight has to make them."""
    keeper = Housekeeper(house.app.state.footprint.store, Settings(), lambda: house.now)

    def months() -> dict[str, set[str]]:
        query = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        with connected(house.database) as connection:
            names = [name for (name,) in connection.execute(query)]
        return {
            table: {n[-7:] for n in names if n[:-8] == table} for table in store_postgresql.BY_MONTH
        }

    keeper.make_months()
    first = months()
    assert all({"2026_11", "2026_12", "2027_01"} <= found for found in first.values())
    house.now = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    keeper.make_months()
    assert {name: found - first[name] for name, found in months().items()} == {
        name: {"2027_02"} for name in first
    }
