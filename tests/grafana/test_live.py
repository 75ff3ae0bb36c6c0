"""The committed dashboards: written by the source, known to Grafana, true to the catalogue."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footprint import metrics
from grafana import live, queries, sdk
from grafana.panel import LANGUAGES, Language

CATALOGUE = {metric.name: metric for metric in (*metrics.AGENT_METRICS, *metrics.SERVICE_METRICS)}
PROMQL_WORDS = {
    *("sum", "min", "max", "by", "or", "unless", "offset"),
    *("rate", "increase", "last_over_time", "min_over_time", "time"),
}


def committed(language: Language) -> dict[str, Any]:
    """A committed dashboard."""
    data: dict[str, Any] = json.loads(live.path(language).read_text(encoding="utf-8"))
    return data


def panels(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in data["panels"] if panel["type"] != "row"]


def expressions(data: dict[str, Any]) -> Iterator[str]:
    """Every query of a dashboard, those of its variables without the function around."""
    for panel in panels(data):
        yield from (target["expr"] for target in panel["targets"])
    for variable in data["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert match
            assert variable["query"]["query"] == variable["definition"]
            yield match[1]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """The command that CI runs."""
    return subprocess.run(
        [sys.executable, "-m", "grafana.live", "--check", "--folder", folder],
        cwd=Path(live.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_committed_files_are_what_the_source_writes() -> None:
    """`python -m grafana.live --check` has nothing to say of the repository."""
    result = check(live.FOLDER)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_check_names_the_file_that_was_edited_by_hand(tmp_path: Path) -> None:
    """One changed byte makes --check fail with the file and the remedy; --write mends it."""
    folder = Path(shutil.copytree(live.FOLDER, tmp_path / "dashboards"))
    edited = live.path("en", folder)
    edited.write_text(edited.read_text(encoding="utf-8").replace("watt", "wat", 1))
    result = check(folder)
    assert result.returncode == 1
    assert result.stderr == (
        f"{edited}: is not what grafana/live.py writes; run: python -m grafana.live --write\n"
    )
    assert live.main(["--write", "--folder", str(folder)]) == 0
    assert check(folder).returncode == 0


def test_check_names_the_file_that_is_missing(tmp_path: Path) -> None:
    """A file that was never written fails as well."""
    assert check(tmp_path).stderr.count("grafana.live --write") == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_grafanas_own_types_know_every_key(language: Language) -> None:
    """The file survives Grafana's types unchanged, and uses only panels that Grafana brings."""
    data = committed(language)
    assert sdk.unknown_keys(data) == []
    assert data["schemaVersion"] == 42


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("panels", 1, "description"), "descripton"),
        (("panels", 1, "fieldConfig", "defaults", "unit"), "units"),
        (("panels", 1, "fieldConfig", "defaults", "custom", "stacking"), "stack"),
        (("panels", 4, "options", "reduceOptions"), "reduceOption"),
        (("panels", 4, "targets", 0, "legendFormat"), "legend"),
        (("templating", "list", 1, "includeAll"), "all"),
        (("refresh",), "refreshes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_misspelt_key_is_found(place: tuple[str | int, ...], wrong: str) -> None:
    """A key that Grafana would silently ignore is named with its place."""
    data = committed("fr")
    inner: Any = data
    for step in place[:-1]:
        inner = inner[step]
    inner[wrong] = inner.pop(place[-1])
    assert any(found.endswith(wrong) for found in sdk.unknown_keys(data))


def test_a_panel_of_a_plugin_is_found() -> None:
    """A panel type that Grafana does not bring along is refused."""
    data = committed("fr")
    data["panels"][1]["type"] = "acme-hologram-panel"
    assert "panels[1].type: acme-hologram-panel" in sdk.unknown_keys(data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_and_label_in_every_query_is_in_the_catalogue(language: Language) -> None:
    """Queries name nothing but catalogue metrics and the labels these have."""
    asked = set()
    for expression in expressions(committed(language)):
        names = names_in(expression)
        assert names <= CATALOGUE.keys(), expression
        known = {"instance", "job"}.union(*(CATALOGUE[name].labels for name in names))
        assert labels_in(expression) <= known, expression
        asked |= names
    assert len(asked) >= 12


def names_in(expression: str) -> set[str]:
    """What is neither label, string, duration, number nor word of PromQL: metric names."""
    bare = re.sub(r"\{.*?\}|\[.*?\]|by \(.*?\)|offset \$\w+", " ", expression)
    return set(re.findall(r"[A-Za-z_:][\w:]*", bare)) - PROMQL_WORDS


def labels_in(expression: str) -> set[str]:
    """The labels matched or kept."""
    matched = re.findall(r'(\w+)(?:=~|!~|!=|=)"', expression)
    kept = re.findall(r"by \((.*?)\)", expression)
    return {*matched, *(label.strip() for group in kept for label in group.split(","))}


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    """The check bites on a name that is almost right, also beside a right one."""
    assert names_in('sum by (a) (rate(footprint_energy_joules{b="c"}[5m])) / up') == {
        "footprint_energy_joules",
        "up",
    }


def test_a_label_that_a_metric_lacks_cannot_be_asked_for() -> None:
    """The mistake is found when the query is written."""
    with pytest.raises(ValueError, match="footprint_gap_seconds_total has no label consumer"):
        queries.increase_by(metrics.GAP_SECONDS, ["consumer"])
    with pytest.raises(ValueError, match="has no label sia"):
        queries.select(metrics.AGENT_ENERGY, 'sia!~"@.+"')


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_panel_says_what_it_means_and_how_sure_it_is(language: Language) -> None:
    """No panel is without title, meaning and certainty, in the dashboard's language."""
    sure = {"fr": "\n\nFiabilité\u00a0: ", "en": "\n\nHow sure: "}[language]
    for panel in panels(committed(language)):
        meaning, found, certainty = panel["description"].partition(sure)
        assert found, panel["title"]
        assert len(meaning) > 30
        assert certainty.endswith(".")
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}


def test_both_languages_ask_the_same_and_say_it_differently() -> None:
    """French and English differ in words only."""
    french, english = committed("fr"), committed("en")
    assert list(expressions(french)) == list(expressions(english))
    assert (french["uid"], english["uid"]) == ("footprint-live-fr", "footprint-live-en")
    for one, other in zip(panels(french), panels(english), strict=True):
        assert one["id"] == other["id"]
        assert one["title"] != other["title"]
        assert one["description"] != other["description"]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    """No two panels share an id or a cell of the grid; each target has its letter."""
    cells: set[tuple[int, int]] = set()
    data = committed("fr")
    assert len({panel["id"] for panel in data["panels"]}) == len(data["panels"])
    for panel in data["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own
        letters = [target["refId"] for target in panel.get("targets", [])]
        assert letters == ["A", "B"][: len(letters)]


def test_what_is_modelled_is_named_wherever_energy_is_shown() -> None:
    """Each panel of energy or power keeps modelled series apart and calls them modelled."""
    for panel in panels(committed("fr")):
        for target in panel["targets"]:
            if "joules" not in target["expr"]:
                continue
            apart = 'quality="modelled"' in target["expr"]
            assert apart or 'quality!="modelled"' in target["expr"] or panel["type"] == "table"
            assert ("modélisé" in target.get("legendFormat", "")) == apart
            if panel["type"] == "table":
                assert "quality" in labels_in(target["expr"])
                (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
                assert mapping["options"]["modelled"]["text"].startswith("MODÉLISÉ")
