"""Accounts by API and by `footprint admin`: who may what, and who gave it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footprint.service.cli import main
from footprint.service.clock import utc_now
from footprint.service.roles import Role
from tests.service import entry
from tests.service.conftest import NOW
from tests.service.house import House

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, without a terminal: exit code, standard output, standard error."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def done(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["admin", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out.strip(), told.err.strip()

    return done


def change(house: House, account: str, **content: Any) -> Any:
    """Give an account other rights by the API."""
    return house.put(f"/v1/accounts/{account}", {"label": "x", **content})


def test_an_administrator_gives_rights_and_the_log_says_so(house: House) -> None:
    """All of them at once; the same again is no change; before and after are in the log."""
    entry.furnish(house)
    account = entry.token_of(house, None)[:20]
    given = change(house, account, roles=["owner", "reader"], projects=[entry.PROJECT])
    assert given.json() | {"created": 0} == {
        "account_id": account,
        "kind": "program",
        "label": "x",
        "roles": ["owner", "reader"],
        "projects": [entry.PROJECT],
        "disabled": False,
        "created": 0,
        "seen": None,
    }
    change(house, account, roles=["owner", "reader"], projects=[entry.PROJECT])
    assert house.get(f"/v1/accounts/{account}").json() == given.json()
    lines = house.get("/v1/audit?limit=1000").json()["items"]
    (line,) = [one for one in lines if one["action"] == f"change {account}"]
    assert line["before"]["roles"] == []
    assert line["after"]["roles"] == ["owner", "reader"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"roles": ["king"]}, "role: 'king' is none; roles: reader, owner, officer"),
        ({"roles": ["meter"]}, "role: 'meter' is none"),
        ({"roles": ["owner"]}, "project: an owner needs one"),
        ({"roles": ["reader"], "projects": ["assistance"]}, "only an owner has them"),
        ({"roles": ["owner"], "projects": ["nothing"]}, "project: 'nothing' is not registered"),
        ({"label": ""}, "label: write 1 to 200 characters"),
        ({"label": "a\nb"}, "label: write 1 to 200 characters on one line"),
    ],
)
def test_rights_that_cannot_be(house: House, content: dict[str, Any], words: str) -> None:
    """422 with what is wrong; nothing changes."""
    entry.furnish(house)
    account = entry.token_of(house, None)[:20]
    before = house.content()
    answer = change(house, account, **content)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert house.content() == before


def test_nobody_changes_their_own_rights(house: House) -> None:
    """Neither up nor down: an administrator's are changed by another."""
    token = entry.token_of(house, Role.ADMINISTRATOR)
    with entry.client(house, token) as client:
        body = {"label": "x", "roles": ["administrator", "auditor"]}
        assert client.put(f"/v1/accounts/{token[:20]}", json=body).status_code == 403


def test_a_disabled_program_is_nobody(house: House) -> None:
    """At once; enabled it is who it was."""
    token = entry.token_of(house, Role.READER)
    with entry.client(house, token) as client:
        for disabled, kind in ((False, "program"), (True, "nobody"), (False, "program")):
            change(house, token[:20], roles=["reader"], disabled=disabled)
            assert client.get("/v1/me").json()["kind"] == kind


def test_the_auditor_reads_the_whole_log(house: House) -> None:
    """By a cursor, every line once, oldest first, with its place in the chain."""
    for name in ("A", "B", "C", "D", "E"):
        house.put("/v1/directorates/dsi", {"name": name})
    with entry.client(house, entry.token_of(house, Role.AUDITOR)) as client:
        found, cursor = [], ""
        while cursor is not None:
            page = client.get("/v1/audit", params={"limit": 2, "cursor": cursor}).json()
            found += page["items"]
            cursor = page["next"]
        assert [one["seq"] for one in found] == [1, 2, 3, 4, 5]
        assert [one["after"]["name"] for one in found] == ["A", "B", "C", "D", "E"]
        assert [one["previous"] for one in found[1:]] == [one["hash"] for one in found[:-1]]
        for text in ("x", "-1", "1" * 30, "²"):
            assert client.get("/v1/audit", params={"cursor": text}).json()["items"][0]["seq"] == 1


def test_no_answer_has_a_digest(house: House) -> None:
    """Of accounts; nor may a cache keep one."""
    entry.token_of(house, Role.READER)
    for path in ("/v1/accounts", "/v1/me", "/v1/audit"):
        answer = house.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert not {"sha256", "password", "subject"} & set(json.dumps(answer.json()).split('"'))


def test_the_first_administrator_is_made_by_command(tmp_path: Path, run: Run) -> None:
    """A password that is made up is told once, alone; it lets in; the log has who was made."""
    database = tmp_path / "new.db"
    code, password, said = run("create", "Admin", "--database", database)
    assert code == 0
    assert len(password) >= 24
    assert "admin, administrator" in said
    assert password not in said
    with House(database, utc_now()) as house:
        form = {"login": "admin", "password": password}
        headers = {"Origin": house.address}
        assert house.client.post("/sign-in", data=form, headers=headers).status_code == 303
        assert house.get("/v1/me").json()["roles"] == ["administrator"]
        (made, _) = house.get("/v1/audit").json()["items"]
        assert made["actor"].startswith("command")
        assert made["after"]["roles"] == ["administrator"]
        assert password not in repr(house.content())


def test_a_password_from_a_file_is_not_told(tmp_path: Path, run: Run) -> None:
    """And held to its length."""
    database, file = tmp_path / "new.db", tmp_path / "password"
    file.write_text("quatre mots pour entrer\n", encoding="utf-8")
    code, out, _ = run("create", "a", "--password-file", file, "--database", database)
    assert (code, out) == (0, "")
    file.write_text("short\n", encoding="utf-8")
    code, _, said = run("create", "b", "--password-file", file, "--database", database)
    assert code == 1
    assert "password: 12 to 200 characters" in said
    assert said.count("\n") == 0
    assert "local  b" not in run("list", "--database", database)[1]


def test_accounts_are_changed_by_command(tmp_path: Path, run: Run) -> None:
    """Rights, a new password, disabled, enabled; each is in the log, and in the list."""
    database = tmp_path / "f.db"
    with House(database, NOW) as house:
        entry.furnish(house)
        _, token, said = run("token", "prometheus", "--database", database)
        assert token.startswith("fpp_")
        assert token not in said
        with entry.client(house, token) as client:
            assert client.get("/metrics").status_code == 200
        number = token[:20]
        assert run("disable", number, "--database", database)[2].endswith("disabled")
        assert run("enable", number, "--database", database)[2].endswith("never seen")
        told = ("--role", "owner", "--project", entry.PROJECT)
        assert f"owner of {entry.PROJECT}" in run("grant", number, *told, "--database", database)[2]
        listed = run("list", "--database", database)[1]
        assert f"{number}  program  prometheus  owner of {entry.PROJECT}  never seen" in listed
        actions = [one["action"] for one in house.get("/v1/audit?limit=1000").json()["items"]]
        assert actions[-4:] == [f"make {number}", *[f"change {number}"] * 3]
        run("create", "a", "--role", "auditor", "--database", database)
        code, password, said = run("password", "A", "--database", database)
        assert (code, "auditor" in said) == (0, True)
        form = {"login": "a", "password": password}
        headers = {"Origin": house.address}
        assert house.client.post("/sign-in", data=form, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "a b"], "login: 'a b': write letters"),
        (["create", "taken"], "login: 'taken' has an account already"),
        (["create", "x", "--role", "owner"], "project: an owner needs one"),
        (["grant", "nobody", "--role", "reader"], "account 'nobody': there is none"),
        (["password", "fpp"], "account 'fpp': there is none"),
        (["create", "x", "--password-file", "/nowhere"], "--password-file: cannot read /nowhere"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, run: Run, arguments: list[str], words: str
) -> None:
    """And changes nothing."""
    database = tmp_path / "f.db"
    assert run("create", "taken", "--database", database)[0] == 0
    before = run("list", "--database", database)[1]
    code, _, said = run(*arguments, "--database", database)
    assert code == 1
    assert words in said
    assert said.count("\n") == 0
    assert run("list", "--database", database)[1] == before
