"""`footprint access`: what an operator types to let hosts in and out, and to see what was done."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.service import audit
from footprint.service.cli import main
from footprint.service.settings import digest
from tests.pages import batch, make_ledger
from tests.service.house import JSON, House

PAST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database that is there."""
    path = str(tmp_path / "f.db")
    assert main(["migrate", "--database", path]) == 0
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of `footprint access`."""
    capsys.readouterr()
    code = main(["access", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_operator_lets_a_host_in_and_out(database: str, capsys) -> None:
    """The code alone is on standard output; what became of it is listed without it."""
    code, secret, said = run(capsys, "code", "--host", "gpu-01", "--database", database)
    secret = secret.strip()
    assert (code, secret[:4]) == (0, "fpe_")
    assert "for host gpu-01, 2 days, once" in said
    assert secret not in said
    with House(Path(database), datetime.now(UTC), token_sha256=digest("x" * 30)) as house:
        asked = {"code": secret, "host_id": "gpu-01", "fingerprint": "0" * 32}
        token = house.client.post("/v1/enrolments", json=asked).json()["token"]
        headers = JSON | {"Authorization": f"Bearer {token}"}
        body = batch(make_ledger(1, host_id="gpu-01"))
        assert house.client.post("/v1/pages", content=body, headers=headers).status_code == 200
        listed = run(capsys, "list", "--database", database)[1]
        assert f"{token[:20]}  gpu-01  made " in listed
        assert "in use since" in listed
        assert f"used for {token[:20]}" in listed
        assert token not in listed
        assert run(capsys, "revoke", "--host", "gpu-01", "--database", database)[0] == 0
        assert house.client.post("/v1/pages", content=body, headers=headers).status_code == 401
    log = run(capsys, "log", "--database", database)[1].splitlines()
    actors = [audit.COMMAND, audit.COMMAND, secret[:20], token[:20], token[:20]]
    assert sorted(line.split("  ")[1] for line in log) == actors
    assert {line.split("  ")[3] for line in log} == {"gpu-01"}
    assert sum(line.endswith("refused: revoked") for line in log) == 1
    assert run(capsys, "log", "--host", "gpu-02", "--database", database)[1] == ""


def test_a_code_and_a_token_are_revoked_by_their_public_part(database: str, capsys) -> None:
    """Once; what is not valid any more says so."""
    _, secret, _ = run(capsys, "code", "--any", "--days", "90", "--database", database)
    assert "valid until" in run(capsys, "list", "--database", database)[1]
    public = secret[:20]
    assert run(capsys, "revoke", "--code", public, "--database", database)[0] == 0
    assert "revoked" in run(capsys, "list", "--database", database)[1]
    for what, name in (("code", public), ("token", "fph_0"), ("host", "gpu-01")):
        code, _, said = run(capsys, "revoke", f"--{what}", name, "--database", database)
        assert (code, said.count("\n")) == (1, 1)
        assert f"--{what} {name}: nothing valid to revoke" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["code", "--host", "GPU 01"], "--host: 'GPU 01' is not a code"),
        (["code", "--any", "--days", "0"], "--days 0: write 1 to 90"),
        (["code", "--any", "--days", "91"], "--days 91: write 1 to 90"),
    ],
)
def test_what_cannot_be_is_one_line(database: str, capsys, arguments, words) -> None:
    """It names what is wrong and what would be right; nothing is made."""
    code, out, said = run(capsys, *arguments, "--database", database)
    assert (code, out) == (1, "")
    assert words in said
    assert run(capsys, "list", "--database", database)[1] == ""


def test_without_a_database_nothing_is_made(tmp_path: Path, capsys) -> None:
    """A code in a file that no service reads would be of no use."""
    path = str(tmp_path / "absent.db")
    code, out, said = run(capsys, "code", "--any", "--database", path)
    assert (code, out) == (1, "")
    assert "no such file" in said
    assert not Path(path).exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--limit", "connection=5"], "names: body_limit_bytes"),
        (["--proxy", "x"], "--proxy x: "),
        (["--audit-days", "0"], "--audit-days 0: "),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(database: str, option: list[str], words: str) -> None:
    """The service does not start."""
    command = [sys.executable, "-m", "footprint.service.cli", "serve", "--database", database]
    command += ["--listen", "127.0.0.1:0", *option]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr
