"""`footprint fsck` finds whatever no longer agrees with the pages' bytes."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from footprint.service.cli import main
from tests.pages import chain, make_ledger
from tests.service.house import House

OTHER_LEDGER = "00000000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A database with two ledgers, one of them with a quarantined page."""
    path = tmp_path_factory.mktemp("sound") / "footprint.db"
    with House(path, datetime(2026, 11, 10, 12, tzinfo=UTC)) as house:
        house.post(make_ledger(4))
        pages = [page.page for page in make_ledger(3, host_id="host-2", ledger_id=OTHER_LEDGER)]
        pages[1] = msgspec.structs.replace(pages[1], entries=[])
        house.post(chain(pages))
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def test_a_sound_database_passes(sound: Path, capsys) -> None:
    """It says how much it looked at."""
    assert main(["fsck", "--database", str(sound)]) == 0
    assert "2 ledgers, 7 pages, 1 quarantined: all is well" in capsys.readouterr().out


def test_pages_left_out_for_good_reasons_are_no_fault(tmp_path: Path, capsys) -> None:
    """An overlap, a clock that is wrong, a rated power that changed."""
    with House(tmp_path / "f.db", datetime(2026, 11, 10, 12, tzinfo=UTC)) as house:
        house.post(make_ledger(4, rated_power_uw=5))
        house.post(make_ledger(5, ledger_id=OTHER_LEDGER, rated_power_uw=7))
        house.post(make_ledger(1, host_id="host-3", start=datetime(2027, 1, 1, tzinfo=UTC)))
        assert main(["fsck", "--database", str(house.database)]) == 0
    assert "10 pages, 5 quarantined: all is well" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE entry SET energy_uj = energy_uj + 1 WHERE seq = 2", "entry: "),
        ("DELETE FROM entry WHERE seq = 1 AND ordinal = 0", "entry: "),
        ("INSERT INTO gap VALUES ('ghost', 0, 'x', 0, 0, 'gap', 'cpu', 'd', 0, 1, 'stuck')", "gap"),
        ("UPDATE sensor SET metered_uj = 0 WHERE seq = 0", "sensor: "),
        ("UPDATE ledger_head SET seq = 2 WHERE host_id = 'host-1'", "the head row"),
        ("DELETE FROM ledger_head WHERE host_id = 'host-1'", "the head row"),
        ("DELETE FROM page WHERE host_id = 'host-1' AND seq = 3", "the head row"),
        ("DELETE FROM page WHERE host_id = 'host-1' AND seq = 1", "chain: "),
        ("DELETE FROM page WHERE host_id = 'host-2' AND seq = 1", "chain: "),
        ("UPDATE page SET hash = 'x' WHERE seq = 1 AND host_id = 'host-2'", "page 1: its bytes"),
        (
            "UPDATE page SET body = CAST(replace(CAST(body AS TEXT), '600000000', '600000001') "
            "AS BLOB) WHERE host_id = 'host-1' AND seq = 1",
            "page 1",
        ),
        ("UPDATE page SET state = 'accepted' WHERE state = 'quarantined'", "accepted, but"),
        (
            "UPDATE page SET state = 'quarantined', reason = 'x' WHERE host_id = 'host-1' "
            "AND seq = 3",
            "page 3: quarantined, but nothing is wrong with it",
        ),
        ("UPDATE page SET start_us = start_us + 1 WHERE host_id = 'host-1'", "its start and end"),
        ("UPDATE page SET end_us = NULL WHERE host_id = 'host-2' AND seq = 1", "its start and end"),
        ("UPDATE ledger_head SET end_us = end_us + 1", "the head row does not end where"),
        ("UPDATE device SET rated_power_uw = 1", "its rated power is not"),
        ("UPDATE device SET last_us = last_us + 1 WHERE host_id = 'host-2'", "device host-2"),
        ("UPDATE device SET known_from_us = 1", "device host-1"),
        ("UPDATE device SET first_us = first_us + 1 WHERE host_id = 'host-1'", "device host-1"),
    ],
)
def test_whatever_was_changed_is_found(
    sound: Path, tmp_path: Path, capsys, change: str, words: str
) -> None:
    """Exit code 1, and a line that says where."""
    path = tmp_path / "changed.db"
    shutil.copy(sound, path)
    import sqlite3

    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(change).rowcount > 0
    connection.close()
    assert main(["fsck", "--database", str(path)]) == 1
    assert words in capsys.readouterr().err
