"""`footprint fsck` finds whatever no longer agrees with the pages' bytes."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from footprint import usage
from footprint.service.cli import main
from tests import usage_pages
from tests.pages import START, Sealed, chain, make_ledger
from tests.service.house import House

QUARTER = timedelta(minutes=15)
OTHER_LEDGER = "00000000-0000-4000-8000-000000000002"


def told() -> Iterator[Sealed[usage.UsagePage]]:
    """Four quarter-hours with totals and a gap, the last two told again, one overlap, one day that
    no clock can have seen."""
    gap = usage.Gap(start=START, end=START + QUARTER, cause="restarted")
    total = usage_pages.line("@unattributed", 9000, 800)
    first = [
        usage_pages.make_page(start=START + number * QUARTER, totals=[total]) for number in range(4)
    ]
    again = [usage_pages.make_page(start=page.start, tokens={"chat": (1, 2)}) for page in first[2:]]
    overlap = usage_pages.make_page(start=START, seconds=60)
    early = usage_pages.make_page(start=datetime(2027, 1, 1, tzinfo=UTC))
    first[0] = msgspec.structs.replace(first[0], gaps=[gap])
    return chain([*first, *again, overlap, early])


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A database with two ledgers of energy, one of them with a quarantined page, and one of usage
    that was told again in part, with two."""
    path = tmp_path_factory.mktemp("sound") / "footprint.db"
    with House(path, datetime(2026, 11, 10, 12, tzinfo=UTC)) as house:
        house.post(make_ledger(4))
        pages = [page.page for page in make_ledger(3, host_id="host-2", ledger_id=OTHER_LEDGER)]
        pages[1] = msgspec.structs.replace(pages[1], entries=[])
        house.post(chain(pages))
        house.tell(told())
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def test_a_sound_database_passes(sound: Path, capsys) -> None:
    """It says how much it looked at."""
    assert main(["fsck", "--database", str(sound)]) == 0
    assert "3 ledgers, 15 pages, 3 quarantined: all is well" in capsys.readouterr().out


def test_days_that_wait_to_be_summed_are_said(sound: Path, tmp_path: Path, capsys) -> None:
    """What their rollups say is no statement's figure yet, and is not compared."""
    path = tmp_path / "copy.db"
    path.write_bytes(sound.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        mark = "INSERT INTO rollup_mark SELECT host_id, ?, ledger_id, 99, 0, 0 FROM ledger_head"
        connection.execute(mark, [1_762_729_200_000_000])
    assert main(["fsck", "--database", str(path)]) == 0
    said = capsys.readouterr().out
    assert "all is well; " in said
    assert "; days that wait to be summed: " in said


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
        ("UPDATE usage_head SET end_us = end_us - 1", "the head row does not end where"),
        ("UPDATE device SET rated_power_uw = 1", "its rated power is not"),
        ("UPDATE device SET last_us = last_us + 1 WHERE host_id = 'host-2'", "device host-2"),
        ("UPDATE device SET known_from_us = 1", "device host-1"),
        ("UPDATE device SET first_us = first_us + 1 WHERE host_id = 'host-1'", "device host-1"),
        ("UPDATE usage_line SET generated_tokens = 91 WHERE seq = 2 AND ordinal = 0", "usage_line"),
        ("UPDATE usage_line SET total = 0 WHERE seq = 1", "usage_line: "),
        ("UPDATE usage_line SET requests = NULL WHERE seq = 1 AND ordinal = 1", "usage_line: "),
        ("DELETE FROM usage_line WHERE seq = 0", "usage_line: 11 rows differ from the 14"),
        ("DELETE FROM usage_gap", "usage_gap: "),
        ("UPDATE usage_cover SET end_us = end_us + 1 WHERE seq = 3", "usage_cover: "),
        ("UPDATE usage_cover SET origin = 'api'", "usage_cover: "),
        ("UPDATE usage_head SET seq = 4", "the head row"),
        ("DELETE FROM usage_head", "the head row"),
        ("DELETE FROM usage_page WHERE seq = 7", "the head row"),
        ("DELETE FROM usage_page WHERE seq = 3", "chain: "),
        (
            "INSERT INTO usage_page SELECT host_id, ledger_id, 8, hash, start_us, end_us, "
            "known_from_us, state, reason, body, filed_us FROM usage_page WHERE seq = 7",
            "chain: page 8 does not follow",
        ),
        ("UPDATE usage_page SET seq = -seq WHERE seq IN (4, 5)", "chain: "),
        (
            "UPDATE usage_page SET body = CAST(replace(CAST(body AS TEXT), '1000', '1001') AS BLOB)"
            " WHERE seq = 1",
            "page 1: its bytes",
        ),
        ("UPDATE usage_page SET state = 'accepted' WHERE seq = 6", "usage_line: "),
        ("UPDATE usage_page SET state = 'quarantined' WHERE seq = 1", "page 1: quarantined, but"),
        ("UPDATE usage_page SET known_from_us = 1 WHERE seq < 6", "known from the same instant"),
        ("UPDATE usage_page SET end_us = end_us + 1 WHERE seq = 0", "its start and end"),
        ("UPDATE page SET filed_us = 1 WHERE host_id = 'host-1'", "it is filed at another instant"),
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


@pytest.mark.parametrize("damage", ["other energy", "unreadable", "gone"])
def test_a_damaged_page_is_never_made_the_truth(house: House, capsys, damage: str) -> None:
    """--repair leaves the rows that were made of it when it came: they are all that is left of it;
    those of other hosts are made anew."""
    pages = make_ledger(3)
    house.post(pages)
    house.post(make_ledger(2, host_id="host-2", device="package-1"))
    before = house.get("/v1/statements/2026-11").json()["total"]
    body = {
        "other energy": pages[1].body.replace(b"600000000", b"900000000"),
        "unreadable": pages[1].body.replace(b"{", b"["),
        "gone": b"",
    }[damage]
    house.execute("UPDATE page SET body = ? WHERE host_id = 'host-1' AND seq = 1", body)
    house.execute("DELETE FROM entry WHERE host_id = 'host-2' AND seq = 1")
    database = ["--database", str(house.database)]
    assert main(["fsck", "--repair", *database]) == 1
    written = capsys.readouterr()
    assert "left as it is: host host-1: page 1 of ledger" in written.out
    assert "restore the newest backup" in written.out
    assert "made anew: host host-2" in written.out
    assert "page 1: its bytes do not have the hash" in written.err
    assert house.get("/v1/statements/2026-11").json()["total"] == before
