"""What Prometheus stores of both sides is what the ledger holds, to the microjoule."""

import json
import os
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from exporters.sampler import BOUNDARY_TOLERANCE_US
from footprint.interval import from_us
from footprint.ledger import Page, verify_chain
from tests.ports import free_port
from tests.powercap import scripted
from tests.running import Agent, Process, Service, ended, get, service_pages, wait_until
from tests.tools import require_tool

SCRAPE_SECONDS = 300 if os.environ.get("CI") == "true" else 20
"""Five minutes in CI; less where somebody waits."""

SETTLED_SECONDS = 2.5
"""After this long no scrape that began before a moment can still be written behind it."""

POWER_UW = 73_000_000


class Prometheus(Process):
    """A real Prometheus that scrapes the two every second."""

    def __init__(self, program: str, folder: Path, targets: dict[str, str], port: int) -> None:
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [address]}]}
            for name, address in targets.items()
        ]
        config = folder / "prometheus.yml"  # JSON is YAML
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        self.url = f"http://127.0.0.1:{port}"
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}"]
        super().__init__(command, folder / "prometheus.log", "Server is ready to receive")

    def moment_both_answered(self) -> float:
        """Unix seconds of a moment at which the newest scrape of both targets had succeeded, and
        the agent's tick before it counted as that of the whole second.

        A scrape each second has one second to be answered: on a busy machine one may be late,
        and its series are then absent at that moment; a tick that is late belongs to the page
        after the boundary too. What is held are sums, not punctuality.
        """
        moments: list[float] = []

        def answered() -> bool:
            at = time.time()
            time.sleep(SETTLED_SECONDS)
            moments.append(at)
            tick = self.query("footprint_agent_last_tick_timestamp_seconds", at).get("", 0.5)
            punctual = tick % 1 * 1e6 <= BOUNDARY_TOLERANCE_US
            return punctual and self.query("sum(up)", at).get("") == 2

        wait_until(answered, "a scrape of both targets")
        return moments[-1]

    def query(self, expression: str, at: float) -> dict[str, float]:
        """An instant query: value by the series' consumer (or the empty name)."""
        arguments = urllib.parse.urlencode({"query": expression, "time": f"{at:.3f}"})
        answer = json.loads(get(f"{self.url}/api/v1/query?{arguments}"))
        assert answer["status"] == "success", answer
        return {
            series["metric"].get("consumer", ""): float(series["value"][1])
            for series in answer["data"]["result"]
        }


def ledger_uj(pages: list[Page], start_us: int, end_us: int) -> dict[str, int]:
    """Energy by consumer of the pages inside (start, end]."""
    result: dict[str, int] = {}
    for page in pages:
        if from_us(start_us) <= page.start and page.end <= from_us(end_us):
            for entry in page.entries:
                result[entry.consumer] = result.get(entry.consumer, 0) + entry.energy_uj
    return result


@pytest.mark.slow
def test_prometheus_and_the_ledger_agree_between_the_same_ticks(tmp_path: Path) -> None:
    """The difference of two instant queries equals the ledger's energy between the same ticks."""
    program = require_tool("prometheus")
    with scripted(tmp_path, power_uw=POWER_UW, range_uj=262_143_328_850, limit_uw=0) as (
        root,
        counter,
    ):
        service = Service(tmp_path)
        agent = Agent(
            tmp_path,
            *("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1"),
        )
        with ended(service, agent):
            targets = {"agent": agent.address, "service": service.address}
            prometheus = Prometheus(program, tmp_path, targets, free_port())
            with ended(prometheus):
                counter.go()
                wait_until(
                    lambda: bool(prometheus.query("footprint_energy_joules_total", time.time())),
                    "Prometheus to scrape the agent's energy",
                )
                time.sleep(3)
                first = prometheus.moment_both_answered()
                time.sleep(SCRAPE_SECONDS)
                last = prometheus.moment_both_answered()
                ticks = [
                    round(prometheus.query("footprint_agent_last_tick_timestamp_seconds", at)[""])
                    for at in (first, last)
                ]
                shown = [
                    prometheus.query("sum by (consumer) (footprint_energy_joules_total)", at)
                    for at in (first, last)
                ]
                service_shown = [
                    prometheus.query("sum(footprint_service_energy_joules_total)", at)[""]
                    for at in (first, last)
                ]
                up = prometheus.query(f"min(avg_over_time(up[{SCRAPE_SECONDS}s]))", last)
            assert agent.terminate() == 0
            pages = list(verify_chain(service_pages(service.database)))
    assert up[""] > 0.9  # late now and then on a busy machine; a side that fails is not
    held = ledger_uj(pages, ticks[0] * 1_000_000, ticks[1] * 1_000_000)
    difference = {
        consumer: round((shown[1][consumer] - shown[0][consumer]) * 1e6) for consumer in shown[0]
    }
    assert {name: uj for name, uj in difference.items() if uj} == held
    assert sum(held.values()) >= POWER_UW * (SCRAPE_SECONDS - 2)
    # The service has counted whole pages only: its difference is one that the ledger can make.
    sums = [0]
    for page in pages:
        sums.append(sums[-1] + sum(entry.energy_uj for entry in page.entries))
    positions = [sums.index(round(total * 1e6)) for total in service_shown]
    assert positions[1] - positions[0] >= SCRAPE_SECONDS - 3


@pytest.mark.slow
def test_both_metrics_pages_are_clean_under_promtool(tmp_path: Path) -> None:
    """`promtool check metrics` has nothing to say of either side."""
    promtool = require_tool("promtool")
    config = tmp_path / "agent.toml"
    config.write_text(
        '[factor]\ngrams_per_kwh = 46.1\nzone = "FR"\nsource = "test"\nvalid_from = "2025-01-01"\n'
    )
    with scripted(tmp_path, power_uw=POWER_UW, range_uj=262_143_328_850, limit_uw=0) as (
        root,
        counter,
    ):
        counter.go()
        service = Service(tmp_path)
        agent = Agent(
            tmp_path,
            *("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1"),
            *("--config", str(config)),
        )
        with ended(service, agent):
            wait_until(lambda: len(service_pages(service.database)) > 1, "pages at the service")
            for process, expected in (
                (agent, "footprint_emissions_grams_total"),
                (service, "footprint_month_energy_joules"),
            ):
                text = get(process.url + "/metrics")
                assert expected.encode() in text
                check = subprocess.run(
                    [promtool, "check", "metrics"], input=text, capture_output=True, check=False
                )
                assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
