"""Alert rules for Prometheus, written from the catalogue of metrics.

    python -m grafana.alerts --check    exits 1 where the committed file differs
    python -m grafana.alerts --write    writes it

Out: `grafana/rules/footprint.yml`, for `rule_files`. What the service tells by mail and webhook by
itself (README, "Alerts") is here too, for those who run an Alertmanager, with what it cannot tell:
that it is away, that nobody takes its messages, that a host is silent. Each rule rests on what the
service holds, never on an agent's own page: one that is switched off silences nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from footprint import metrics, metrics_budget
from footprint.metric import Metric

FILE = Path(__file__).parent / "rules" / "footprint.yml"
HEAD = "# Alert rules of footprint. Made by `python -m grafana.alerts --write`; do not edit.\n"
ENOUGH = "0.9"
SILENT_SECONDS = 3600
FORGOTTEN_SECONDS = 35 * 86_400
"""A host that is gone for good: agents keep pages for 35 days."""


def name(metric: Metric, **labels: str) -> str:
    """A metric with these labels, which it has."""
    unknown = labels.keys() - set(metric.labels)
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
    matchers = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{metric.name}{{{matchers}}}" if matchers else metric.name


def rule(
    alert: str, expression: str, severity: str, says: tuple[str, str], **times: str
) -> dict[str, Any]:
    """One rule; what it says in French and English."""
    return {
        "alert": alert,
        "expr": expression,
        **{"for" if key == "after" else key: value for key, value in times.items()},
        "labels": {"severity": severity},
        "annotations": {"summary": says[0], "summary_en": says[1]},
    }


def budgets() -> list[dict[str, Any]]:
    """What becomes of budgets."""
    used, forecast = metrics_budget.USED, name(metrics_budget.FORECAST, end="expected")
    return [
        rule(
            "FootprintBudgetThreshold",
            f"{name(metrics_budget.THRESHOLD)} == 1",
            "warning",
            (
                "Budget {{ $labels.budget }} : {{ $labels.percent }} % atteints",
                "Budget {{ $labels.budget }}: {{ $labels.percent }}% is reached",
            ),
        ),
        rule(
            "FootprintBudgetExceeded",
            f"{name(used)} > 1",
            "critical",
            (
                "Budget {{ $labels.budget }} dépassé : {{ $value | humanizePercentage }} utilisés",
                "Budget {{ $labels.budget }} is exceeded: {{ $value | humanizePercentage }} used",
            ),
        ),
        rule(
            "FootprintBudgetForecast",
            f"{forecast} > 1 and ignoring (end) {name(used)} <= 1",
            "warning",
            (
                "Budget {{ $labels.budget }} : il sera dépassé à ce rythme "
                "({{ $value | humanizePercentage }})",
                "Budget {{ $labels.budget }}: it will be exceeded at this pace "
                "({{ $value | humanizePercentage }})",
            ),
            after="1h",
            keep_firing_for="1d",
        ),
        rule(
            "FootprintBudgetNotMeasured",
            f"{name(metrics_budget.RECENT_COVERAGE)} < {ENOUGH}",
            "warning",
            (
                "Budget {{ $labels.budget }} : {{ $value | humanizePercentage }} mesurés hier et "
                "aujourd’hui",
                "Budget {{ $labels.budget }}: {{ $value | humanizePercentage }} of yesterday and "
                "today is measured",
            ),
            after="1h",
        ),
    ]


def watching() -> list[dict[str, Any]]:
    """Whether somebody watches and is heard."""
    looked, messages = metrics_budget.LOOKED, metrics_budget.MESSAGES
    last_page = name(metrics.SERVICE_LAST_PAGE)
    silent = f"time() - {last_page}"
    return [
        rule(
            "FootprintBudgetsNotWatched",
            f"time() - {name(looked)} > {SILENT_SECONDS} or absent({name(looked)})",
            "critical",
            (
                "Le service ne regarde plus les budgets depuis une heure",
                "The service has not looked at the budgets for an hour",
            ),
            after="15m",
        ),
        rule(
            "FootprintBudgetsUnreadable",
            f"{name(metrics_budget.UNREADABLE)} > 0",
            "warning",
            (
                "{{ $value }} budgets ne peuvent pas être suivis : leur projet ou SIA a quitté le "
                "registre",
                "{{ $value }} budgets cannot be watched: their project or SIA left the register",
            ),
            after="15m",
        ),
        rule(
            "FootprintMessagesNotTaken",
            f"{name(messages, state='failing')} > 0",
            "warning",
            (
                "{{ $value }} messages d’alerte n’arrivent pas ; voir GET /v1/alerts",
                "{{ $value }} messages about alerts do not arrive; see GET /v1/alerts",
            ),
            after="30m",
        ),
        rule(
            "FootprintMessagesGivenUp",
            f"{name(messages, state='given_up')} > 0",
            "critical",
            (
                "{{ $value }} messages d’alerte abandonnés après 30 jours ; voir GET /v1/alerts",
                "{{ $value }} messages about alerts given up after 30 days; see GET /v1/alerts",
            ),
        ),
        rule(
            "FootprintHostSilent",
            f"{silent} > {SILENT_SECONDS} < {FORGOTTEN_SECONDS}",
            "warning",
            (
                "Machine {{ $labels.host_id }} silencieuse depuis {{ $value | humanizeDuration }}",
                "Host {{ $labels.host_id }} has been silent for {{ $value | humanizeDuration }}",
            ),
            after="15m",
        ),
    ]


def text() -> str:
    """The rules as Prometheus reads them."""
    groups = [
        {"name": "footprint-budgets", "rules": budgets()},
        {"name": "footprint-watching", "rules": watching()},
    ]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(prog="python -m grafana.alerts", description=__doc__)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--check", action="store_true")
    group.add_argument("--write", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        FILE.write_text(text(), encoding="utf-8")
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text():
        sys.stderr.write(f"{FILE} is not what it would be: run python -m grafana.alerts --write\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
