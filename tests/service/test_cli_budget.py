"""`footprint budget`: made, revised and shown on the database, a file whole or not at all."""

from pathlib import Path

import pytest

from footprint.service import audit, cli
from footprint.service.place import Place
from tests.service import entry
from tests.service.house import House
from tests.service.test_alerts import MIDNIGHT, measure

FILE = """\
budgets:
  - {code: nov, name: Novembre, project: assistance, indicator: energy, period: 2026-11, amount: 10}
  - code: an
    name: Une année
    sia: chat-demo
    indicator: emissions
    period: 2026
    amount: 2500.5
    thresholds: [80, 100]
    reason: Premier budget
"""


@pytest.fixture(name="run")
def make_run(database: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A command on a furnished database with a file of budgets; its exit code and what it said."""
    with House(database, MIDNIGHT) as house:
        entry.furnish(house)
        measure(house)

    def run(verb: str, *arguments: str, text: str | None = None) -> tuple[int, str, str]:
        given = list(arguments)
        if text is not None:
            (tmp_path / "budgets.yaml").write_text(text, encoding="utf-8")
            given.append(str(tmp_path / "budgets.yaml"))
        code = cli.main(["budget", verb, "--database", str(database), *given])
        return code, *capsys.readouterr()

    return run


def test_a_file_is_made_revised_and_listed(run, database: Place) -> None:
    """The same again changes nothing; a revision has a reason; all of it is in the audit log."""
    assert run("set", "--preview", text=FILE)[1].endswith("preview: nothing was stored\n")
    assert run("list")[1] == ""
    assert run("set", text=FILE) == (0, "nov: made\nan: made\n", "")
    assert run("set", text=FILE) == (0, "nov: as it is\nan: as it is\n", "")
    code, _, said = run("set", text=FILE.replace("amount: 2500.5", "amount: 2000"))
    assert code == 0, said
    lines = run("list")[1].splitlines()
    assert lines[0].startswith("an  sia chat-demo  emissions  2026  2000 gCO2e  ")
    assert lines[1].startswith("nov  project assistance  energy  2026-11  10 kWh  50 % used  ")
    with House(database, MIDNIGHT) as house:
        asked = [one for one in house.content()["audit_event"] if "budget" in str(one)]
    assert sum(audit.COMMAND in str(one) for one in asked) == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("indicator: emissions", "indicator: gazes", "line 6: indicator"),
        ("sia: chat-demo", "sia: nobody", "line 3: 'nobody' is not registered"),
        ("code: an", "code: nov", "line 3: code: 'nov' stands twice"),
        ("amount: 2500.5", "amount: -1", "line 3: amount: not between"),
        ("period: 2026\n", "period: 26\n", "line 7: period"),
        ("name: Une année", "naem: Une année", "naem"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(run, old: str, new: str, words: str) -> None:
    """With file and line, also where an earlier budget of the file is right."""
    code, out, said = run("set", text=FILE.replace(old, new))
    assert (code, out) == (1, "")
    assert words in said
    assert "nothing was imported" in said
    assert run("list")[1] == ""


def test_a_revision_without_a_reason_is_refused(run) -> None:
    """And one is shown in each format."""
    run("set", text=FILE)
    code, _, said = run("set", text=FILE.replace("amount: 10", "amount: 12"))
    assert code == 1
    assert "line 2: reason: a revision has one" in said
    assert "# used;18000000000000" in run("show", "nov")[1]
    assert '"used": 18000000000000' in run("show", "nov", "--format", "json")[1]
    assert "Utilisé jusqu’ici" in run("show", "nov", "--format", "html")[1]
    assert run("show", "none") == (
        1,
        "",
        "footprint: budget 'none': there is none; see: footprint budget list\n",
    )
