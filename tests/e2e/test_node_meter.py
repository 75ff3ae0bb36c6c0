"""From a management controller to the statement: agent, Redfish over HTTP, spool, service."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.twin import redfish
from footprint.interval import month_of
from footprint.ledger import verify_chain
from tests.powercap import scripted
from tests.running import Agent, Service, ended, page_bodies, service_pages, wait_until

PACKAGE_UW, NODE_W = 50_000_000, 300
RANGE_UJ = 262_143_328_850
METER = "host-under-test/bmc"
UP = 'footprint_node_meter_up{meter="bmc"}'
NODE_JOULES = 'footprint_node_energy_joules_total{meter="bmc",quality="integrated"}'
FAILURES = 'footprint_node_meter_read_failures_total{meter="bmc"}'
FAILED_AT = 'footprint_node_meter_last_failure_timestamp_seconds{meter="bmc"}'
TICK = "footprint_agent_last_tick_timestamp_seconds"

C = "/redfish/v1/Chassis"
SUPPLIES = [{"PowerInputWatts": watts, "Status": {"State": "Enabled"}} for watts in (160, 140)]
INNER = {"Links": {"ContainedBy": {"@odata.id": f"{C}/1"}}}
DOCUMENTS: dict[str, dict[str, Any]] = {
    C: {"Members": [{"@odata.id": f"{C}/1"}, {"@odata.id": f"{C}/gpus"}]},
    f"{C}/1": {"Power": {"@odata.id": f"{C}/1/Power"}},
    f"{C}/1/Power": {"PowerSupplies": SUPPLIES},
    f"{C}/gpus": {**INNER, "Power": {"@odata.id": f"{C}/gpus/Power"}},
    f"{C}/gpus/Power": {"PowerControl": [{"PowerConsumedWatts": 90}]},
}
"""A host of 300 W: two supplies, and an inner chassis that is in them already."""


def answer(path: str) -> tuple[int, dict[str, Any] | None]:
    """What its controller answers."""
    return (200, DOCUMENTS[path]) if path in DOCUMENTS else (404, None)


def configured(folder: Path, url: str) -> Path:
    """The agent's configuration, which names the controller."""
    password, config = folder / "password", folder / "agent.toml"
    password.write_text(f"{redfish.PASSWORD}\n")
    config.write_text(
        f'[[bmc]]\nurl = "{url}"\nuser = "{redfish.USER}"\npassword_file = "{password}"\n'
    )
    return config


def said(service: Service) -> tuple[dict[str, Any], list[list[str]]]:
    """The platform in this month's statement: as JSON, and its lines of CSV."""
    path = f"/v1/statements/{month_of(datetime.now(UTC))}"
    platform: dict[str, Any] = json.loads(service.get(path))["platform"]
    text = service.get(f"{path}?format=csv").decode("utf-8-sig")
    lines = [line.split(";") for line in text.splitlines() if line.startswith("# platform")]
    return platform, lines


@pytest.mark.slow
def test_a_controller_s_energy_becomes_platform_with_its_evidence(tmp_path: Path) -> None:
    """A controller says 300 W, a package 50: what is beyond the package is platform, over the time
    that both cover, by meter, hosts and quality; all of the meter's energy is accounted for."""
    with (
        redfish.serving(answer, keep=True) as bmc,
        scripted(tmp_path, power_uw=PACKAGE_UW, range_uj=RANGE_UJ, limit_uw=0) as (root, counter),
    ):
        service = Service(tmp_path)
        arguments = ("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1")
        agent = Agent(tmp_path, *arguments, "--config", str(configured(tmp_path, bmc.url)))
        with ended(service, agent):
            counter.go()
            wait_until(lambda: agent.metrics().get(NODE_JOULES, 0) > 6 * NODE_W, "node energy")
            assert agent.metrics()[UP] == 1
            assert agent.terminate() == 0
            platform, lines = said(service)
            held = service_pages(service.database)
    assert held == page_bodies(agent.spool)
    facts = [fact for page in verify_chain(held) for fact in page.nodes]
    (meter,) = platform["meters"]
    assert (meter["meter"], meter["hosts"]) == (METER, ["host-under-test"])
    assert meter["node_quality_uj"] == {"integrated": meter["node_uj"]}
    assert meter["components_quality_uj"] == {"counter": meter["components_uj"]}
    assert meter["platform_uj"] == meter["node_uj"] - meter["components_uj"]
    assert abs(meter["node_uj"] - NODE_W * meter["common_us"]) < 1000
    assert 0 < meter["components_uj"] < meter["node_uj"]
    accounted_uj = meter["node_uj"] + meter["residue_uj"] + meter["set_aside_uj"]
    assert accounted_uj == sum(fact.energy_uj for fact in facts)
    assert platform["boundary"] == "wall"
    assert (platform["unmetered_hosts"], platform["anomalies"]) == ([], [])
    (line,) = (line for line in lines if METER in line)
    assert str(meter["platform_uj"]) in line
    assert all(allowed for path, allowed in bmc.asked if path != redfish.OPEN)


@pytest.mark.slow
def test_a_controller_that_goes_away_holds_up_nothing(tmp_path: Path) -> None:
    """The meter is down and its failures are counted and dated; the agent's ticks go on."""
    with (
        redfish.serving(answer) as bmc,
        scripted(tmp_path, power_uw=PACKAGE_UW, range_uj=RANGE_UJ, limit_uw=0) as (root, counter),
    ):
        config = configured(tmp_path, bmc.url)
        agent = Agent(tmp_path, "--powercap-root", str(root), "--config", str(config))
        with ended(agent):
            counter.go()
            wait_until(lambda: agent.metrics().get(UP) == 1, "a reading")
            assert agent.metrics()[FAILURES] == 0
            assert FAILED_AT not in agent.metrics()
            bmc.hang_up()
            wait_until(lambda: agent.metrics()[FAILURES] >= 2, "failures")
            after = agent.metrics()
            assert after[UP] == 0
            assert 0 < after[FAILED_AT] <= after[TICK] + 1
            wait_until(lambda: agent.metrics()[TICK] > after[TICK] + 2, "further ticks")
            assert agent.terminate() == 0
            assert redfish.PASSWORD not in agent.output()
            said_of_it = [line for line in agent.output().splitlines() if "redfish: " in line]
            assert len(said_of_it) == 1
