"""Every query of the dashboard, asked of a real Prometheus that scrapes agents and a service."""

import json
import os
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_prometheus import Prometheus, free_port
from tests.grafana.test_live import committed, expressions, panels
from tests.powercap import make_zone, scripted
from tests.running import BIN, Agent, Process, Service, ended, get, service_pages, wait_until
from tests.tools import require_tool

RANGE_UJ = 262_143_328_850
VARIABLES = {
    "$__rate_interval": "10s",
    "$__range": "300s",
    "$job": "metered|modelled",
    "$instance": ".+",
    "$service": ".+",
}
CONFIG = """
[factor]
grams_per_kwh = 46.1
zone = "FR"
source = "test"
valid_from = "2025-01-01"

[[workloads]]
cgroup = "/footprint-test-nothing-here"
sia = "chat"
"""


class ModelledAgent(Process):
    """An agent on a host without counters, with a ledger and a lock of its own."""

    def __init__(self, folder: Path, service: str, config: Path) -> None:
        folder.mkdir()
        settings = {
            "config": config,
            "service": service,
            "state-dir": folder / "state",
            "run-dir": folder / "run",
            "listen": "127.0.0.1:0",
            "host-id": "host-without-counters",
            "page-seconds": 1,
            "powercap-root": folder / "nothing",
            "workload-group": "footprint-test-none",
        }
        command = [str(BIN / "footprint-agent"), "start"]
        command += [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        super().__init__(command, folder / "agent.log", r"/metrics on http://([\d.]+:\d+)/metrics")
        self.address = self.match[1]


def ask(prometheus: Prometheus, path: str, **arguments: str) -> list[Any]:
    """What the API answers to a GET; fails where it calls the query wrong."""
    query = urllib.parse.urlencode(arguments)
    answer = json.loads(get(f"{prometheus.url}/api/v1/{path}?{query}"))
    assert answer["status"] == "success", answer
    data = answer["data"]
    return list(data["result"] if isinstance(data, dict) else data)


def substituted(expression: str) -> str:
    """The expression as Grafana sends it."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def answers(prometheus: Prometheus) -> dict[str, list[Any]]:
    """What each query of each panel returns now, by the panel's title and the query's letter."""
    return {
        f"{panel['title']} {target['refId']}": ask(
            prometheus, "query", query=substituted(target["expr"]), time=f"{time.time():.3f}"
        )
        for panel in panels(committed("en"))
        for target in panel["targets"]
    }


@pytest.mark.slow
def test_every_query_finds_what_it_asks_for(tmp_path: Path) -> None:
    """With a metered and a modelled host, a sensor down and a gap, each query returns series."""
    program = require_tool("prometheus")
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG)
    with scripted(tmp_path, power_uw=73_000_000, range_uj=RANGE_UJ, limit_uw=0) as (root, counter):
        lost = make_zone(root, "intel-rapl:0:0", "dram", value_uj=1, range_uj=RANGE_UJ)
        service = Service(tmp_path)
        metered = Agent(
            tmp_path,
            *("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1"),
            *("--config", str(config)),
        )
        modelled = ModelledAgent(tmp_path / "modelled", service.url, config)
        targets = {
            "metered": metered.address,
            "modelled": modelled.address,
            "service": service.address,
        }
        with ended(service, metered, modelled):
            counter.go()
            prometheus = Prometheus(program, tmp_path, targets, free_port())
            with ended(prometheus):
                os.truncate(lost, 0)  # an empty file is no counter: this sensor is down from now on
                wait_until(
                    lambda: len({host(body) for body in service_pages(service.database)}) == 2,
                    "pages of both hosts at the service",
                )
                wait_until(
                    lambda: all(answers(prometheus).values()),
                    "every query to return something",
                    seconds=90,
                )
                found = answers(prometheus)
                for expression in expressions(committed("fr")):
                    assert ask(prometheus, "query", query=substituted(expression)), expression
    assert [name for name, series in found.items() if not series] == []
    consumers = {series["metric"]["consumer"] for series in found["Power per AI system (SIA) A"]}
    assert consumers == {"chat"}
    (down,) = found["Sensors that are down A"]
    assert down["metric"]["device"] == "package-0-dram"
    assert down["value"][1] == "0"
    (unknown,) = found["Time unknown, by cause A"]
    assert float(unknown["value"][1]) > 0  # the series was made by its first gap
    power = sum(float(series["value"][1]) for series in found["Power of the rest of the hosts A"])
    assert 7.3 < power < 730  # the counter runs at 73 W


def host(body: bytes) -> str:
    """The host of a page."""
    return str(json.loads(body)["host_id"])


def test_prometheus_would_refuse_a_wrong_query(tmp_path: Path) -> None:
    """The check bites: an expression that does not parse is an error, not an empty answer."""
    config_folder = tmp_path
    prometheus = Prometheus(require_tool("prometheus"), config_folder, {}, free_port())
    with ended(prometheus), pytest.raises(OSError, match="400"):
        ask(prometheus, "query", query="sum by (consumer (rate(x[5m]))")
