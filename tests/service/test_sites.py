"""Sites: hosts, PUE, WUE and contracts, dated; what cannot be is said, nothing is overwritten."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from footprint.interval import to_us
from footprint.service import store_register
from footprint.service.cli import main
from footprint.service.register import Site
from footprint.service.registry_file import read
from tests.service.house import House, content

HOST = {"host": "gpu-01", "from": "2026-01-01"}
PUE = {"value": "1.45", "document": "Audit", "from": "2026-01-01", "category": 2}
CONTRACT = {"permille": 600, "g_per_kwh": "0", "document": "Offre verte"}
SITE: dict[str, Any] = {
    "name": "Salle 1",
    "hosts": [HOST, {"host": "gpu-02"}],
    "pue": [{**PUE, "to": "2026-07-01"}, {**PUE, "value": "1.4", "from": "2026-07-01"}],
    "wue": [{"value": "0.3", "document": "Relevé"}],
    "contracts": [CONTRACT, {**CONTRACT, "permille": 400}],
}
FILE = """\
sites:
  - code: salle-1
    name: Salle 1
    hosts:
      - {host: gpu-01, from: 2026-01-01}
    pue:
      - {value: 1.45, from: 2026-01-01, document: Audit}
"""


def test_a_site_is_held_as_it_was_given(house: House) -> None:
    assert house.put("/v1/sites/salle-1", SITE).status_code == 200
    found = house.get("/v1/sites/salle-1").json()
    assert found == {"code": "salle-1", "zone": "FR", **SITE}
    assert [one["code"] for one in house.get("/v1/sites").json()["items"]] == ["salle-1"]
    before = house.content()
    assert house.put("/v1/sites/salle-1", SITE).status_code == 200
    assert house.content() == before


def test_a_number_is_taken_too(house: House) -> None:
    house.put("/v1/sites/s", {"name": "S", "pue": [{"value": 1.45, "document": "Audit"}]})
    assert house.get("/v1/sites/s").json()["pue"][0]["value"] == "1.45"


def test_an_earlier_word_is_kept(house: House) -> None:
    """As of an instant before a correction the site is what it was."""
    house.put("/v1/sites/salle-1", SITE)
    at_us = to_us(house.now)
    house.now += timedelta(hours=1)
    house.put("/v1/sites/salle-1", {"name": "Salle 1", "zone": "DE"})
    store = house.app.state.footprint.store
    with store.read() as connection:
        then = store_register.sites(connection, at_us)["salle-1"]
        now = store_register.sites(connection)["salle-1"]
    assert [one.value for one in then.pue] == [Decimal("1.45"), Decimal("1.4")]
    assert (then.zone, len(then.hosts), len(then.contracts)) == ("FR", 2, 2)
    assert now == Site(code="salle-1", name="Salle 1", zone="DE")


def test_a_host_moves_from_one_site_to_another(house: House) -> None:
    house.put("/v1/sites/a", {"name": "A", "hosts": [{"host": "h", "to": "2026-03-01"}]})
    moved = {"name": "B", "hosts": [{"host": "h", "from": "2026-03-01"}]}
    assert house.put("/v1/sites/b", moved).status_code == 200
    early = {"name": "B", "hosts": [{"host": "h", "from": "2026-02-28"}]}
    answer = house.put("/v1/sites/b", early)
    assert answer.status_code == 422
    assert "site b: host 'h' stands at site 'a' too on 2026-02-28" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pue": [{**PUE, "value": "0.99"}]}, "site s: pue: 0.99 is not between 1 and 10 with 6"),
        ({"pue": [{**PUE, "value": "145"}]}, "pue: 145 is not between 1 and 10"),
        ({"pue": [{**PUE, "value": "NaN"}]}, "pue: NaN is not between"),
        ({"pue": [{**PUE, "value": "1.4500001"}]}, "with 6 decimals at most"),
        ({"pue": [{**PUE, "value": "1e999999"}]}, "pue: 1E+999999 is not between"),
        ({"pue": [{**PUE, "category": 4}]}, "Expected `int` <= 3"),
        ({"pue": [{"value": "1.4"}]}, "missing required field `document`"),
        ({"pue": [{**PUE, "document": ""}]}, "length >= 1"),
        ({"pue": [PUE, {**PUE, "from": "2026-02-01"}]}, "pue: two values hold on 2026-02-01"),
        ({"pue": [PUE, PUE]}, "pue: two values hold on 2026-01-01; end one with `to`"),
        ({"wue": [{"value": "-1", "document": "x"}]}, "wue: -1 is not between 0 and 100"),
        ({"hosts": [{**HOST, "to": "2026-01-01"}]}, "`to` 2026-01-01 is not after `from`"),
        ({"hosts": [{**HOST, "from": "0001-01-01"}]}, "`from` 0001-01-01 is not between"),
        ({"hosts": [HOST, HOST]}, "host 'gpu-01' stands at site 's' too on 2026-01-01"),
        ({"hosts": [{"host": "GPU 1"}]}, "Expected `str` matching"),
        ({"contracts": [CONTRACT, CONTRACT]}, "contracts add up to 1200 permille, more than 1000"),
        (
            {"contracts": [CONTRACT, {**CONTRACT, "from": "2026-02-01"}]},
            "contracts add up to 1200 permille from 2026-02-01 on",
        ),
        ({"contracts": [{**CONTRACT, "g_per_kwh": "2001"}]}, "g_per_kwh: 2001 is not between 0"),
        ({"zone": "france"}, "Expected `str` matching"),
        ({"pues": []}, "unknown field `pues`"),
    ],
)
def test_what_cannot_be_is_said(house: House, change: dict[str, Any], words: str) -> None:
    before = house.content()
    answer = house.put("/v1/sites/s", {"name": "S", **change})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert house.content() == before


def load(tmp_path: Path, text: str) -> int:
    file = tmp_path / "register.yaml"
    file.write_text(text, encoding="utf-8")
    return main(["import", "registry", str(file), "--database", str(tmp_path / "footprint.db")])


def test_a_file_is_taken_over(tmp_path: Path, capsys) -> None:
    assert load(tmp_path, FILE) == 0
    assert "sites 1" in capsys.readouterr().out
    (row,) = content(tmp_path / "footprint.db")["site_ratio"]
    assert row[3:] == ("2026-01-01", None, "pue", "1.45", None, "Audit")


def test_the_example_of_the_readme_is_a_register(tmp_path: Path) -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    section = readme.partition("## Sites\n")[2]
    file = tmp_path / "register.yaml"
    file.write_text(section.split("```")[1], encoding="utf-8")
    (site,) = read(file).register.sites
    assert (len(site.hosts), site.pue[0].value, site.wue[0].value) == (
        2,
        Decimal("1.45"),
        Decimal("0.3"),
    )


@pytest.mark.parametrize(
    ("wrong", "right", "line", "words"),
    [
        ("valeur: 1.45", "value: 1.45", 7, "valeur: no such field; allowed: from, to, value, doc"),
        ("value: 0.9", "value: 1.45", 7, "pue: 0.9 is not between 1 and 10"),
        ("hote: gpu-01", "host: gpu-01", 5, "hote: no such field; allowed: from, to, host"),
        ("nom: Salle 1", "name: Salle 1", 3, "nom: no such field; allowed: code, name, zone"),
        ("value: un", "value: 1.45", 7, "value"),
    ],
)
def test_a_typo_names_line_and_field(
    tmp_path: Path, capsys, *, wrong: str, right: str, line: int, words: str
) -> None:
    assert load(tmp_path, FILE.replace(right, wrong, 1)) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"register.yaml, line {line}: " in message
    assert words in message
