"""IPMI through a real program called ipmitool: power, or a gap with its cause."""

from pathlib import Path

import pytest

from exporters.clock import Boot
from exporters.sensors import ipmi
from exporters.sensors.sensor import Absent, Failure
from footprint.reading import PowerSample

BOOT = Boot("boot", lambda: 7)
ANSWER = """\

    Instantaneous power reading:                   {watts} Watts
    Minimum during sampling period:                 18 Watts
    Maximum during sampling period:                436 Watts
    Average power reading over sample period:      222 Watts
    IPMI timestamp:                           11/21/26 10:00:00 UTC    Sampling period:  1 Seconds.
    Power reading state is:                   {state}
"""


def reading(folder: Path, script: str) -> PowerSample | Failure:
    """What a host with that ipmitool reads."""
    device, tool = folder / "ipmi0", folder / "ipmitool"
    device.touch()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    found = ipmi.discover(BOOT, [folder / "no", device], str(folder))
    assert isinstance(found, ipmi.Ipmi)
    return found.read()


def answer(folder: Path, watts: object, state: str = "activated") -> PowerSample | Failure:
    """The reading of a tool that answers."""
    (folder / "answer").write_text(ANSWER.format(watts=watts, state=state))
    script = 'test "$*" = "dcmi power reading" && while read -r line; do echo "$line"; done'
    return reading(folder, f"{script} < {folder}/answer")


def test_the_instantaneous_power_is_read(tmp_path: Path) -> None:
    """Not the mean of a period of unknown length."""
    assert answer(tmp_path, 220) == PowerSample(220_000_000, 7, "boot")


@pytest.mark.parametrize(
    ("watts", "state", "words"),
    [
        (0, "activated", "no power in its answer"),
        ("-3", "activated", "no power in its answer"),
        (999_999, "activated", "no power in its answer"),
        (220, "deactivated", "not activated; activate it in the BMC"),
    ],
)
def test_an_answer_without_power_is_unsupported(
    tmp_path: Path, watts: object, state: str, words: str
) -> None:
    """Never zero: a host that runs draws power."""
    found = answer(tmp_path, watts, state)
    assert isinstance(found, Failure)
    assert (found.gap.cause, words in found.error) == ("unsupported", True)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Could not open device' >&2; echo more >&2; exit 1", "1: Could not open device"),
        ("exit 3", "ended with 3"),
        ("printf '\\377\\376'", "no power in its answer"),
    ],
)
def test_a_tool_that_fails_is_a_gap_with_one_line(tmp_path: Path, script: str, words: str) -> None:
    """With what it said."""
    found = reading(tmp_path, script)
    assert isinstance(found, Failure)
    assert words in found.error
    assert "\n" not in found.error


def test_a_tool_that_hangs_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended at its time limit."""
    monkeypatch.setattr(ipmi, "TIMEOUT_SECONDS", 0.1)
    found = reading(tmp_path, "read -r never < /dev/zero")
    assert isinstance(found, Failure)
    assert "no answer" in found.error


def test_a_host_without_device_or_tool_is_absent_with_its_remedy(tmp_path: Path) -> None:
    """Not failed: there is nothing to read."""
    none = ipmi.discover(BOOT, [tmp_path / "ipmi0"], str(tmp_path))
    assert isinstance(none, Absent)
    assert "modprobe ipmi_si" in none.reason
    (tmp_path / "ipmi0").touch()
    lacking = ipmi.discover(BOOT, [tmp_path / "ipmi0"], str(tmp_path))
    assert isinstance(lacking, Absent)
    assert "install ipmitool" in lacking.reason
