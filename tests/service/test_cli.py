"""The `footprint` command: each failure is one line with its remedy and exit code 1."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from footprint import METHOD_VERSION, __version__
from footprint.interval import month_of
from footprint.service.cli import main
from tests.pages import batch, make_ledger
from tests.service.house import JSON, House, content

FOOTPRINT = [sys.executable, "-m", "footprint.service.cli"]
PAST = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def serving(database: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`footprint serve` as a process, and the address that it prints."""
    command = [*FOOTPRINT, "serve", "--database", str(database), *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        yield process, line.removeprefix("footprint: listening on ")
    finally:
        process.kill()
        process.communicate()


def failure(capsys, *arguments: str) -> str:
    """The one line that a failing command writes."""
    assert main(arguments) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    return str(written.err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_its_address_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """With port 0 the real port is printed; a signal ends it with 0 and nothing on stderr."""
    with serving(tmp_path / "f.db", "--listen", "127.0.0.1:0") as (process, address):
        assert httpx.get(f"{address}/livez").json() == {"status": "ok"}
        assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}
        assert httpx.get(f"{address}/version").json() == {
            "version": __version__,
            "method": METHOD_VERSION,
        }
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")


def test_serve_warns_of_a_zone_without_a_factor(tmp_path: Path) -> None:
    """It starts, one line says what to import, and so does the first page, with and without
    figures."""
    with serving(tmp_path / "f.db", "--listen", "127.0.0.1:0", "--zone", "XX") as (
        process,
        address,
    ):
        empty = httpx.get(f"{address}/").text
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        pages = make_ledger(4, start=start)
        httpx.post(f"{address}/v1/pages", content=batch(pages), headers=JSON).raise_for_status()
        filled = httpx.get(f"{address}/").text
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.count("\n")) == (0, "", 1)
    assert err.startswith("footprint: warning: --zone XX: no grams are shown: no gwp factor for ")
    assert "footprint import factors FILE.csv" in err
    for page in (empty, filled):
        assert "footprint import factors FILE.csv" in page


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A service killed after its answer holds the pages; a second start takes the next ones."""
    pages = make_ledger(6)
    for number in (3, 6):
        with serving(tmp_path / "f.db", "--listen", "127.0.0.1:0") as (process, address):
            answer = httpx.post(f"{address}/v1/pages", content=batch(pages[:number]), headers=JSON)
            assert answer.json()["accepted"] == 3
            process.kill()
    assert len(content(tmp_path / "f.db")["page"]) == 6


def test_a_port_in_use_is_one_line(tmp_path: Path, capsys) -> None:
    """It names the address and makes no database."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = failure(capsys, "serve", "--listen", address, "--database", str(tmp_path / "f.db"))
    assert line.startswith(f"footprint: --listen {address}: Address already in use; ")
    assert not (tmp_path / "f.db").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "0.0.0.0:0"], "without a token anyone could write pages"),
        (["--listen", "8787"], "write HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "write HOST:PORT"),
        (["--listen", "127.0.0.1:" + "1" * 5000], "write HOST:PORT"),
        (["--database", ":memory:"], "give the path of a file"),
        (["--token-file", "missing"], "cannot read missing: No such file"),
        (["--token-file", "short"], "needs a token of 22 characters or more"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    tmp_path: Path, capsys, monkeypatch, arguments: list[str], words: str
) -> None:
    """Before anything is opened or made."""
    monkeypatch.chdir(tmp_path)
    Path("short").write_text("secret\n")
    assert words in failure(capsys, "serve", *arguments)
    assert not Path("footprint.db").exists()


def test_a_database_of_a_newer_version_is_one_line(tmp_path: Path, capsys) -> None:
    """Every command refuses it, says so, and leaves it as it is."""
    path = tmp_path / "f.db"
    assert main(["migrate", "--database", str(path)]) == 0
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = content(path)
    for command in (["serve", "--listen", "127.0.0.1:0"], ["migrate"], ["fsck"]):
        line = failure(capsys, *command, "--database", str(path))
        assert "made by a newer version of footprint (schema 9999); install that version" in line
    assert content(path) == before


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.exists, "no such file; make it with: footprint migrate"),
        (lambda path: path.write_text("not a database, " * 100), "file is not a database"),
        (Path.touch, "made by an older version; run: footprint migrate"),
        (foreign, "holds tables of another program"),
    ],
)
def test_a_file_that_is_no_database_of_ours_is_one_line(
    tmp_path: Path, capsys, make, words: str
) -> None:
    """Statement and fsck never make or change a file."""
    path = tmp_path / "f.db"
    make(path)
    before = path.read_bytes() if path.exists() else None
    for command in (["statement", "--month", "2026-11"], ["fsck"]):
        assert words in failure(capsys, *command, "--database", str(path))
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_statement_is_the_same_from_database_and_service(tmp_path: Path, capfdbinary) -> None:
    """Command and API, JSON, CSV and HTML: the same figures, but for the instant of asking."""
    with House(tmp_path / "f.db", PAST) as house:
        house.now = PAST + timedelta(hours=1)
        house.post(make_ledger(3, start=PAST))
        house.now = datetime(2026, 2, 5, tzinfo=UTC)
        for form in ("json", "csv", "html"):
            common = ["statement", "--month", "2026-01", "--format", form]
            as_of = ["--as-of", "2026-02-05T00:00:00+00:00"]
            assert main([*common, "--database", str(house.database), *as_of]) == 0
            from_database = capfdbinary.readouterr().out
            assert main([*common, "--url", house.address]) == 0
            from_service = capfdbinary.readouterr().out
            assert from_database == from_service
            assert b"3000000003" in from_database
            assert b"/static/" not in from_database
    assert json.loads(_json(tmp_path / "f.db", capfdbinary))["total"]["energy_uj"] == 3000000003


def _json(database: Path, capfdbinary) -> bytes:
    assert main(["statement", "--month", "2026-01", "--database", str(database)]) == 0
    return bytes(capfdbinary.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--month", "2026-13"], "month: '2026-13' is not a month; write YYYY-MM"),
        (["--month", "2026-11", "--project", "x"], "project: 'x' is not registered"),
        (["--month", "2026-11", "--sia", "x"], "sia: 'x' is neither registered nor in any page"),
        (["--month", "2026-11", "--as-of", "yesterday"], "write an instant with its zone"),
        (["--month", "٢٠٢٦-١١"], "is not a month"),
        (["--month", "2026-11", "--as-of", "0001-01-01T00:00:00+14:00"], "does not reach it"),
        (["--month", "2026-11", "--url", "ftp://x"], "write http://HOST:PORT"),
        (["--month", "2026-11", "--url", "http://["], "write http://HOST:PORT"),
        (["--month", "2026-11", "--url", "http://x:abc"], "write http://HOST:PORT"),
        (["--month", "2026-11", "--url", "http://127.0.0.1:1"], "is the service running?"),
    ],
)
def test_a_statement_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys, arguments: list[str], words: str
) -> None:
    """It names what is wrong and what would be right."""
    path = str(tmp_path / "f.db")
    assert main(["migrate", "--database", path]) == 0
    assert words in failure(capsys, "statement", "--database", path, *arguments)


def test_the_service_s_reason_reaches_the_command_line(tmp_path: Path, capsys) -> None:
    """What the API refuses, the command says in the same words."""
    with House(tmp_path / "f.db", PAST) as house:
        line = failure(capsys, "statement", "--month", "2026-1", "--url", house.address)
    assert (
        line
        == "footprint: statement: month: '2026-1' is not a month; write YYYY-MM, such as 2026-11\n"
    )


def test_factors_are_imported_beside_those_held(tmp_path: Path, capsys) -> None:
    """A zone gets its factor from a file; a wrong file names line and column; nothing is lost."""
    path = str(tmp_path / "f.db")
    header = (
        "indicator;zone;value;unit;valid_from;valid_to;basis;method;uncertainty_percent;source;"
        "published\n"
    )
    row = "gwp;DE;{};gCO2e/kWh;2025-01-01;;life-cycle, consumption mix;location;;A source;2026\n"
    file = tmp_path / "factors.csv"
    file.write_text(header + row.format("350,5"))
    line = failure(capsys, "import", "factors", str(file), "--database", path)
    assert "factors: line 2: value '350,5' is not a number with a decimal point" in line
    file.write_text(header + row.format("350.5"))
    assert main(["import", "factors", str(file), "--database", path]) == 0
    assert main(["import", "factors", str(file), "--database", path]) == 0
    month = month_of(datetime.now(UTC))
    assert main(["statement", "--month", month, "--zone", "DE", "--database", path]) == 0
    out = capsys.readouterr().out
    assert "table of factors: 1 rows, 1 factors" in out
    assert "1 new, 0 changed, 0 as held" in out
    assert "0 new, 0 changed, 1 as held" in out
    assert '"value": "350.5"' in out


def test_wrong_usage_ends_with_two(capsys) -> None:
    """As argparse does."""
    with pytest.raises(SystemExit) as ended:
        main(["statement", "--moth", "2026-11"])
    assert ended.value.code == 2


def test_a_server_that_does_not_speak_http_is_one_line(tmp_path: Path, capsys) -> None:
    """The port of something else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"+OK POP3 ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        line = failure(capsys, "statement", "--month", "2026-11", "--url", url)
        thread.join()
    assert "does not speak HTTP; check the port" in line


def test_a_path_with_a_question_mark_is_a_file_of_that_name(tmp_path: Path) -> None:
    """Nothing of it is an option."""
    path = tmp_path / "q?mode=memory.db"
    assert main(["migrate", "--database", str(path)]) == 0
    assert path.is_file()
    assert not (tmp_path / "q").exists()


def test_without_the_service_s_parts_the_command_names_the_extra() -> None:
    """One line, as on a host where only the agent is installed."""
    program = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from footprint.service.cli import main; main(['--help'])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "footprint: sqlalchemy is missing; install the service: pip install 'footprint[service]'\n"
    )
