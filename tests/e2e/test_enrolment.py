"""The agent's commands against the running service: a code becomes a token, a token the next."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from exporters import enrol, push
from exporters.cli import main
from footprint.interval import to_us
from footprint.ledger import Envelope
from footprint.service import access, store_access
from footprint.service.settings import digest
from tests.pages import make_ledger
from tests.service.house import House

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAY_US = access.US_PER_DAY


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A service that wants a token."""
    with House(tmp_path / "f.db", NOON, token_sha256=digest("x" * 30)) as opened:
        yield opened


@pytest.fixture
def code_file(house: House, tmp_path: Path) -> Path:
    """A file with a code for gpu-01."""
    with house.app.state.footprint.store.write() as connection:
        made = access.make_code(connection, "gpu-01", DAY_US, to_us(NOON))
    path = tmp_path / "code"
    path.write_text(made.text + "\n")
    return path


def run(house: House, tmp_path: Path, verb: str, *arguments: str) -> int:
    """`footprint-agent` with its token file."""
    where = ["--service", house.address, "--token-file", str(tmp_path / "token")]
    return main([verb, *where, *arguments])


def envelopes(count: int = 1) -> list[Envelope]:
    """Pages of gpu-01 on their way."""
    return [
        Envelope(page.hash, msgspec.Raw(page.body)) for page in make_ledger(count, host_id="gpu-01")
    ]


def send(service: push.Service, count: int = 1) -> int:
    """The status of a push."""
    try:
        return service.send(envelopes(count))[0]
    finally:
        service.close()


def test_a_host_enrols_and_pushes(house: House, code_file: Path, tmp_path: Path, capsys) -> None:
    """The file is its owner's alone, and holds what the service takes for this host."""
    assert run(house, tmp_path, "enrol", "--code-file", str(code_file), "--host-id", "gpu-01") == 0
    token_file = tmp_path / "token"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    token = push.read_token(str(token_file))
    assert send(push.Service(house.address, token)) == 200
    said = capsys.readouterr()
    assert "enrolled as gpu-01" in said.out
    assert str(token) not in said.out + said.err
    assert list(tmp_path.glob(".token*")) == []
    with house.app.state.footprint.store.read() as connection:
        (held,) = store_access.tokens(connection)
    assert held.fingerprint == enrol.fingerprint()
    assert held.first_used_us is not None


def test_a_code_used_before_is_one_line(house: House, code_file: Path, tmp_path: Path, capsys):
    """And the token that is there stays."""
    arguments = ("--code-file", str(code_file), "--host-id", "gpu-01")
    assert run(house, tmp_path, "enrol", *arguments) == 0
    before = (tmp_path / "token").read_bytes()
    capsys.readouterr()
    assert run(house, tmp_path, "enrol", *arguments) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "answers 401: the code is wrong, used, expired" in said
    assert (tmp_path / "token").read_bytes() == before
    assert list(tmp_path.glob(".token*")) == []


def test_a_file_that_cannot_be_written_uses_no_code_up(
    house: House, code_file: Path, tmp_path: Path, capsys
) -> None:
    """It is begun before the service is asked."""
    absent = str(tmp_path / "absent" / "token")
    arguments = ["--service", house.address, "--code-file", str(code_file), "--host-id", "gpu-01"]
    assert main(["enrol", *arguments, "--token-file", absent]) == 1
    assert "token_file: cannot write to" in capsys.readouterr().err
    assert main(["enrol", *arguments, "--token-file", str(tmp_path / "token")]) == 0


def test_a_running_agent_takes_the_next_token_up(
    house: House, code_file: Path, tmp_path: Path
) -> None:
    """Its connection has the old one, which is refused; it reads the file again, and goes on."""
    assert run(house, tmp_path, "enrol", "--code-file", str(code_file), "--host-id", "gpu-01") == 0
    token_file = str(tmp_path / "token")
    old = push.read_token(token_file)
    running = push.Service(house.address, old, token_file=token_file)
    assert send(running) == 200
    house.now += timedelta(days=1)
    assert run(house, tmp_path, "rotate") == 0
    assert push.read_token(token_file) != old
    assert send(push.Service(house.address, old), 2) == 401
    assert send(running, 2) == 200
    assert len(house.content()["page"]) == 2


def test_a_refused_token_is_asked_once_more_at_most(house: House, tmp_path: Path) -> None:
    """Where the file has the same, or none, the refusal stands."""
    token_file = tmp_path / "token"
    token_file.write_text("wrong-token-of-some-length")
    service = push.Service(house.address, "wrong-token-of-some-length", token_file=str(token_file))
    assert send(service) == 401
    token_file.unlink()
    assert send(service) == 401
    assert len(house.content()["page"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["enrol", "--code-file", "/nowhere"], "service: which one?"),
        (["enrol", "--code-file", "/nowhere", "--service", "http://127.0.0.1:1"], "token_file: "),
        (["rotate", "--service", "http://127.0.0.1:1", "--token-file", "/nowhere/t"], "/nowhere/t"),
        (
            ["enrol", "--code-file", "/nowhere", "--service", "http://127.0.0.1:1",
             "--token-file", "/tmp/t", "--host-id", "x"],
            "--code-file: cannot read /nowhere",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(arguments: list[str], words: str, capsys) -> None:
    """One line, and exit code 1."""
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert (said.count("\n"), words in said) == (1, True)


def test_a_service_that_is_not_there_is_one_line(tmp_path: Path, capsys) -> None:
    """With what to look at; nothing is left behind."""
    (tmp_path / "code").write_text("fpe_x")
    arguments = ["--service", "http://127.0.0.1:1", "--token-file", str(tmp_path / "token")]
    arguments += ["--code-file", str(tmp_path / "code"), "--host-id", "x"]
    assert main(["enrol", *arguments]) == 1
    assert "cannot reach http://127.0.0.1:1" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["code"]


def test_a_code_sent_in_the_clear_is_said(tmp_path: Path, capsys) -> None:
    """By http to another machine whoever listens reads it, and the token."""
    (tmp_path / "code").write_text("fpe_x")
    arguments = ["--service", "http://0.0.0.0:1", "--token-file", str(tmp_path / "token")]
    assert main(["enrol", *arguments, "--code-file", str(tmp_path / "code"), "--host-id", "x"]) == 1
    assert "is no https" in capsys.readouterr().err
