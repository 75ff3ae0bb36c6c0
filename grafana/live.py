"""The live dashboard: written from one source into one file a language.

    python -m grafana.live --check    exits 1 and names the file where a committed one differs
    python -m grafana.live --write    writes them

In: the panels of `grafana.live_*`. Out: `grafana/dashboards/live.<language>.json`, in the classic
format, to be imported or provisioned.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from footprint import metrics
from grafana import panel, sdk
from grafana.live_energy import ENERGY, POWER
from grafana.live_month import MONTH
from grafana.live_trust import TRUST
from grafana.panel import LANGUAGES, Language, Panel, Text

FOLDER = Path(__file__).parent / "dashboards"

TITLE = Text("Empreinte de l’IA : en direct", "AI footprint: live")
ABOUT = Text(
    "Énergie et gaz à effet de serre des systèmes d’IA, tels que les agents et le service de "
    "footprint les mesurent. Les chiffres publiés sont ceux des relevés mensuels.",
    "Energy and greenhouse gases of the AI systems, as footprint’s agents and service measure "
    "them. What is published are the monthly statements.",
)
SOURCE = Text("Source de données", "Data source")
JOB = Text("Agents : tâche", "Agents: job")
INSTANCE = Text("Machines", "Hosts")
SERVICE = Text("Service", "Service")

ROWS: tuple[tuple[Text, tuple[Panel, ...]], ...] = (
    (Text("En ce moment", "Now"), POWER),
    (Text("Sur la période choisie", "Over the chosen period"), ENERGY),
    (Text("Peut-on s’y fier ?", "Can it be trusted?"), TRUST),
    (Text("Le mois en cours, selon le service", "The month so far, by the service"), MONTH),
)


def dashboard(language: Language) -> dict[str, Any]:
    """The dashboard in one language, as Grafana imports it."""
    builder = (
        sdk.dashboards.Dashboard(TITLE.of(language))
        .uid(f"footprint-live-{language}")
        .description(ABOUT.of(language))
        .tags(["footprint"])
        .timezone("Europe/Paris")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(sdk.model.DashboardCursorSync.CROSSHAIR)
        .variables(_variables(language))
    )
    for title, panels in ROWS:
        builder = builder.with_row(sdk.dashboards.Row(title.of(language)))
        for each in panels:
            builder = builder.with_panel(panel.build(each, language))
    return sdk.finish(builder.build())


def _variables(language: Language) -> list[Any]:
    agents = metrics.AGENT_BUILD_INFO.name
    chosen = f'{agents}{{job=~"$job"}}'
    service = metrics.SERVICE_BUILD_INFO.name
    return [
        sdk.dashboards.DatasourceVariable("datasource")
        .label(SOURCE.of(language))
        .type("prometheus"),
        _label_values("job", JOB.of(language), agents, "job", several=True),
        _label_values("instance", INSTANCE.of(language), chosen, "instance", several=True),
        # One service at a time: two that hold the same pages would count them twice.
        _label_values("service", SERVICE.of(language), service, "instance", several=False),
    ]


def _label_values(name: str, label: str, series: str, of: str, *, several: bool) -> Any:
    query = f"label_values({series}, {of})"
    return (
        sdk.dashboards.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(panel.DATASOURCE)
        .refresh(sdk.model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(sdk.model.VariableSort.ALPHABETICAL_ASC)
        .multi(several)
        .include_all(several)
    )


def render(language: Language) -> str:
    """The file's text."""
    text = json.dumps(dashboard(language), ensure_ascii=False, indent=2, sort_keys=True)
    return text + "\n"


def path(language: Language, folder: Path = FOLDER) -> Path:
    """Where the file of a language is."""
    return folder / f"live.{language}.json"


def differing(folder: Path = FOLDER) -> list[Path]:
    """The files in `folder` that are missing or are not what this source writes."""
    files = {path(language, folder): render(language) for language in LANGUAGES}
    return [
        file
        for file, text in files.items()
        if not file.is_file() or file.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or write; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.live", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="fail where a file differs")
    action.add_argument("--write", action="store_true", help="write the files")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for language in LANGUAGES:
            path(language, chosen.folder).write_text(render(language), encoding="utf-8")
        return 0
    wrong = differing(chosen.folder)
    for file in wrong:
        sys.stderr.write(
            f"{file}: is not what grafana/live.py writes; run: python -m grafana.live --write\n"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
