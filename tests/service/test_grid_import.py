"""`footprint import eco2mix`: all or nothing, once, what is more final stays, as of any date."""

import hashlib
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.grid.quarter import Nature, Quarter
from footprint.service import store_grid
from footprint.service.cli import main
from footprint.service.store import Store, open_store
from tests.grid.test_eco2mix import DATA, HEADER, ODRE, RTE
from tests.service.house import content
from tests.service.older import as_of

RTE_FILE, ODRE_FILE = DATA / "rte_2026-03-14.xls", DATA / "odre_2021-12-11.csv"
DAY = (0, 2**62)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """The report of an import that succeeds."""
    assert main(["import", "eco2mix", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["import", "eco2mix", *map(str, arguments)]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    return str(written.err)


def held(store: Store, as_of_us: int = 2**62) -> dict[int, Quarter]:
    with store.read() as connection:
        return store_grid.held_quarters(connection, "FR", DAY, as_of_us)


def test_both_formats_are_held_with_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, RTE_FILE, ODRE_FILE)
    assert "96 rows: 64 quarter-hours (real-time) from 2026-03-14T00:00+01:00 to" in said[0]
    assert "32 rows blank, 0 duplicates" in said[0]
    assert "g/kWh at most from the published rate over 64 quarter-hours, 0 of them" in said[1]
    assert said[4].endswith("64 quarter-hours new, 0 changed, 0 as held, 0 held more finally")
    assert len(content(Path("footprint.db"))["grid_quarter"]) == 160
    files = content(Path("footprint.db"))["imported_file"]
    for path in (RTE_FILE, ODRE_FILE):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert any({path.name, digest, "eco2mix", "FR"} <= {*row} for row in files)


def test_the_same_files_again_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, RTE_FILE)
    before = content(Path("footprint.db"))
    said = run(capsys, RTE_FILE)
    assert "0 quarter-hours new, 0 changed, 64 as held" in said[-1]
    assert content(Path("footprint.db")) == before


def test_a_preview_says_it_all_and_stores_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "make it with" in failure(capsys, "--preview", RTE_FILE)
    run(capsys, RTE_FILE)
    before = content(Path("footprint.db"))
    said = run(capsys, "--preview", ODRE_FILE, ODRE_FILE)
    assert "96 quarter-hours new" in said[-3]
    assert "0 quarter-hours new, 0 changed, 96 as held" in said[-2]
    assert said[-1] == "footprint: preview: nothing was stored"
    assert content(Path("footprint.db")) == before


def test_one_damaged_file_keeps_all_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cut.xls").write_bytes(b"".join(RTE[:50]))
    assert "cut.xls: line 50: the file ends" in failure(capsys, RTE_FILE, "cut.xls")
    assert not Path("footprint.db").exists()


def test_a_later_word_is_a_new_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The figure of a past date stays what it was."""
    run(capsys, ODRE_FILE)
    store = open_store(Path("footprint.db"), create=False, migrate=False, now=datetime.now(UTC))
    first = held(store)
    changed = ODRE[1].replace(b";7147;", b";7000;")
    assert changed != ODRE[1]
    Path("corrected.csv").write_bytes(ODRE[0] + changed)
    said = run(capsys, "corrected.csv")
    assert "0 quarter-hours new, 1 changed, 0 as held" in said[-1]
    now = held(store)
    (other,) = [start for start, quarter in now.items() if quarter != first[start]]
    assert now[other].generation_mw[2] == 7000
    with store.read() as connection:
        at_us = max(row[0] for row in connection.exec_driver_sql(KNOWN))
    assert held(store, at_us - 1) == first
    store.close()


KNOWN = "SELECT known_from_us FROM grid_quarter"


def test_real_time_never_takes_the_place_of_what_is_definitive(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A row alone is a half-hour."""
    final = ODRE[1].replace("temps réel".encode(), "définitives".encode()).replace(b";73;", b";74;")
    Path("final.csv").write_bytes(ODRE[0] + final)
    run(capsys, "final.csv")
    said = run(capsys, ODRE_FILE)
    assert "94 quarter-hours new, 0 changed, 0 as held, 2 held more finally" in said[-1]
    store = open_store(Path("footprint.db"), create=False, migrate=False, now=datetime.now(UTC))
    natures: list[Nature] = [quarter.nature for quarter in held(store).values()]
    assert (natures.count("definitive"), natures.count("real-time")) == (2, 94)
    store.close()


@pytest.mark.parametrize("name", ["columns", "line"])
def test_a_hostile_file_is_refused_in_bounded_memory(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A million columns; a line of a gigabyte, which is a hole in the file."""
    with Path("hostile.xls").open("wb") as file:
        file.write(HEADER)
        file.write(b"1\t" * 1_000_000 if name == "columns" else b"1")
        file.truncate(1 << 30 if name == "line" else file.tell())
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "line 2: longer than 65536 bytes" in failure(capsys, "hostile.xls")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 16 * 1024


def test_a_database_of_before_is_brought_forward(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, ODRE_FILE)
    as_of("0007", Path("footprint.db"), Path("older.db"))
    said = run(capsys, "--database", "older.db", RTE_FILE)
    assert "64 quarter-hours new" in said[-1]


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read: No such file" in failure(capsys, "nothing.xls")
