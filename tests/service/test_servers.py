"""Shared servers and functional units in the register: what they hold, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from footprint.interval import to_us
from footprint.service import store_register, store_versions
from footprint.service.cli import main
from footprint.service.register import Server, Weights
from tests.service.house import House, content

BOARDS = tuple(f"GPU-00000000-0000-4000-8000-{number:012}" for number in range(4))
REGISTER = f"""\
sia:
  - {{code: chat-demo, name: Assistant, unit: document}}
  - {{code: tri-courrier, name: Tri}}
servers:
  - {{code: plain, name: Serveur simple}}
  - code: albert-large
    name: Albert
    weights: {{prompt: 2, generated: 7}}
    idle: none
    models:
      mistral-small: [{BOARDS[0]}, {BOARDS[1]}]
      embedder: [{BOARDS[2]}]
"""
ALBERT = Server(
    code="albert-large",
    name="Albert",
    weights=Weights(prompt=2, generated=7),
    idle="none",
    models={"mistral-small": [BOARDS[0], BOARDS[1]], "embedder": [BOARDS[2]]},
)


def load(tmp_path: Path, text: str) -> int:
    file = tmp_path / "register.yaml"
    file.write_text(text, encoding="utf-8")
    return main(["import", "registry", str(file), "--database", str(tmp_path / "footprint.db")])


def held(house: House, at=None) -> dict[str, Server]:
    with house.app.state.footprint.store.read() as connection:
        as_of_us = store_versions.EVER_US if at is None else to_us(at)
        return store_register.servers(connection, as_of_us)


def test_a_file_may_have_servers_and_units(tmp_path: Path, capsys) -> None:
    """The command says what it did, by list; the same file again does nothing."""
    assert load(tmp_path, REGISTER) == 0
    before = content(tmp_path / "footprint.db")
    assert [row[3] for row in before["sia"]] == ["document", None]
    assert len(before["server_model"]) == 3
    assert load(tmp_path, REGISTER) == 0
    assert content(tmp_path / "footprint.db") == before
    path = tmp_path / "footprint.db"
    assert capsys.readouterr().out.splitlines() == [
        f"footprint: {count} new or changed in {path}: directorates 0, projects 0, {lists}, "
        "sites 0, hardware 0, externals 0"
        for count, lists in ((4, "sia 2, servers 2"), (0, "sia 0, servers 0"))
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "words"),
    [
        ("prompt: 2", "promt: 2", 8, "promt: no such field; allowed: prompt, generated"),
        ("prompt: 2", "prompt: 0", 8, "prompt: Expected `int` >= 1"),
        ("generated: 7", "generated: 1001", 8, "generated: Expected `int` <= 1000"),
        ("generated: 7", "generated: 2.5", 8, "generated: Expected `int`"),
        ("{prompt: 2, generated: 7}", "{prompt: 2}", 8, "missing required field `generated`"),
        ("{prompt: 2, generated: 7}", "4", 8, "write a mapping of prompt, generated"),
        ("idle: none", "idle: some", 9, "idle: Invalid enum value 'some'"),
        ("idle: none", "idel: none", 9, "idel: no such field; allowed: code, name, weights, idle"),
        (f"{BOARDS[0]}, {BOARDS[1]}", f"{BOARDS[2]}", 12, "already the board of model 'mistral-s"),
        (f"[{BOARDS[2]}]", f"[{BOARDS[2]}, {BOARDS[2]}]", 12, "already the board of model 'embed"),
        (f"[{BOARDS[2]}]", "[0]", 12, "models: write a list of GPU UUIDs after each model"),
        (f"[{BOARDS[2]}]", "[MIG-1]", 12, "'MIG-1' is no UUID of a GPU, which begins with GPU-"),
        (f"[{BOARDS[2]}]", "[]", 12, "'embedder' has no boards; give their GPU UUIDs, or leave"),
        (f"[{BOARDS[2]}]", BOARDS[2], 12, "models: write a list of GPU UUIDs after each model"),
        ("embedder: [", "Embedder V2: [", 12, "'Embedder V2' is not a code"),
        ("{code: plain", "{code: chat-demo", 5, "'chat-demo' is a SIA's already"),
        ("{code: plain", "{code: albert-large", 6, "'albert-large' stands twice"),
        ("unit: document", "unit: ''", 2, "unit: Expected `str` of length >= 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, capsys, *, right: str, wrong: str, line: int, words: str
) -> None:
    """One line with line, field and remedy; nothing of the file is imported."""
    assert right in REGISTER
    assert load(tmp_path, REGISTER.replace(right, wrong, 1)) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"register.yaml, line {line}: " in message
    assert words in message
    assert not (tmp_path / "footprint.db").exists() or not content(tmp_path / "footprint.db")["sia"]


def test_a_code_is_a_sia_s_or_a_server_s_for_good(house: House) -> None:
    """Whichever of the two was registered first, by file or by the API."""
    house.put("/v1/sia/chat", {"name": "Chat"})
    house.put("/v1/servers/albert", {"name": "Albert"})
    server = house.put("/v1/servers/chat", {"name": "Chat"})
    sia = house.put("/v1/sia/albert", {"name": "Albert"})
    assert (server.status_code, sia.status_code) == (422, 422)
    assert "'chat' is a SIA's already" in server.json()["detail"]
    assert "'albert' is a shared server's already" in sia.json()["detail"]


def test_a_board_has_one_server_and_may_change_it(house: House) -> None:
    """While another server held has it, it is refused; once given up it is free."""
    models = {"mistral-small": [BOARDS[0]]}
    assert house.put("/v1/servers/one", {"name": "One", "models": models}).status_code == 200
    taken = house.put("/v1/servers/two", {"name": "Two", "models": models})
    assert taken.status_code == 422
    assert "of server 'one'" in taken.json()["detail"]
    house.put("/v1/servers/one", {"name": "One"})
    assert house.put("/v1/servers/two", {"name": "Two", "models": models}).status_code == 200


def test_servers_are_dated_like_the_rest(house: House) -> None:
    """PUT corrects with a new row, and what was declared at an instant can be had again."""
    house.put("/v1/servers/albert-large", {"name": "Albert"})
    then = house.now
    house.now += timedelta(days=1)
    body = {
        "name": "Albert",
        "weights": {"prompt": 2, "generated": 7},
        "idle": "none",
        "models": {"mistral-small": [BOARDS[0], BOARDS[1]], "embedder": [BOARDS[2]]},
    }
    assert house.put("/v1/servers/albert-large", body).status_code == 200
    assert held(house) == {"albert-large": ALBERT}
    assert held(house, then) == {"albert-large": Server(code="albert-large", name="Albert")}
    answer = house.get("/v1/servers/albert-large").json()
    assert answer == {"code": "albert-large", **body}
    assert house.get("/v1/servers").json()["items"] == [answer]
    before = house.content()
    house.now += timedelta(days=1)
    house.put("/v1/servers/albert-large", body)
    assert house.content() == before


def test_a_sia_s_unit_is_dated_too(house: House) -> None:
    """Naming it later changes nothing of what was known before."""
    house.put("/v1/sia/chat", {"name": "Chat"})
    then = house.now
    house.now += timedelta(days=1)
    assert house.put("/v1/sia/chat", {"name": "Chat", "unit": "page"}).json()["unit"] == "page"
    with house.app.state.footprint.store.read() as connection:
        assert store_register.sia(connection)["chat"].unit == "page"
        assert store_register.sia(connection, to_us(then))["chat"].unit is None
