"""LiteLLM's daily export: one page a day, the same day again only where it changed."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from exporters import cli
from exporters.gateway.importing import DaySpool
from footprint.codes import UNATTRIBUTED
from footprint.interval import paris_day, to_us
from footprint.usage import UsagePage
from tests.gateway.house import bench, litellm, newest, serving, settings, verified
from tests.gateway.test_litellm_csv import HEADER, row
from tests.running import Service, decode_json, ended, page_bodies

PROBES = row("Unassigned", "a", 2_880, 18_720)
CONFIG = """
name = "gateway-1"
state_dir = "{folder}/state"
listen = "127.0.0.1:0"

[[gateways]]
kind = "litellm"
url = "http://litellm.example.fr:4000"

[gateways.models]
a = {{ server = "albert", model = "large" }}
b = {{ server = "albert", model = "small" }}
c = {{ server = "bert", model = "c" }}

[[gateways.rules]]
labels = {{ team_alias = "litellm-internal-health-check" }}
ignore = true

[[gateways.rules]]
labels = {{ team_alias = "Accueil*" }}
sia = "accueil"

[[gateways.rules]]
labels = {{ team = "id-Tri" }}
sia = "tri"
"""


class Imports:
    """The command, on files in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.config = folder / "gateway.toml"
        self.config.write_text(CONFIG.format(folder=folder))

    def take(self, text: str, *options: str) -> tuple[int, str]:
        """Import an export: exit code, and all that was printed."""
        export = self.folder / "export.csv"
        export.write_text(HEADER + text)
        code = cli.main(["gateway", "import", str(export), "--config", str(self.config), *options])
        printed = self._capsys.readouterr()
        return code, printed.out + printed.err

    def pages(self) -> list[UsagePage]:
        """Every page."""
        return verified(page_bodies(self.folder / "state" / "days.db"))


@pytest.fixture
def imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Imports:
    """The command, in a folder of its own."""
    return Imports(tmp_path, capsys)


def told(page: UsagePage) -> list[tuple[str, str, str, int | None, int | None]]:
    """Server, model, consumer, requests and tokens of each line."""
    return [
        (line.server, line.model, line.consumer, line.requests, line.total_tokens)
        for line in page.lines
    ]


def test_a_day_is_a_page_with_each_team_once(imports: Imports) -> None:
    """The totals that are repeated on each model count once; health checks are gone; who has no
    team, or a team that no rule names, is visible as nobody's; the page is a day of Paris."""
    text = "".join(row("Accueil Nord", model, 40, 1_200) for model in ("a", "b"))
    text += row("Accueil Sud", "a", 10, 300) + row("Tri", "a", 5, 70) + row("Autre", "a", 1, 30)
    text += row("litellm-internal-health-check", "a", 99, 9_999)
    text += PROBES + row("Unassigned", "a", 2, 900, day="2026-11-03")
    code, printed = imports.take(text)
    assert (code, printed) == (0, "days: 2 new, 0 replaced, 0 unchanged, 0 left out\n")
    first, second = imports.pages()
    assert told(first) == [
        ("albert", "large", UNATTRIBUTED, 1, 30),
        ("albert", "large", "accueil", 10, 300),
        ("albert", "large", "tri", 5, 70),
        ("albert", "several", "accueil", 40, 1_200),
    ]
    assert told(second) == [("albert", "large", UNATTRIBUTED, 2, 900)]
    whole = paris_day(date(2026, 11, 2))
    assert (first.start, first.end, first.origin) == (whole.start, whole.end, "litellm-csv")
    assert (first.host_id, first.totals, first.gaps) == ("gateway-1", [], [])


def test_importing_again_changes_nothing(imports: Imports) -> None:
    """No new page, whatever the order of its rows."""
    rows = [row("Accueil", "a", 40, 1_200), row("Tri", "a", 5, 70)]
    imports.take("".join(rows))
    before = imports.pages()
    assert "0 new, 0 replaced, 1 unchanged" in imports.take("".join(reversed(rows)))[1]
    assert imports.pages() == before


def test_a_corrected_export_replaces_its_days(imports: Imports) -> None:
    """A page of the same interval, and only of the day that changed."""
    other = row("Tri", "a", 5, 70, day="2026-11-03")
    imports.take(row("Accueil", "a", 40, 1_200) + other)
    assert (
        "0 new, 1 replaced, 1 unchanged" in imports.take(row("Accueil", "a", 41, 1_250) + other)[1]
    )
    pages = imports.pages()
    assert [page.seq for page in newest(pages)] == [2, 1]
    assert told(pages[2]) == [("albert", "large", "accueil", 41, 1_250)]


def test_a_team_on_models_of_several_servers_is_in_no_line(imports: Imports) -> None:
    """The export does not say how much went where: the day has a gap, and a person is told the
    line; the same where one of the models is on none of our servers. No team is named."""
    text = "".join(row("Accueil", model, 40, 1_200) for model in ("a", "c"))
    text += "".join(row("Tri", model, 5, 70, day="2026-11-03") for model in ("a", "gpt-4"))
    text += row("Tri", "gpt-4", 5, 70, day="2026-11-04")
    code, printed = imports.take(text)
    assert code == 0
    first, second = imports.pages()
    for page in (first, second):
        assert page.lines == []
        assert [(gap.cause, gap.start, gap.end) for gap in page.gaps] == [
            ("unreadable", page.start, page.end)
        ]
    remarks = [line for line in printed.splitlines() if line.startswith("remark: ")]
    assert remarks[0].startswith("remark: 2026-11-02, line 2: its 1200 tokens went to models on")
    assert remarks[1].startswith("remark: 2026-11-03, line 4: ")
    assert "none of its models is in `models`" in remarks[2]
    assert "Accueil" not in printed
    assert "Tri" not in printed


def test_models_with_numbers_of_their_own_are_on_their_servers(imports: Imports) -> None:
    """Nothing has to be divided: a line on each server, no gap, and a model that `models` does not
    name takes no other with it; nobody's health checks go, what else nobody asked stays."""
    text = row("Accueil", "a", 40, 1_200) + row("Accueil", "c", 2, 90)
    text += row("Accueil", "gpt-4", 3, 50)
    text += row("Unassigned", "a", 288, 1_728) + row("Unassigned", "b", 7, 9_100)
    text += row("Unassigned", "c", 1, 400)
    code, printed = imports.take(text)
    (page,) = imports.pages()
    assert told(page) == [
        ("albert", "large", "accueil", 40, 1_200),
        ("albert", "small", UNATTRIBUTED, 7, 9_100),
        ("bert", "c", UNATTRIBUTED, 1, 400),
        ("bert", "c", "accueil", 2, 90),
    ]
    assert (code, page.gaps) == (0, [])
    remarks = [line for line in printed.splitlines() if line.startswith("remark: ")]
    assert [remark.partition("; ")[0] for remark in remarks] == [
        "remark: lines 2, 3, 4: the models of one team and day have numbers of their own",
        "remark: lines 5, 6, 7: the models of one team and day have numbers of their own",
        "remark: 2026-11-02, line 4: none of its models is in `models`",
    ]


def test_days_that_the_reader_saw_itself_are_left_out(tmp_path: Path, imports: Imports) -> None:
    """They would be counted twice; the days before are taken."""
    noon = to_us(datetime(2026, 11, 10, 12, 0, tzinfo=UTC))
    with serving() as gateway:
        gateway.text = litellm({"Accueil": (1, 1, 1)})
        with bench(settings(tmp_path, gateway.url), noon) as run:
            run.look()
            code, printed = imports.take(
                row("Tri", "a", 5, 70, day="2026-11-09") + row("Tri", "a", 5, 70, day="2026-11-10")
            )
    assert (code, len(imports.pages())) == (0, 1)
    assert "2026-11-10: the reader has looked at the gateway itself on it" in printed


def test_a_day_that_is_not_over_is_left_out(imports: Imports) -> None:
    """What comes later on it would be missing; and a day of another age is no day."""
    code, printed = imports.take(
        row("Tri", "a", 5, 70, day="2199-01-01") + row("Tri", "a", 5, 70, day="1950-01-01")
    )
    assert (code, imports.pages()) == (0, [])
    assert "2199-01-01: is not over yet" in printed
    assert "1950-01-01: no day between" in printed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a@b.fr,A,1,a,0,1,1,0,9\n", "export.csv: line 3: Date is no day such as"),
        ("2026-11-02,A,1,a,0,1,1,0\n", "line 3: 8 cells"),
    ],
)
def test_a_damaged_export_imports_nothing(imports: Imports, text: str, says: str) -> None:
    """One line with the file and the line, exit code 1, and nothing of the file repeated."""
    code, printed = imports.take(row("Tri", "a", 5, 70) + text)
    assert (code, says in printed) == (1, True)
    assert "@" not in printed
    assert not (imports.folder / "state" / "days.db").exists()


def test_the_gateway_has_to_be_named_where_there_are_several(imports: Imports) -> None:
    """By its number among those of LiteLLM."""
    text = imports.config.read_text()
    at = text.index("[[gateways]]")
    imports.config.write_text(text + text[at:].replace("litellm.example", "other.example"))
    code, printed = imports.take(row("Tri", "a", 5, 70))
    assert code == 1
    assert "say whose export it is: --gateway 1 to 2" in printed
    assert imports.take(row("Tri", "a", 5, 70), "--gateway", "2")[0] == 0
    assert "there is no gateway 3" in imports.take(row("Tri", "a", 5, 70), "--gateway", "3")[1]


def test_days_are_kept_for_good(imports: Imports) -> None:
    """Also those that the service has acknowledged: an export of last year changes nothing."""
    old = row("Tri", "a", 5, 70, day="2025-01-01")
    imports.take(old)
    spool = DaySpool(imports.folder / "state" / "days.db", "gateway-1", "litellm-csv")
    spool.acknowledge(0)
    spool.close()
    imports.take(row("Tri", "a", 5, 70))
    assert "0 new, 0 replaced, 1 unchanged" in imports.take(old)[1]
    assert [page.seq for page in imports.pages()] == [0, 1]


@pytest.mark.slow
def test_a_real_service_takes_days_and_their_corrections(imports: Imports) -> None:
    """Sent by the command itself; while the service is away they wait, and the exit code is 1."""
    with serving() as nobody:
        url = nobody.url
    old = row("Tri", "a", 5, 70, day="2026-11-03") + row("Tri", "a", 6, 80, day="2026-11-04")
    base = imports.config.read_text()
    imports.config.write_text(f'service = "{url}"\n{base}')
    code, printed = imports.take(old)
    assert (code, "2 pages wait in" in printed) == (1, True)
    service = Service(imports.folder)
    with ended(service):
        imports.config.write_text(f'service = "{service.url}"\n{base}')
        assert imports.take(old)[0] == 0
        corrected = row("Tri", "a", 7, 90, day="2026-11-03")
        assert imports.take(corrected)[0] == 0
        assert "quarantined" not in service.output()
        (head,) = decode_json(service.get("/v1/usage/ledgers"))["items"]  # type: ignore[misc]
    assert head["seq"] == 2
