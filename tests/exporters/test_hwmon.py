"""hwmon on real file trees: what is known counts, the rest is evidence, failures are gaps."""

from pathlib import Path

import pytest

from exporters.clock import Boot
from exporters.sensors.hwmon import Hwmon, discover
from exporters.sensors.sensor import Absent, Failure
from footprint.reading import Counter, consumed
from footprint.units import Energy
from tests.exporters.nobody import footprint_agent

W = 1_000_000


class Host:
    """A tree of drivers and a clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now_ns = 0

    def driver(self, number: int, name: str, **files: object) -> Path:
        """One hwmon folder; `energy1_input=5`."""
        folder = self.root / f"hwmon{number}"
        folder.mkdir()
        for file, text in {"name": name, **files}.items():
            (folder / file).write_text(f"{text}\n")
        return folder

    def sensor(self, *, cpu_is_measured: bool = False) -> Hwmon:
        """The sensor on it."""
        found = discover(
            self.root, Boot("boot", lambda: self.now_ns), cpu_is_measured=cpu_is_measured
        )
        assert isinstance(found, Hwmon)
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A tree of its own."""
    return Host(tmp_path)


def roles(sensor: Hwmon) -> dict[str, str]:
    """What each channel counts as, and its quality."""
    return {d.device: f"{d.component or 'evidence'} {d.quality}" for d in sensor.devices()}


def test_only_what_is_known_to_be_a_component_is_one(host: Host) -> None:
    """Sockets of amd_energy are processors, its cores lie inside; supplies and rails may hold
    anything."""
    host.driver(
        2,
        "amd_energy",
        energy1_input=1,
        energy1_label="Ecore000",
        energy2_input=2,
        energy2_label="Esocket0",
    )
    host.driver(10, "acpi_power_meter", power1_average=5, power1_label="PSU")
    host.driver(3, "nct6775", temp1_input=40000)
    assert roles(host.sensor()) == {
        "hwmon-amd_energy-0-energy1": "evidence counter",
        "hwmon-amd_energy-0-energy2": "cpu counter",
        "hwmon-acpi_power_meter-0-power1": "evidence integrated",
    }


def test_processors_that_another_sensor_counts_are_evidence_here(host: Host) -> None:
    """A joule is counted once."""
    host.driver(0, "amd_energy", energy1_input=2, energy1_label="Esocket0")
    assert roles(host.sensor(cpu_is_measured=True)) == {
        "hwmon-amd_energy-0-energy1": "evidence counter"
    }


def test_two_of_one_driver_keep_their_names_whatever_their_numbers(host: Host) -> None:
    """Folders are numbered anew at each boot; the order of one driver's stays."""
    for number in (3, 11):
        host.driver(number, "ina3221", power1_input=number)
    assert list(roles(host.sensor())) == ["hwmon-ina3221-0-power1", "hwmon-ina3221-1-power1"]


def test_energy_is_read_and_power_integrated(host: Host) -> None:
    """Microjoules as they are; microwatts by the trapezium, the mean before the instant."""
    first = host.driver(0, "amd_energy", energy1_input=7, power1_input=9, energy1_label="Esocket0")
    second = host.driver(
        1, "xgene", power1_input=1, power1_average=10 * W, power1_label="CPU power"
    )
    sensor = host.sensor()
    before = sensor.read()
    (first / "energy1_input").write_text(f"{7 + 5 * W}\n")
    (second / "power1_average").write_text(f"{30 * W}\n")
    host.now_ns = 10**9
    after = sensor.read()
    found = {
        name: consumed(before[name], after[name])  # type: ignore[arg-type]
        for name in after
    }
    assert found == {
        "hwmon-amd_energy-0-energy1": Energy(5 * W),
        "hwmon-xgene-0-power1": Energy(20 * W),
    }


def test_each_failure_has_its_cause_and_heals(host: Host) -> None:
    """Garbage, a negative, a spike, a file that is gone: never a zero, good again when the file
    is."""
    file = host.driver(0, "xgene", power1_input=W, power1_label="CPU power") / "power1_input"
    sensor = host.sensor()
    for text, cause in (("x", "read_failed"), ("-5", "read_failed"), ("9" * 18, "implausible")):
        file.write_text(text)
        failure = sensor.read()["hwmon-xgene-0-power1"]
        assert isinstance(failure, Failure)
        assert failure.gap.cause == cause
        assert str(file) in failure.error
    file.unlink()
    failure = sensor.read()["hwmon-xgene-0-power1"]
    assert isinstance(failure, Failure)
    assert failure.gap.cause == "absent"
    file.write_text(f"{W}\n")
    assert isinstance(sensor.read()["hwmon-xgene-0-power1"], Counter)


def test_a_host_without_channels_is_absent(host: Host) -> None:
    """No folder, or none with power."""
    host.driver(0, "nct6775", temp1_input=40000)
    for root in (host.root, host.root / "none"):
        absent = discover(root, Boot("boot"), cpu_is_measured=False)
        assert isinstance(absent, Absent)
        assert str(root) in absent.reason


def test_the_agent_reads_channels_as_its_settings_say(host: Host, tmp_path: Path) -> None:
    """The doctor, which uses the agent's settings, reads a socket through hwmon: no model beside
    it."""
    host.driver(0, "xgene", power1_input=42 * W, power1_label="CPU power")
    config = tmp_path / "agent.toml"
    config.write_text(f'nvml = "off"\nhwmon_root = "{host.root}"\n')
    result = footprint_agent(
        *("doctor", "--config", config, "--powercap-root", tmp_path / "none", "--host-id", "host"),
        *("--state-dir", tmp_path / "state", "--run-dir", tmp_path / "run"),
    )
    assert result.returncode == 0, result.stdout
    assert "reading your processors: 1 found, 42 W (integrated)" in result.stdout
