"""The alert rules: as committed, taken by Prometheus, each seen to fire and to stay silent."""

import subprocess
from pathlib import Path

import pytest
import yaml

from footprint import metrics_budget
from grafana import alerts
from tests.tools import require_tool

CASES = Path(__file__).parent / "rules.test.yml"


def test_the_committed_rules_are_those_of_the_source() -> None:
    """And what differs is named."""
    assert alerts.main(["--check"]) == 0
    with pytest.raises(ValueError, match="has no label colour"):
        alerts.name(metrics_budget.USED, colour="red")


def test_every_rule_fires_and_stays_silent_as_its_cases_say(tmp_path: Path) -> None:
    """`promtool test rules`, which a rule with another measure does not pass."""
    promtool = require_tool("promtool")
    rules = alerts.FILE.read_text(encoding="utf-8")
    codes = []
    for name, text in (("as-is", rules), ("other", rules.replace("> 1\n", "> 1.3\n"))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rules.yml").write_text(text, encoding="utf-8")
        cases = CASES.read_text(encoding="utf-8").replace("{rules}", "rules.yml")
        (folder / "cases.yml").write_text(cases, encoding="utf-8")
        found = subprocess.run(
            [promtool, "test", "rules", folder / "cases.yml"],
            capture_output=True,
            text=True,
            check=False,
        )
        codes.append((found.returncode, found.stdout + found.stderr))
    assert codes[0][0] == 0, codes[0][1]
    assert codes[1][0] != 0


def test_every_rule_has_cases_of_both_kinds() -> None:
    """A rule that is added without them fails here."""
    groups = yaml.safe_load(alerts.FILE.read_text(encoding="utf-8"))["groups"]
    names = {rule["alert"] for group in groups for rule in group["rules"]}
    cases = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {(name, fires) for name in names for fires in (True, False)} == set(cases)
