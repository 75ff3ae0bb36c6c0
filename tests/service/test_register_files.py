"""The register in and out as YAML and CSV: the same content, its history, every fault named."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprint.service import registry_csv, store_register
from footprint.service.cli import main
from footprint.service.clock import utc_now
from footprint.service.register import Directorate, Register, Share, Sia
from footprint.service.store import open_store
from tests.service.house import House, content
from tests.service.test_cli import failure

DIRECTORATES = 3
PROJECTS = 12
SYSTEMS = 40
STAGES = ("study", "experiment", "deployment", "production", "retired")


def register(stage_of_last: str = "retired") -> str:
    """3 directorates, 12 projects and 40 SIA, as somebody writes them."""
    lines = ["directorates:"]
    lines += [f"  - {{code: dir-{n}, name: Direction {n}}}" for n in range(DIRECTORATES)]
    lines += ["projects:"]
    lines += [
        f"  - {{code: projet-{n}, name: Projet {n}, directorate: dir-{n % DIRECTORATES}}}"
        for n in range(PROJECTS)
    ]
    lines += ["sia:"]
    for n in range(SYSTEMS):
        stage = stage_of_last if n == SYSTEMS - 1 else STAGES[n % len(STAGES)]
        lines += [
            f"  - code: sia-{n:02}",
            f"    name: Système d’IA {n}",
            f"    purpose: 'Répond aux usagers : {n}'",
            f"    stage: {stage}",
            f"    hosting: {('own', 'shared', 'external')[n % 3]}",
        ]
        if n % 4:
            lines += [f"    project: projet-{n % PROJECTS}", "    owner: Chef de projet"]
        else:
            lines += [
                "    charter: allowed",
                "    users: 10-49",
                "    shares:",
                f"      - {{project: projet-{n % PROJECTS}, permille: 250, from: 2026-01-01}}",
                f"      - {{project: projet-{(n + 1) % PROJECTS}, permille: 750, "
                "from: 2026-01-01}",
                f"    aliases: [{{code: vieux-{n}, to: 2026-03-01}}, {{code: inconnu-{n}}}]",
            ]
    return "\n".join(lines) + "\n"


def load(folder: Path, text: str, name: str = "register.yaml") -> int:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return main(["import", "registry", str(file), "--database", str(folder / "footprint.db")])


def export(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    database = str(folder / "footprint.db")
    assert main(["export", "registry", *options, "--database", database]) == 0
    return capsys.readouterr().out


def test_out_and_in_again_it_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed, exported, imported again: nothing new; into another database: the same register."""
    assert load(tmp_path, register("study")) == 0
    assert load(tmp_path, register()) == 0
    before = content(tmp_path / "footprint.db")
    assert len(before["sia"]) == SYSTEMS + 1  # the one that changed has both versions
    written = export(tmp_path, capsys)
    assert load(tmp_path, written) == 0
    assert content(tmp_path / "footprint.db") == before
    other = tmp_path / "other"
    other.mkdir()
    assert load(other, written) == 0
    assert export(other, capsys) == written
    for name in ("directorates", "projects", "sia"):
        table = export(tmp_path, capsys, "--format", "csv", "--list", name)
        assert load(tmp_path, table, f"{name}.csv") == 0
        assert export(other, capsys, "--format", "csv", "--list", name) == table
    assert content(tmp_path / "footprint.db") == before


SHORT = "code;name;purpose;stage;hosting;charter;owner;unit;users;shares"
HEADER = f"{SHORT};aliases"


def test_what_a_csv_has_no_column_for_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Aliases of a file from before there were any; whatever somebody left out; an empty field is
    none."""
    assert load(tmp_path, register()) == 0
    whole = export(tmp_path, capsys, "--format", "csv", "--list", "sia")
    before = content(tmp_path / "footprint.db")
    short = "\n".join(row.rpartition(";")[0] for row in whole.splitlines())
    assert short.startswith(SHORT + "\n")
    assert load(tmp_path, short, "short.csv") == 0
    assert load(tmp_path, "unit;code;name\npage;neu;Neu\n", "new.csv") == 0
    assert content(tmp_path / "footprint.db")["sia_alias"] == before["sia_alias"]
    table = export(tmp_path, capsys, "--format", "csv", "--list", "sia")
    assert sorted(table.splitlines()) == sorted([*whole.splitlines(), "neu;Neu;;;;;;page;;;"])
    assert load(tmp_path, "aliases;name;code\n;Autre;sia-00\n", "some.csv") == 0
    table = export(tmp_path, capsys, "--format", "csv", "--list", "sia")
    rows = list(csv.DictReader(io.StringIO(table), delimiter=";"))
    (changed,) = [row for row in rows if row["code"] == "sia-00"]
    assert (changed["name"], changed["aliases"]) == ("Autre", "")
    was = next(csv.DictReader(io.StringIO(whole), delimiter=";"))
    assert {**changed, "name": was["name"], "aliases": was["aliases"]} == was


def test_a_typo_in_line_214_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line, field and what is allowed."""
    assert load(tmp_path, register()) == 0
    before = content(tmp_path / "footprint.db")
    lines = register().split("\n")
    at = next(place for place, line in enumerate(lines) if place >= 200 and "stage:" in line)
    lines[at] = "    stage: produciton"
    lines[at:at] = ["# a remark"] * (213 - at)
    (tmp_path / "typo.yaml").write_text("\n".join(lines), encoding="utf-8")
    capsys.readouterr()
    line = failure(
        capsys,
        *("import", "registry", str(tmp_path / "typo.yaml")),
        *("--database", str(tmp_path / "footprint.db")),
    )
    assert "line 214: stage: Invalid enum value 'produciton'" in line
    assert "allowed: deployment, experiment, production, retired, study" in line
    assert "nothing was imported" in line
    assert content(tmp_path / "footprint.db") == before


TEXTS = (
    st.text(
        st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=40
    )
    .map(str.strip)
    .filter(lambda text: text and "@" not in text)
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(name=TEXTS, purpose=st.none() | TEXTS, owner=st.none() | TEXTS, unit=st.none() | TEXTS)
def test_any_text_survives_a_spreadsheets_csv(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    purpose: str | None,
    owner: str | None,
    unit: str | None,
) -> None:
    """Formulas, quotes, separators, apostrophes: written and read alike."""
    item = Sia(
        code="chat",
        name=name,
        shares=[Share(project="p", permille=1000)],
        purpose=purpose,
        owner=owner,
        unit=unit,
    )
    file = tmp_path_factory.mktemp("csv") / "sia.csv"
    file.write_text(registry_csv.text("sia", [item]), encoding="utf-8", newline="")
    assert registry_csv.read(file).register.sia == [item]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the columns are those of no list"),
        (
            "code;nom\nx;y\n",
            "the columns are those of no list; write one of directorates: code;name",
        ),
        ("code;name\na\n", "line 2: 1 fields instead of 2"),
        ("code;name\nA B;x\n", "line 2: code: "),
        ("code;name\na;x\na;y\n", "line 3: code: 'a' stands twice"),
        ('code;name\n"a;x\n', "line 2: not CSV"),
        ("code;name;directorate\np;P;nowhere\n", "line 2: directorate: 'nowhere' is not known"),
        (
            f"{HEADER}\nc;C;;prod;;;;;;;\n",
            "line 2: stage: Invalid enum value 'prod'; allowed: deployment",
        ),
        (f"{HEADER}\nc;C;;;;;;;9;;\n", "line 2: users: Invalid enum value '9'; allowed: 1-9"),
        (
            f"{HEADER}\nc;C;;;;;;;;p;\n",
            "line 2: shares: 'p' is no share; write project=permille",
        ),
        (
            f"{HEADER}\nc;C;;;;;a@b.fr;;;;\n",
            "line 2: owner: looks like an address",
        ),
        (
            f"{HEADER}\nc;C;;;;;;;;p=²;\n",
            "line 2: shares: 'p=²' is no share; write project=permille",
        ),
        (
            f"{HEADER}\nc;C;;;;;;;;;a@b\n",
            "line 2: aliases: 'a@b' is none; write code, or code@from/to",
        ),
        ("code;name\na;A\nb;B \n", "line 3: name: 'B ' has blanks around it; take them away"),
        ("code;name\na;\u00a0A\n", "line 2: name: '\\xa0A' has blanks around it"),
        ("code;name;purpose\na;A; x\n", "line 2: purpose: ' x' has blanks around it"),
    ],
)
def test_a_fault_in_a_csv_has_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    database = str(tmp_path / "footprint.db")
    assert said in failure(capsys, "import", "registry", str(file), "--database", database)


def test_a_list_without_its_columns_is_not_another_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codes of projects do not become directorates'."""
    assert load(tmp_path, register()) == 0
    capsys.readouterr()
    before = content(tmp_path / "footprint.db")
    for code, what in (("projet-3", "a project"), ("sia-07", "a SIA")):
        file = tmp_path / "short.csv"
        file.write_text(f"code;name\ndir-0;Neu\n{code};Neu\n", encoding="utf-8")
        said = failure(
            capsys,
            "import",
            "registry",
            str(file),
            "--database",
            str(tmp_path / "footprint.db"),
        )
        assert f"line 3: code: '{code}' is {what}, and `code;name` are the columns of" in said
    assert content(tmp_path / "footprint.db") == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"half \\ud800"', "line 2: half a character (a surrogate); write the whole one"),
        ('"a\\u0007b"', "line 2: name: Expected `str` matching regex"),
        ('"a\\u0007b"', "take away what does not show"),
    ],
)
def test_a_text_that_cannot_be_has_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """And the remedy that fits."""
    file = tmp_path / "r.yaml"
    file.write_text(f"directorates:\n  - {{code: a, name: {text}}}\n", encoding="utf-8")
    database = str(tmp_path / "footprint.db")
    assert said in failure(capsys, "import", "registry", str(file), "--database", database)


def test_a_file_without_end_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its size is looked at first."""
    file = tmp_path / "r.yaml"
    with file.open("wb") as written:
        written.truncate(16 * 2**20 + 1)
    database = str(tmp_path / "footprint.db")
    said = failure(capsys, "import", "registry", str(file), "--database", database)
    assert "more than 16 MiB" in said


def test_the_api_says_what_is_known_of_a_sia_and_since_when(house: House) -> None:
    """What it is for, where it stands; every version; found by words of it."""
    body: dict[str, Any] = {
        "name": "Tri du courrier",
        "purpose": "Oriente les courriers des usagers",
        "stage": "experiment",
        "hosting": "own",
        "charter": "restricted",
        "owner": "Cheffe de projet",
        "users": "50-249",
    }
    assert house.put("/v1/sia/tri", body).is_success
    assert house.put("/v1/sia/chat", {"name": "Assistant"}).is_success
    first = house.get("/v1/sia/tri").json()
    assert first == {"code": "tri", "shares": [], "aliases": [], "unit": None, **body}
    house.now += timedelta(days=1)
    assert house.put("/v1/sia/tri", body | {"stage": "production"}).is_success
    history = house.get("/v1/sia/tri/history").json()["items"]
    assert [one["item"]["stage"] for one in history] == ["experiment", "production"]
    assert history[0]["item"] == first
    assert history[0]["known_from"] < history[1]["known_from"]
    assert house.get("/v1/sia/none/history").status_code == 404
    for words, found in (
        ("courrier USAGERS", ["tri"]),
        ("assist", ["chat"]),
        ("", ["chat", "tri"]),
    ):
        items = house.client.get("/v1/sia", params={"q": words}).json()["items"]
        assert [one["code"] for one in items] == found
    assert house.client.get("/v1/sia", params={"q": "nothing"}).json()["items"] == []
    wrong = house.put("/v1/sia/tri", body | {"owner": "jean.dupont@example.fr"})
    assert (wrong.status_code, "a role" in wrong.json()["detail"]) == (422, True)


def test_blanks_in_yaml_are_refused_unless_they_are_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their line; what an earlier version took is shown, written and taken again as it is."""
    wrong = "directorates:\n  - {code: a, name: ' A'}\n"
    assert load(tmp_path, "directorates:\n  - {code: b, name: B}\n") == 0
    file = tmp_path / "wrong.yaml"
    file.write_text(wrong, encoding="utf-8")
    database = str(tmp_path / "footprint.db")
    capsys.readouterr()
    line = failure(capsys, "import", "registry", str(file), "--database", database)
    assert "line 2: name: ' A' has blanks around it" in line
    store = open_store(tmp_path / "footprint.db", create=False, migrate=False, now=utc_now())
    with store.write() as connection:
        store_register.store(connection, Register(directorates=[Directorate("a", " A")]), 1)
    store.close()
    before = content(tmp_path / "footprint.db")
    assert load(tmp_path, export(tmp_path, capsys)) == 0
    table = export(tmp_path, capsys, "--format", "csv", "--list", "directorates")
    assert load(tmp_path, table, "list.csv") == 0
    assert content(tmp_path / "footprint.db") == before


def test_a_csv_is_what_a_spreadsheet_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(tmp_path, register()) == 0
    rows = list(
        csv.reader(
            io.StringIO(export(tmp_path, capsys, "--format", "csv", "--list", "sia")), delimiter=";"
        )
    )
    assert len(rows) == SYSTEMS + 1
    (first,) = [row for row in rows if row[0] == "sia-00"]
    assert first[-1] == "vieux-0@/2026-03-01 inconnu-0"
    assert first[-2] == "projet-0=250@2026-01-01/ projet-1=750@2026-01-01/"
