"""`footprint import pdu`: all of a rack or nothing, once, with everything reported."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footprint.service.cli import main
from tests.pdu_exports import COLUMNS, row, rows, write
from tests.service.house import content
from tests.service.older import as_of

START = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
WH_UJ = 3_600_000_000
HOSTS = """\
racks:
  - code: r12
    feeds: [r12-a, r12-b]
    powers:
      - {hosts: [host-2, host-1], from: 2026-01-01, to: 2026-12-01}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder with a mapping."""
    monkeypatch.chdir(tmp_path)
    Path("hosts.yaml").write_text(HOSTS)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *files: Path) -> list[str]:
    """The report of an import that succeeds."""
    arguments = ["import", "pdu", *map(str, files), "--hosts", "hosts.yaml"]
    assert main(arguments) == 0
    return capsys.readouterr().out.splitlines()


def failure(capsys: pytest.CaptureFixture[str], *files: Path) -> str:
    """The one line of an import that fails."""
    arguments = ["import", "pdu", *map(str, files), "--hosts", "hosts.yaml"]
    assert main(arguments) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    return str(written.err)


def feeds(start: datetime = START) -> tuple[Path, Path]:
    """Both feeds of a quarter-hour: 300 and 30 Wh."""
    return (
        write(Path("r12-a_2026-11.csv"), rows(start, [1000, 1100, 1200, 1300])),
        write(Path("r12-b_2026-11.csv"), rows(start, [0, 10, 20, 30], 120)),
    )


def test_two_feeds_become_facts_with_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    """The rack's energy over its hosts, and the SHA-256 of the bytes that it comes from."""
    paths = feeds()
    assert run(capsys, *paths) == [
        "footprint: pdu:r12: feed r12-a: 4 rows, 0 duplicates dropped, 0 contradicting rows, "
        "0 not on 5 minutes, 0 without values",
        "footprint: pdu:r12: feed r12-b: 4 rows, 0 duplicates dropped, 0 contradicting rows, "
        "0 not on 5 minutes, 0 without values",
        "footprint: pdu:r12: 3 intervals of 5 minutes known (0 from power), 0 unknown (0 for a "
        "counter that fell, 0 for more than a feed can carry), 0 while it powers no host",
        "footprint: 3 new facts in footprint.db",
    ]
    held = content(Path("footprint.db"))
    start_us = int(START.timestamp()) * 1_000_000
    assert [(*fact[:2], *fact[3:]) for fact in held["node_import"]] == [
        ("pdu:r12", at_us, at_us + 300_000_000, "host-1 host-2", 110 * WH_UJ, "counter")
        for at_us in range(start_us, start_us + 900_000_000, 300_000_000)
    ]
    known_us = {fact[2] for fact in held["node_import"]}
    assert {file[0] for file in held["imported_file"]} == known_us
    assert [file[2:] for file in held["imported_file"]] == [
        ("pdu", path.name, hashlib.sha256(path.read_bytes()).hexdigest(), "pdu:r12")
        for path in paths
    ]


def test_importing_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even the list of files; and a longer export adds what is new."""
    paths = feeds()
    run(capsys, *paths)
    before = content(Path("footprint.db"))
    assert run(capsys, *paths)[-1] == "footprint: 0 new facts in footprint.db"
    assert content(Path("footprint.db")) == before
    later = [
        write(path.with_stem(f"{path.stem}-later"), rows(START + timedelta(minutes=10), energies))
        for path, energies in zip(paths, ([1200, 1300, 1400], [20, 30, 40]), strict=True)
    ]
    assert run(capsys, *later)[-1] == "footprint: 1 new facts in footprint.db"


def test_a_correction_is_a_row_known_later(capsys: pytest.CaptureFixture[str]) -> None:
    """What was known before stays."""
    paths = feeds()
    run(capsys, *paths)
    Path("hosts.yaml").write_text(HOSTS.replace("host-2, ", ""))
    assert run(capsys, *paths)[-1] == "footprint: 3 new facts in footprint.db"
    held = content(Path("footprint.db"))["node_import"]
    assert [fact[4] for fact in held] == ["host-1 host-2", "host-1"] * 3


def test_a_missing_feed_makes_no_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a rack is said to be unknown, not stored as a whole one."""
    arguments = ["import", "pdu", str(feeds()[0]), "--hosts", "hosts.yaml"]
    assert main(arguments) == 1
    written = capsys.readouterr()
    said = written.out.splitlines()
    assert "feed r12-b: no file: nothing of this rack is known" in said[1]
    assert "0 intervals of 5 minutes known (0 from power), 3 unknown" in said[2]
    assert written.err == (
        "footprint: nothing could be known of 1 rack(s): pdu:r12: no file of feed r12-b: a rack's "
        "energy is the sum of all its feeds; give the files of all of them in one import\n"
    )
    assert content(Path("footprint.db"))["node_import"] == []


def test_a_rack_that_lacks_a_feed_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """The other rack is stored, and the exit code still tells."""
    other = HOSTS.replace("r12", "r13").replace("host-", "gpu-").removeprefix("racks:\n")
    Path("hosts.yaml").write_text(HOSTS + other)
    half = write(Path("r13-a.csv"), rows(START, [1, 101]))
    assert main(["import", "pdu", *map(str, feeds()), str(half), "--hosts", "hosts.yaml"]) == 1
    assert "pdu:r13: no file of feed r13-b" in capsys.readouterr().err
    assert {fact[0] for fact in content(Path("footprint.db"))["node_import"]} == {"pdu:r12"}


def test_an_exchanged_pdu_is_reported_and_no_spike(capsys: pytest.CaptureFixture[str]) -> None:
    """Its interval is unknown, and stands in the summary."""
    one, _ = feeds()
    write(one, rows(START, [1000, 901_050_000, 901_050_100, 901_050_200]))
    said = run(capsys, one, Path("r12-b_2026-11.csv"))
    assert "2 intervals of 5 minutes known" in said[2]
    assert "1 unknown (0 for a counter that fell, 1 for more than a feed can carry)" in said[2]


def test_a_row_of_an_impossible_day_imports_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with file, line and remedy, at once."""
    absurd = datetime(9998, 1, 1, tzinfo=UTC)
    path = write(Path("r12-a.csv"), [*rows(START, [1, 2]), row(absurd, 3, 1)])
    said = failure(capsys, path)
    assert "r12-a.csv: line 5, column 'Time (UTC)': clock: 9998-01-01" in said
    assert "nothing was imported" in said


def test_time_in_which_a_rack_powers_no_host_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Days are those of Paris: 11 November begins at 23:00 UTC."""
    Path("hosts.yaml").write_text(HOSTS.replace("2026-12-01", "2026-11-11"))
    said = run(capsys, *feeds(datetime(2026, 11, 10, 22, 55, tzinfo=UTC)))
    assert "1 intervals of 5 minutes known" in said[2]
    assert "2 while it powers no host" in said[2]


def test_an_error_in_the_last_file_undoes_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    """All or nothing, with file, line, column and remedy."""
    good, bad = feeds()
    other = HOSTS.replace("r12", "r13").replace("host-", "gpu-").removeprefix("racks:\n")
    Path("hosts.yaml").write_text(HOSTS + other)
    paths = [good, bad]
    for name in ("r13-a.csv", "r13-b.csv"):
        paths.append(write(Path(name), [*rows(START, [1, 2]), row(START, "x", 1)]))
    said = failure(capsys, *paths)
    assert said == (
        "footprint: r13-a.csv: line 5, column 'Input Cumulated Energy Total (Wh)': 'x' is not a "
        "number of 0 or more; write 1234.5, or leave it empty; nothing was imported\n"
    )
    assert content(Path("footprint.db"))["node_import"] == []


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"t\n" + b"x" * 10_000_000, "line 2: longer than 65536 bytes"),
        (b"t\n" + b"," * 1_000_000, "line 2: longer than 65536 bytes"),
        (b"t\n" + b"," * 60_000 + b"\n", "line 2: more than 1000 columns"),
        (b"t\xe9l\xe9\n", "line 1: not UTF-8 (byte 2); save it as UTF-8"),
        (b"\xff\xfet\x00", "line 1: not UTF-8"),
        (b"", "line 2: no header"),
        (b"t\n\x00\n", "line 2: "),
    ],
)
def test_a_hostile_file_is_one_line(
    capsys: pytest.CaptureFixture[str], raw: bytes, words: str
) -> None:
    """A huge line, a million columns, another encoding, nothing at all."""
    Path("r12-a.csv").write_bytes(raw)
    assert f"r12-a.csv: {words}" in failure(capsys, Path("r12-a.csv"))


def test_files_that_cannot_be_read_or_placed_are_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each with its remedy."""
    assert "r12-a.csv: cannot be read: No such file" in failure(capsys, Path("r12-a.csv"))
    stray = write(Path("r12-ab.csv"), [], COLUMNS)
    assert "no feed of hosts.yaml begins this file's name" in failure(capsys, stray)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("racks: []\n", "line 1: "),
        (HOSTS.replace("host-1", "Host 1"), "line 5: "),
        (HOSTS.replace("powers:", "power:"), "line 2: "),
        (HOSTS.replace("r12-b", "r12-a"), "line 3: feeds: 'r12-a' stands twice"),
        (HOSTS.replace("to: 2026-12-01", "to: 2025-12-01"), "line 5: to: 2025-12-01 is not after"),
        (HOSTS + "      - {hosts: [host-9], from: 2026-11-01}\n", "line 6: rack r12: stands twice"),
        (
            HOSTS + HOSTS.replace("r12", "r13").removeprefix("racks:\n"),
            "line 9: host host-2: stands twice between 2026-01-01 and 2026-12-01",
        ),
        ("racks: {", "not YAML"),
        ("- " * 5000, "not YAML"),
    ],
)
def test_a_wrong_mapping_is_one_line(
    capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    """With its line; nothing is opened or made."""
    Path("hosts.yaml").write_text(text)
    said = failure(capsys, *feeds())
    assert said.startswith("footprint: hosts.yaml")
    assert words in said
    assert not Path("footprint.db").exists()


def test_a_database_of_the_first_version_is_brought_up_to_date(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The tables of node imports are added to what is there."""
    run(capsys, *feeds())
    Path("footprint.db").rename("newer.db")
    as_of("0001", Path("newer.db"), Path("footprint.db"))
    assert run(capsys, *feeds())[-1] == "footprint: 3 new facts in footprint.db"
