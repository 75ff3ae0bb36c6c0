"""`footprint alert-test`, and settings of alerts: one line for what is wrong, without a secret."""

from pathlib import Path

import pytest

from footprint.service import cli
from tests.service.receivers import TO, MailServer, Receiver, command

NEEDED = ("--public-url=https://f.example.fr", "--alert-mail-from=f@example.fr")


@pytest.fixture(name="run")
def make_run(capsys: pytest.CaptureFixture[str]):
    """The command with arguments; its exit code and what it said."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["alert-test", *arguments])
        return code, *capsys.readouterr()

    return run


def test_everybody_who_would_be_told_gets_a_message(run, tmp_path: Path) -> None:
    """And who does not is named, with the reason."""
    with MailServer() as mail, Receiver() as hook:
        arguments = command(tmp_path, mail, hook)
        assert run(*arguments) == (0, f"the webhook's receiver: accepted\n{TO}: accepted\n", "")
        assert mail.subjects() == ["A test of footprint's alerts"]
        assert hook.told()[0]["subject"] == "A test of footprint's alerts"
        hook.status, mail.refuses = 500, "550 no such user"
        code, out, said = run(*arguments)
        assert (code, out) == (1, "")
        assert "footprint: the webhook's receiver: answered 500\n" in said
        assert f"footprint: {TO}: 127.0.0.1:{mail.port}: 550 no such user\n" in said


def test_what_is_said_to_the_server_is_secret(run, tmp_path: Path) -> None:
    """A password goes with nothing but TLS, and a refused one is not repeated."""
    password = tmp_path / "password"
    password.write_text("quite secret\n", encoding="utf-8")
    user = (
        "--alert-mail-user=u",
        f"--alert-mail-password-file={password}",
        f"--alert-mail-to={TO}",
    )
    code, _, said = run(
        *NEEDED, "--alert-mail-server=mail.example.fr", "--alert-mail-security=none", *user
    )
    assert code == 1
    assert "use --alert-mail-security starttls or tls" in said
    with MailServer() as mail:
        server = f"--alert-mail-server=127.0.0.1:{mail.port}"
        code, _, said = run(*NEEDED, server, *user)
        assert code == 1
        assert "STARTTLS extension not supported" in said
        code, _, said = run(*NEEDED, server, "--alert-mail-security=none", *user)
        assert code == 1
        assert "quite secret" not in said
        assert mail.taken == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--alert-mail-server=x"], "needs --alert-mail-from too"),
        (["--alert-mail-from=f@e.fr"], "only with --alert-mail-server"),
        (["--alert-mail-server=x", *NEEDED], "needs --alert-mail-to, or --alert-mail-domain"),
        (["--alert-mail-server=x:0", *NEEDED, f"--alert-mail-to={TO}"], "write HOST or HOST:PORT"),
        (["--alert-mail-server=x", *NEEDED, "--alert-mail-to=a@b\r\nBcc: c@d"], "no mail address"),
        (["--alert-mail-server=x", *NEEDED, "--alert-mail-domain=*"], "no domain"),
        (["--alert-mail-server=x", NEEDED[1], f"--alert-mail-to={TO}"], "needs --public-url"),
        (["--alert-quiet=19-8"], "write HH:MM-HH:MM"),
        (["--alert-quiet=08:00-08:00"], "write HH:MM-HH:MM"),
        (["--alert-seconds=0"], "between 1 and 86400"),
        (["--alert-webhook-file=none"], "cannot read none"),
        (["--alert-webhook-key-file=none"], "only with --alert-webhook-file"),
        ([], "nobody to send to"),
        (["--alert-mail-server=x", *NEEDED, "--alert-mail-to=.a@e.fr"], "no mail address"),
        (["--alert-mail-server=x", *NEEDED, "--alert-mail-to=a..b@e.fr"], "no mail address"),
        (["--alert-mail-server=x", *NEEDED, "--alert-mail-to=a@e..fr"], "no mail address"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(run, arguments: list[str], words: str) -> None:
    """With the remedy."""
    code, out, said = run(*arguments)
    assert (code, out) == (1, "")
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    ["http://example.fr/hook", "https://u:p@example.fr/", "ftp://x", "", "https://e.fr/a b"],
)
def test_an_address_that_nothing_is_posted_to(run, tmp_path: Path, address: str) -> None:
    """It is often a secret: no message repeats it."""
    file = tmp_path / "hook"
    file.write_text(address + "\n", encoding="utf-8")
    code, _, said = run(NEEDED[0], f"--alert-webhook-file={file}")
    assert code == 1
    assert "--alert-webhook-file" in said
    assert not address or address not in said


def test_a_key_of_another_form_is_refused(run, tmp_path: Path) -> None:
    """In base64, of 24 to 64 bytes."""
    hook, key = tmp_path / "hook", tmp_path / "key"
    hook.write_text("https://example.fr/hook\n", encoding="utf-8")
    for text in ("short", "é", "c2hvcnQ="):
        key.write_text(text, encoding="utf-8")
        code, _, said = run(
            NEEDED[0], f"--alert-webhook-file={hook}", f"--alert-webhook-key-file={key}"
        )
        assert code == 1
        assert "openssl rand -base64 32" in said
