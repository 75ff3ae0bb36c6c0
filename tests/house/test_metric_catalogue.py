"""The catalogue of metrics passes the authority on metric names, and our own rules on labels."""

import re
import subprocess

import pytest

from footprint.metrics import AGENT_METRICS, GATEWAY_METRICS, SERVICE_METRICS, Metric
from tests.tools import require_tool

SIDES = {"agent": AGENT_METRICS, "gateway": GATEWAY_METRICS, "service": SERVICE_METRICS}
METRICS = {metric.name: metric for metrics in SIDES.values() for metric in metrics}
FORBIDDEN = {"region", "env", "owner", "service", "instance", "job", "le", "quantile"}
"""What the operator's Prometheus adds, or what Prometheus keeps for itself."""


def exposition(metrics: tuple[Metric, ...]) -> str:
    """A /metrics page in the text format with one series of each metric."""
    lines = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        labels = ",".join(f'{label}="x"' for label in metric.labels)
        lines.append(f"{metric.name}{{{labels}}} 1")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("metrics", SIDES.values(), ids=SIDES)
def test_promtool_finds_nothing_to_say(metrics: tuple[Metric, ...]) -> None:
    """Names, types, units and help texts pass promtool's lint without a word."""
    result = subprocess.run(
        [require_tool("promtool"), "check", "metrics"],
        input=exposition(metrics),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_promtool_would_say_something() -> None:
    """The check bites: a counter without _total and a unit without its base are found."""
    wrong = (Metric("footprint_energy_kilojoules", "counter", "Energy."),)
    result = subprocess.run(
        [require_tool("promtool"), "check", "metrics"],
        input=exposition(wrong),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 3


def test_names_are_unique_and_ours() -> None:
    """One metric, one name, under our prefix; the same name on both sides is the same metric."""
    for metrics in SIDES.values():
        names = [metric.name for metric in metrics]
        assert len(names) == len(set(names))
        assert all(name.startswith("footprint_") for name in names)
        for metric in metrics:
            assert METRICS[metric.name] == metric


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_each_metric_keeps_the_rules(metric: Metric) -> None:
    """Counters end in _total, facts in _info, labels are ours to set, help is a sentence."""
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert len(set(metric.labels)) == len(metric.labels)
    assert not FORBIDDEN & set(metric.labels)
    assert "zone" not in metric.labels or metric.name.startswith("footprint_emission_factor_")
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in metric.labels)
    assert re.match(r"[A-Z0-9].*\.( \(Unix time\))?$|.*\(Unix time\)\.$", metric.help)
    assert "\n" not in metric.help
