"""The register: who runs what, through the API and from a file; nothing is overwritten."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from footprint.service.cli import main
from tests.service.house import House, content

REGISTER = """\
directorates:
  - {code: dgfip, name: Direction générale des Finances publiques}
projects:
  - {code: accueil, name: Accueil, directorate: dgfip}
  - {code: courrier, name: Courrier, directorate: dgfip}
sia:
  - {code: chat-demo, name: Assistant, project: accueil}
  - code: tri-courrier
    name: Tri du courrier
    shares:
      - {project: accueil, permille: 333, from: 2026-01-01}
      - {project: courrier, permille: 667, from: 2026-01-01}
"""


def load(tmp_path: Path, text: str) -> int:
    file = tmp_path / "register.yaml"
    file.write_text(text, encoding="utf-8")
    return main(["import", "registry", str(file), "--database", str(tmp_path / "footprint.db")])


def test_a_file_is_taken_over_whole(tmp_path: Path, capsys) -> None:
    """Directorates, projects, SIA and shares; the same file again changes nothing."""
    assert load(tmp_path, REGISTER) == 0
    before = content(tmp_path / "footprint.db")
    assert [len(before[name]) for name in ("directorate", "project", "sia", "share")] == [
        1, 2, 2, 3,
    ]  # fmt: skip
    assert load(tmp_path, REGISTER) == 0
    assert content(tmp_path / "footprint.db") == before
    assert capsys.readouterr().out.splitlines()[1].startswith("footprint: 0 new or changed")


@pytest.mark.parametrize(
    ("wrong", "right", "line", "words"),
    [
        (
            "permile: 667",
            "permille: 667",
            12,
            "permile: no such field; allowed: from, to, project, permille",
        ),
        ("projets:", "projects:", 3, "projets: no such field; allowed: directorates, projects"),
        ("permille: 666", "permille: 667", 10, "add up to 999 permille from 2026-01-01 on"),
        ("permille: sept", "permille: 667", 12, "permille: Expected `int`, got `str`"),
        ("permille: 0", "permille: 667", 12, "permille: Expected `int` >= 1"),
        (
            "from: 0001-01-01}\n      - ",
            "from: 2026-01-01}\n      - ",
            11,
            "`from` 0001-01-01 is n",
        ),
        ("from: 2026-13-01}\n      - ", "from: 2026-01-01}\n      - ", 11, "from: "),
        ("{project: acueil,", "{project: accueil,", 11, "'acueil' is not known; known: accueil, c"),
        ("code: Chat Demo", "code: chat-demo", 7, "code: Expected `str` matching"),
        ("code: accueil, name: C", "code: courrier, name: C", 5, "'accueil' stands twice"),
        ("directorate: dgfp}\n  - {code: c", "directorate: dgfip}\n  - {code: c", 4, "'dgfp' is"),
        ("{code: dgfip: ", "{code: dgfip, ", 2, "not YAML"),
        ("name: A, name: B", "name: Assistant", 7, "name: stands twice"),
        ("project: accueil, shares: []}", "project: accueil}", 7, "either project or shares"),
    ],
)
def test_a_typo_names_line_field_and_what_is_allowed(
    tmp_path: Path, capsys, *, wrong: str, right: str, line: int, words: str
) -> None:
    """One line, exit code 1, and nothing of the file is imported."""
    assert right in REGISTER
    assert load(tmp_path, REGISTER) == 0
    before = content(tmp_path / "footprint.db")
    assert load(tmp_path, REGISTER.replace(right, wrong, 1).replace("Accueil", "Changed")) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"register.yaml, line {line}: " in message
    assert words in message
    assert content(tmp_path / "footprint.db") == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sia: " + "[" * 900 + "]" * 900, "nested too deeply"),
        ("sia: &a [*a]", "line 1: not YAML: aliases (*name) are not taken"),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "aliases (*name) are not taken; write the value out",
        ),
        (REGISTER.replace("permille: 667", "permille: " + "1" * 5000), "permille: Expected `int`"),
        ("sia: \0", "not YAML: unacceptable character"),
        ('"a\\nb\\e[2J": []', "line 1: a b [2J: no such field"),
        (f"? {'x' * 100_000}\n: []", "x" * 500 + "; nothing was imported"),
        (f"sia: !{'x' * 100} [", "not YAML: "),
    ],
    ids=["deep", "itself", "bomb", "digits", "nul", "lines", "long", "tag"],
)
def test_a_hostile_file_is_one_line(tmp_path: Path, capsys, text: str, words: str) -> None:
    """Neither a traceback nor a long wait."""
    assert load(tmp_path, text) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert len(message) < 1000
    assert words in message


def test_the_api_makes_lists_and_corrects(house: House) -> None:
    """PUT, GET and lists by cursor; a correction is a new row beside the old one."""
    house.put("/v1/directorates/dgfip", {"name": "DGFiP"})
    for number in range(5):
        house.put(f"/v1/projects/p{number}", {"name": f"P{number}", "directorate": "dgfip"})
    first = house.get("/v1/projects?limit=3").json()
    rest = house.get(f"/v1/projects?limit=3&cursor={first['next']}").json()
    assert [item["code"] for item in first["items"] + rest["items"]] == [f"p{n}" for n in range(5)]
    assert rest["next"] is None
    house.now += timedelta(seconds=1)
    house.put("/v1/projects/p0", {"name": "P0", "directorate": "dgfip"})
    house.put("/v1/projects/p1", {"name": "Other", "directorate": "dgfip"})
    assert house.get("/v1/projects/p1").json()["name"] == "Other"
    names = [row[2] for row in house.content()["project"] if row[0] in ("p0", "p1")]
    assert sorted(names) == ["Other", "P0", "P1"]
    assert house.get("/v1/projects/p9").status_code == 404


def test_two_corrections_at_one_instant_are_two_rows(house: House) -> None:
    """The later one holds."""
    for name in ("A", "B", "C"):
        assert house.put("/v1/directorates/dgfip", {"name": name}).status_code == 200
    assert house.get("/v1/directorates/dgfip").json()["name"] == "C"
    assert len(house.content()["directorate"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("sia/Chat", {"name": "x"}, "'Chat' is not a code"),
        ("sia/@system", {"name": "x"}, "'@system' is not a code"),
        ("sia/chat", {"name": ""}, "length >= 1"),
        ("sia/chat", {"name": "x", "code": "other"}, "is not the path's"),
        ("sia/chat", {"name": "x", "shares": [{"project": "p", "permille": 1000}]}, "'p' is not"),
        ("projects/p", {"name": "x", "directorate": "d"}, "'d' is not known; known: none yet"),
        ("projects/p", {"name": "x"}, "missing required field `directorate`"),
    ],
)
def test_what_cannot_be_registered_is_said(house: House, path: str, body, words: str) -> None:
    """422 with the field and the reason; nothing is stored."""
    answer = house.put(f"/v1/{path}", body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert not any(house.content()[name] for name in ("directorate", "project", "sia"))


@pytest.mark.parametrize("dates", [{"from": "0001-01-01"}, {"to": "9999-12-31"}])
def test_a_share_of_an_impossible_time_is_refused(house: House, dates: dict[str, str]) -> None:
    """422 names the share's field and the days that may be named; nothing is stored."""
    house.put("/v1/directorates/d", {"name": "D"})
    house.put("/v1/projects/p", {"name": "P", "directorate": "d"})
    share = {"project": "p", "permille": 1000, **dates}
    answer = house.put("/v1/sia/chat", {"name": "Chat", "shares": [share]})
    assert answer.status_code == 422
    assert f"`{next(iter(dates))}`" in answer.json()["detail"]
    assert "is not between 1970-01-01 and 2200-12-31" in answer.json()["detail"]
    assert not house.content()["share"]


def test_nobody_undoes_what_they_have_not_seen(house: House) -> None:
    """A correction with the `ETag` of another version is refused; with the present one, or without
    any, it is taken."""
    first = house.put("/v1/directorates/dsi", {"name": "DSI"})
    assert house.get("/v1/directorates/dsi").headers["etag"] == first.headers["etag"]

    def correct(name: str, etag: str) -> httpx.Response:
        given = {"If-Match": etag}
        return house.client.put("/v1/directorates/dsi", json={"name": name}, headers=given)

    second = correct("Direction du numérique", first.headers["etag"])
    assert second.status_code == 200
    assert second.headers["etag"] != first.headers["etag"]
    late = correct("Une autre", first.headers["etag"])
    assert late.status_code == 412
    assert second.headers["etag"] in late.json()["detail"]
    assert house.get("/v1/directorates/dsi").json()["name"] == "Direction du numérique"
    assert (
        house.put("/v1/directorates/dsi", {"name": "DSI"}).headers["etag"] == first.headers["etag"]
    )
    new = house.client.put("/v1/directorates/x", json={"name": "X"}, headers={"If-Match": '"x"'})
    assert new.status_code == 412
    assert house.get("/v1/directorates/x").status_code == 404
