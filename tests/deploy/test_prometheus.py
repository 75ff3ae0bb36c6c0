"""The shipped scrape configuration is one that Prometheus takes, and scrapes what listens."""

import subprocess
from pathlib import Path

import msgspec
import yaml

from exporters.gateway.settings import Settings as GatewaySettings
from exporters.settings import Settings as AgentSettings
from footprint.service.settings import DEFAULT_LISTEN
from tests.tools import require_tool

CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus.yml"


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    """`promtool check config` succeeds, and would not for a misspelt key."""
    promtool = require_tool("promtool")
    wrong = tmp_path / "prometheus.yml"
    wrong.write_text(CONFIG.read_text(encoding="utf-8").replace("scrape_timeout", "scrape_time"))
    codes = [
        subprocess.run(
            [promtool, "check", "config", path], capture_output=True, check=False
        ).returncode
        for path in (CONFIG, wrong)
    ]
    assert codes[0] == 0
    assert codes[1] != 0


def test_it_scrapes_where_each_listens_by_default() -> None:
    """The targets are the defaults of the agent, of the reader and of the service."""
    jobs = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["scrape_configs"]
    fields = {field.name: field.default for field in msgspec.structs.fields(GatewaySettings)}
    gateway_listen = fields["listen"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets == {
        "footprint-agent": [AgentSettings().listen],
        "footprint-gateway": [gateway_listen],
        "footprint-service": [DEFAULT_LISTEN],
    }
