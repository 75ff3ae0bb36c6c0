"""A database whose bytes were overwritten: one line with the remedy, never a traceback."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from footprint.service import damage
from footprint.service.cli import main
from tests.pages import make_ledger
from tests.service.house import House
from tests.service.test_cli import serving

PAGE_BYTES = 4096
START = datetime(2026, 11, 10, tzinfo=UTC)
STATEMENT = ["statement", "--month", "2026-11"]
FACTORS = "footprint/service/data/french_electricity.csv"
REMEDY = "restore the newest backup (agents send again what that lacks)"


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a database with forty pages of two hosts."""
    path = tmp_path_factory.mktemp("sound") / "footprint.db"
    with House(path, datetime(2026, 11, 12, tzinfo=UTC)) as house:
        house.post(make_ledger(20, start=START))
        other = "00000000-0000-4000-8000-000000000002"
        house.post(make_ledger(20, start=START, host_id="host-2", ledger_id=other))
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def root_page(database: bytes, table: str, tmp_path: Path) -> int:
    """Where the first page of a table begins."""
    path = tmp_path / "look.db"
    path.write_bytes(database)
    query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute(query, [table]).fetchone()
    return (int(number) - 1) * PAGE_BYTES


def overwritten(database: bytes, at: int, chance: random.Random) -> bytes:
    """4 kB of something else at `at`."""
    return database[:at] + chance.randbytes(PAGE_BYTES) + database[at + PAGE_BYTES :]


def scattered(database: bytes, chance: random.Random) -> bytes:
    """Thirty bytes of something else, all over the file but for the schema."""
    changed = bytearray(database)
    for _ in range(30):
        changed[chance.randrange(PAGE_BYTES, len(changed))] = chance.randrange(256)
    return bytes(changed)


def check_every_verb(database: bytes, path: Path, capsys) -> list[int]:
    """Each verb on its own copy; fsck may say more, but what fails says a remedy once."""
    register = path.with_suffix(".yaml")
    register.write_text("directorates:\n  - code: d\n    name: D\n")
    codes = []
    for verb in (
        ["fsck"],
        STATEMENT,
        [*STATEMENT, "--format", "html"],
        ["migrate"],
        ["import", "registry", str(register)],
        ["import", "factors", FACTORS],
    ):
        for stale in path.parent.glob(f"{path.name}*"):
            stale.unlink()
        path.write_bytes(database)
        code = main([*verb, "--database", str(path)])
        err = capsys.readouterr().err
        assert "Traceback" not in err
        if verb != ["fsck"]:
            assert (code, err.count("\n")) in ((0, 0), (1, 1))
        if code and verb != ["fsck"]:
            assert str(path) in err
            assert REMEDY in err
        codes.append(code)
    return codes


@pytest.mark.parametrize("seed", range(10))
def test_no_overwritten_page_ends_in_a_traceback(
    sound: bytes, tmp_path: Path, capsys, seed: int
) -> None:
    """Ten places: fsck fails at each of them, and every verb answers or gives its one line."""
    chance = random.Random(seed)
    at = chance.randrange(PAGE_BYTES, len(sound) - PAGE_BYTES)
    codes = check_every_verb(overwritten(sound, at, chance), tmp_path / "c.db", capsys)
    assert codes[0] == 1


@pytest.mark.parametrize("seed", range(4))
def test_no_scattered_bytes_end_in_a_traceback(
    sound: bytes, tmp_path: Path, capsys, seed: int
) -> None:
    """Values that no longer are what was stored, text that is no UTF-8."""
    check_every_verb(scattered(sound, random.Random(seed)), tmp_path / "c.db", capsys)


@pytest.mark.parametrize("held", [100, 5_000, 0.5, -PAGE_BYTES])
def test_no_truncated_file_ends_in_a_traceback(
    sound: bytes, tmp_path: Path, capsys, held: float
) -> None:
    """A copy that stopped early: every verb says so."""
    end = int(len(sound) * held) if held == 0.5 else int(held)
    codes = check_every_verb(sound[:end], tmp_path / "c.db", capsys)
    assert codes[0] == 1


def test_a_text_file_is_one_line(tmp_path: Path, capsys) -> None:
    """Every verb, fsck too."""
    text = b"not a database, " * 1000
    assert check_every_verb(text, tmp_path / "c.db", capsys) == [1] * 6


def test_fsck_says_what_it_can_before_and_after_the_damage(
    sound: bytes, tmp_path: Path, capsys
) -> None:
    """The table that is damaged, where reading ended, and last the remedy."""
    path = tmp_path / "c.db"
    at = root_page(sound, "entry", tmp_path)
    path.write_bytes(overwritten(sound, at, random.Random(0)))
    assert main(["fsck", "--database", str(path)]) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert 3 <= len(lines) <= 15
    assert lines[0] == (
        f"footprint: {path}: database: table entry: database disk image is malformed"
    )
    assert "the rest cannot be read: database disk image is malformed" in err
    assert REMEDY in lines[-1]
    assert "2 ledgers, 40 pages, 0 quarantined: 4 things are wrong" in out


def test_a_schema_that_is_no_text_any_more_is_damage(sound: bytes, tmp_path: Path, capsys) -> None:
    """SQLite then says so in words that are no text either."""
    at = sound.index(b"tableledger_headledger_head") + 5
    database = sound[:at] + b"\x94\xff\xfe" + sound[at + 3 :]
    assert check_every_verb(database, tmp_path / "c.db", capsys) == [1] * 6
    (tmp_path / "c.db").write_bytes(database)
    assert main(["fsck", "--database", str(tmp_path / "c.db")]) == 1
    err = capsys.readouterr().err
    assert "cannot be used" in err
    assert "it may be damaged" in err


@pytest.mark.parametrize(
    ("column", "value"),
    [("component", b"\xff\xfe"), ("energy_uj", "much"), ("consumer", b"\xd7")],
)
def test_a_stored_value_of_another_kind_is_no_traceback(
    sound: bytes, tmp_path: Path, capsys, column: str, value: object
) -> None:
    """Text where a number was, bytes that are no text: fsck finds it, statement does not fall."""
    path = tmp_path / "c.db"
    path.write_bytes(sound)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE entry SET {column} = CAST(? AS TEXT)", [value])
    assert main(["fsck", "--database", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err
    code = main([*STATEMENT, "--database", str(path)])
    assert capsys.readouterr().err.count("\n") == code


def test_the_service_answers_500_and_logs_one_line_a_request(sound: bytes, tmp_path: Path) -> None:
    """Whatever is asked of a table that cannot be read; what needs none of it is still answered."""
    path = tmp_path / "c.db"
    at = root_page(sound, "entry", tmp_path)
    path.write_bytes(overwritten(sound, at, random.Random(0)))
    asked = ["/v1/statements/2026-11", "/v1/statements/2026-11?format=html", "/metrics"]
    with serving(path, "--listen", "127.0.0.1:0") as (process, address):
        answers = [httpx.get(address + one, timeout=60) for one in asked]
        assert httpx.get(f"{address}/v1/factors").status_code == 200
        process.terminate()
        _, err = process.communicate(timeout=60)
    for answer in answers:
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:footprint:problem:internal"
    lines = err.splitlines()
    assert [line.split(" failed: ")[0] for line in lines] == [
        f"footprint: GET {one.partition('?')[0]}" for one in asked
    ]
    assert all(str(path) in line and REMEDY in line for line in lines)


def test_a_defect_of_the_program_is_not_called_damage(tmp_path: Path) -> None:
    """Nobody restores a backup because of a template or a type: the place is named, to be reported,
    and damage is only for fsck to find."""
    path = tmp_path / "footprint.db"
    try:
        damage.one_line(1 / 0)
    except ZeroDivisionError as error:
        ours = damage.explain(path, error)
    try:
        sqlite3.connect(":memory:").execute("SELECT nothing FROM nowhere")
    except sqlite3.Error as error:
        sqlites = damage.explain(path, error)
    assert "ZeroDivisionError" in ours
    assert "a defect of this program" in ours
    assert "may be damaged" not in ours
    assert REMEDY in ours
    assert "may be damaged" in sqlites
