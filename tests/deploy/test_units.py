"""The shipped units as systemd reads them: nothing misspelt, little exposed, no need unmet."""

import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.tools import require_tool

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("footprint-agent.service", "footprint.service", "footprint-gateway.service")
MOST_EXPOSURE = 2.0
"""Of 10, by `systemd-analyze security`; 1.6 for the agent, 0.9 for the service, 1.2 for the reader
under 252."""


def settings(unit: str) -> Iterator[tuple[str, str]]:
    """Every setting of a unit with its value."""
    for line in (DEPLOY / unit).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            yield name, value


def installed(unit: str, folder: Path) -> Path:
    """A copy of the unit whose program exists here."""
    text = (DEPLOY / unit).read_text(encoding="utf-8")
    copy = folder / unit
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", text))
    return copy


def verify(unit: Path) -> tuple[int, str]:
    """Exit code and everything that `systemd-analyze verify` says: an unknown key is only said."""
    result = subprocess.run(
        [require_tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_nothing_to_say(unit: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` succeeds in silence."""
    assert verify(installed(unit, tmp_path)) == (0, "")


def test_a_misspelt_setting_is_said(tmp_path: Path) -> None:
    """The check bites: systemd ignores an unknown key, and says so."""
    copy = installed(UNITS[0], tmp_path)
    copy.write_text(copy.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in verify(copy)[1]


def exposure(unit: Path) -> float:
    """The overall exposure, of 10."""
    result = subprocess.run(
        [*(require_tool("systemd-analyze"), "security", "--offline=true", "--no-pager"), unit],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert match, result.stdout + result.stderr
    return float(match[1])


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_expose_little(unit: str, tmp_path: Path) -> None:
    """The overall exposure stays under the bound."""
    assert exposure(installed(unit, tmp_path)) <= MOST_EXPOSURE


def test_the_drop_in_for_perf_grants_one_capability_and_one_call(tmp_path: Path) -> None:
    """With it the unit is still valid, and exposed no more than the bound."""
    unit = installed(UNITS[0], tmp_path)
    text = (DEPLOY / "footprint-agent-perf.conf").read_text(encoding="utf-8")
    granted = [line for line in text.splitlines() if line and not line.startswith(("#", "["))]
    assert granted == [
        "CapabilityBoundingSet=CAP_PERFMON",
        "AmbientCapabilities=CAP_PERFMON",
        "SystemCallFilter=perf_event_open",
    ]
    unit.write_text(unit.read_text(encoding="utf-8").replace("[Install]", f"{text}\n[Install]"))
    assert verify(unit) == (0, "")
    assert exposure(unit) <= MOST_EXPOSURE


def test_what_the_agent_reads_is_not_hidden_from_it() -> None:
    """No setting takes /proc/stat, the boot id, other processes, GPUs or the network away."""
    values = dict(settings("footprint-agent.service"))
    hiding = {"ProcSubset", "ProtectProc", "PrivateDevices", "PrivateNetwork", "InaccessiblePaths"}
    assert not hiding & values.keys()
    assert values["SupplementaryGroups"] == "footprint"
    assert {"AF_INET", "AF_INET6"} <= set(values["RestrictAddressFamilies"].split())
    devices = [
        value for name, value in settings("footprint-agent.service") if name == "DeviceAllow"
    ]
    assert all("nvidia" in device for device in devices)


def test_nothing_but_the_shipped_accounts_is_used(tmp_path: Path) -> None:
    """The units' users and group are those that footprint.sysusers.conf makes."""
    made = re.findall(r"(?m)^[ug] (\S+)", (DEPLOY / "footprint.sysusers.conf").read_text())
    for unit in UNITS:
        values = dict(settings(unit))
        assert values["User"] in made
        assert values.get("SupplementaryGroups", "footprint") in made
    (tmp_path / "etc").mkdir()
    command = [require_tool("systemd-sysusers"), f"--root={tmp_path}"]
    subprocess.run([*command, DEPLOY / "footprint.sysusers.conf"], check=True, capture_output=True)
    group = (tmp_path / "etc" / "group").read_text()
    assert re.search(r"(?m)^footprint:x:\d+:footprint-agent$", group)


def test_the_udev_rule_gives_the_counters_to_the_group_and_nothing_else() -> None:
    """It matches the zones that the agent reads and changes nothing but their energy_uj."""
    text = (DEPLOY / "60-footprint-rapl.rules").read_text(encoding="utf-8")
    (rule,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    parts = re.findall(r'([A-Z]+)(==|\+=)"([^"]*)"(?:, |$)', rule)
    assert ", ".join(f'{key}{operator}"{value}"' for key, operator, value in parts) == rule
    matches = {key: value for key, operator, value in parts if operator == "=="}
    assert matches == {
        "ACTION": "add|change",
        "SUBSYSTEM": "powercap",
        "KERNEL": "intel-rapl:*",
    }
    assert all(fnmatch(zone, matches["KERNEL"]) for zone in ("intel-rapl:0", "intel-rapl:1:2"))
    assert not fnmatch("intel-rapl", matches["KERNEL"])
    assert not fnmatch("intel-rapl-mmio:0", matches["KERNEL"])
    assert [value for key, operator, value in parts if operator == "+="] == [
        "/bin/chgrp footprint /sys$devpath/energy_uj",
        "/bin/chmod 0440 /sys$devpath/energy_uj",
    ]
