"""The model for hosts without counters: CodeCarbon's real figures, our line, and its absence."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporters import host
from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.model import LoadModel, discover
from exporters.sensors.sensor import Absent, Failure
from footprint.reading import Counter
from tests.exporters.nobody import footprint_agent, the_line

CURVE = {
    "version": "3.3.2",
    "model": "A Processor",
    "matched": True,
    "tdp_watts": 45.0,
    "curve_watts": {"0": 4.5, "25": 5.1, "50": 9.6, "75": 21.6, "100": 45.0},
}


class Stat:
    """A /proc/stat of our own, in hundredths of a second, read as the kernel's is."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stat"
        self.set()
        self.cpu = HostCpu(None, folder)

    def set(self, user: int = 0, idle: int = 0, steal: int = 0, text: str | None = None) -> None:
        """user nice system idle iowait irq softirq steal guest guest_nice."""
        fields = f"cpu  {user} 0 0 {idle} 7 0 0 {steal} 0 0"
        self._file.write_text(f"{fields if text is None else text}\ncpu0 1 1 1 1\n")


@pytest.fixture
def stat(tmp_path: Path) -> Stat:
    """The host's CPU time under test."""
    return Stat(tmp_path)


def model(stat: Stat, boot: str = "boot", **changes: Any) -> LoadModel:
    """The model over that file."""
    return LoadModel({**CURVE, **changes}, stat.cpu, 4, Boot(boot))


def counter(sensor: LoadModel) -> Counter:
    """A reading that is one."""
    reading = sensor.read()["cpu"]
    assert isinstance(reading, Counter)
    return reading


def test_codecarbon_gives_the_curve_of_this_processor() -> None:
    """The real package, in a process of its own: powers that rise from no load to full load."""
    command = [sys.executable, "-m", "exporters.sensors.codecarbon_curve"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    curve = json.loads(answer.stdout)
    assert curve.keys() == CURVE.keys()
    assert list(curve["curve_watts"]) == ["0", "25", "50", "75", "100"]
    watts = list(curve["curve_watts"].values())
    assert 0 < watts[0] < watts[-1] == pytest.approx(curve["tdp_watts"])
    assert watts == sorted(watts)


def test_the_model_found_on_this_host_says_that_it_is_one() -> None:
    """Modelled, for all processors together, with its parameters and its floor."""
    sensor = discover(HostCpu(None), host.logical_cpus(), Boot("boot"))
    assert isinstance(sensor, LoadModel)
    (device,) = sensor.devices()
    assert (device.quality, device.component, device.device) == ("modelled", "cpu", "cpu")
    assert device.parameters["logical_cpus"] == str(host.logical_cpus())
    assert device.floor_uw is not None
    assert device.rated_power_uw is not None
    assert 0 < device.floor_uw < device.rated_power_uw
    assert isinstance(sensor.read()["cpu"], Counter)


def test_energy_is_the_line_of_the_method(stat: Stat) -> None:
    """E = P_idle x time + (P_full - P_idle) x busy / CPUs, whole microjoules of each, rounded
    down; idle, waiting and stolen time are not busy."""
    sensor = model(stat)
    for user, idle, steal in ((0, 0, 0), (9_000, 10**6, 0), (24_001, 10**6, 10**6)):
        stat.set(user, idle, steal)
        reading = counter(sensor)
        static_uj = 4_500_000 * reading.at_ns // 10**9
        dynamic_uj = 40_500_000 * user // 100 // 4
        assert reading.value_uj == static_uj + dynamic_uj


def test_the_counter_never_falls_while_the_kernels_does_not(stat: Stat) -> None:
    """Time and CPU time only rise: so does the model."""
    sensor = model(stat)
    before = counter(sensor)
    for user in (0, 1, 1, 2, 500, 500):
        stat.set(user)
        after = counter(sensor)
        assert after.value_uj >= before.value_uj
        assert after.at_ns >= before.at_ns
        before = after


def test_other_parameters_are_another_counter(stat: Stat) -> None:
    """A newer table or another boot cannot continue the old line; the same parameters do."""
    names = {
        counter(model(stat)).boot_id,
        counter(model(stat)).boot_id,
        counter(model(stat, boot="other")).boot_id,
        counter(model(stat, version="3.4.0")).boot_id,
        counter(model(stat, curve_watts={**CURVE["curve_watts"], "100": 46.0})).boot_id,  # type: ignore[dict-item]
    }
    assert len(names) == 4


@pytest.mark.parametrize("text", ["", "cpu", "cpu a b c d e f g h", "garbage"])
def test_a_time_that_cannot_be_read_is_a_failure(stat: Stat, text: str) -> None:
    """Never zero, never the last value; good again when the file is."""
    sensor = model(stat)
    stat.set(text=text)
    failure = sensor.read()["cpu"]
    assert isinstance(failure, Failure)
    assert failure.gap.cause == "read_failed"
    assert "cannot read the CPU time" in failure.error
    stat.set(user=5)
    assert counter(sensor).value_uj > 0


def stub(folder: Path, text: str) -> str:
    """A PYTHONPATH whose codecarbon is this text."""
    (folder / "codecarbon").mkdir()
    (folder / "codecarbon" / "__init__.py").write_text(text)
    return str(folder)


STUBS = {
    "absent": "raise ImportError(\"No module named 'codecarbon'\")",
    "broken": "raise RuntimeError('first line\\nsecond line')",
    "talking": "print('hello'); raise SystemExit(0)",
}


@pytest.mark.parametrize("text", STUBS.values(), ids=STUBS)
def test_without_a_model_there_is_none_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Absent, broken or talking nonsense: absent with what to install, in one line."""
    monkeypatch.setenv("PYTHONPATH", stub(tmp_path, text))
    absent = discover(HostCpu(None), 4, Boot("boot"))
    assert isinstance(absent, Absent)
    assert absent.reason.endswith("install the extra: pip install 'footprint[agent-model]'")
    assert "\n" not in absent.reason


def test_a_host_without_counters_and_model_is_one_line(tmp_path: Path) -> None:
    """The agent says what it looked for and what to install, and does not start."""
    path = stub(tmp_path, STUBS["absent"])
    result = footprint_agent(
        *("start", "--powercap-root", tmp_path, "--state-dir", tmp_path / "state"),
        *("--run-dir", tmp_path / "run", "--listen", "127.0.0.1:0", "--host-id", "host"),
        PYTHONPATH=path,
    )
    line = the_line(result)
    assert line.startswith("footprint-agent: sensors: nothing on this host can be read: rapl: no")
    assert "codecarbon: no model of this processor (ImportError: No module" in line
    assert line.endswith("install the extra: pip install 'footprint[agent-model]'")
