"""The contract of a sensor, held by those that files drive, and by the example of the guide."""

import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import exporters.sensors
from exporters.clock import Boot
from exporters.sensors import hwmon, rapl
from exporters.sensors.sensor import Absent, Device, Failure
from footprint.codes import is_code
from footprint.reading import Cause, Counter, Energy, PowerSample, Reading, consumed
from tests.powercap import make_zone

GUIDE = Path(exporters.sensors.__file__).with_name("README.md")
BOOT = "11111111-2222-3333-4444-555555555555"


class Clock:
    """A monotonic clock that goes on by a second when told to."""

    def __init__(self) -> None:
        self.now_ns = 10**12
        self.boot = Boot(BOOT, lambda: self.now_ns)

    def pass_second(self) -> None:
        """A second passes."""
        self.now_ns += 10**9


class Case:
    """A sensor on real files: what is found, how its energy moves, what can be harmed."""

    def __init__(
        self, discover: Callable[[Boot], Any], move: Callable[[], None], files: list[Path]
    ) -> None:
        self.clock = Clock()
        self.sensor = discover(self.clock.boot)
        self.move, self.files = move, files


def rapl_zones(folder: Path) -> Case:
    """Two packages, a memory, and a psys around them."""
    root, values = folder / "powercap", [0]
    names = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram", "intel-rapl:1": "psys"}
    files = [make_zone(root, zone, name, range_uj=10**12) for zone, name in names.items()]
    return Case(lambda boot: rapl.discover(root, boot), _adder(files, values, 5_000_000), files)


def hwmon_channels(folder: Path) -> Case:
    """A driver that counts energy, and one that shows power."""
    for number, driver in enumerate(("amd_energy", "meter")):
        (folder / f"hwmon{number}").mkdir()
        (folder / f"hwmon{number}" / "name").write_text(f"{driver}\n")
    (folder / "hwmon0" / "energy1_label").write_text("Esocket0\n")
    energy, power = folder / "hwmon0" / "energy1_input", folder / "hwmon1" / "power1_average"
    files, values = [energy], [0]
    energy.write_text("0\n")
    power.write_text("7000000\n")
    return Case(
        lambda boot: hwmon.discover(folder, boot, cpu_is_measured=False),
        _adder(files, values, 5_000_000),
        [energy, power],
    )


def guides_example(folder: Path) -> Case:
    """What the guide shows, as it stands there."""
    (source,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("example")
    exec(compile(source, str(GUIDE), "exec"), module.__dict__)
    files = [folder / f"card{number}" / "energy_joules" for number in range(2)]
    for file in files:
        file.parent.mkdir()
        file.write_text("0\n")
    return Case(lambda boot: module.discover(folder, boot), _adder(files, [0], 5), files)


def _adder(files: list[Path], total: list[int], step: int) -> Callable[[], None]:
    def move() -> None:
        total[0] += step
        for file in files:
            file.write_text(f"{total[0]}\n")

    return move


SENSORS = {"rapl": rapl_zones, "hwmon": hwmon_channels, "example": guides_example}


@pytest.fixture(params=SENSORS.values(), ids=SENSORS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Each sensor on files of its own."""
    case = request.param(tmp_path)
    assert not isinstance(case.sensor, Absent)
    yield case
    case.sensor.close()


def hold_device(sensor: Any, device: Device) -> None:
    """A device says whose it is, what it covers, and counts for a component or as evidence."""
    assert device.sensor == sensor.name
    assert is_code(sensor.name)
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,100}", device.device)
    assert device.covers
    assert device.evidence == (device.component is None)
    assert device.max_power_uw is None or device.max_power_uw > 0


def readings(case: Case) -> dict[str, Reading]:
    """One reading of every device; none may have failed."""
    found = dict(case.sensor.read())
    assert all(isinstance(item, Counter | PowerSample) for item in found.values()), found
    assert {item.at_ns for item in found.values()} == {case.clock.now_ns}
    assert {item.boot_id.partition(":")[0] for item in found.values()} == {BOOT}
    return found


def test_devices_are_told_apart_and_stay(case: Case) -> None:
    """Names are unique, each is answered for, and reading changes nothing of the set."""
    devices = list(case.sensor.devices())
    for device in devices:
        hold_device(case.sensor, device)
    names = [device.device for device in devices]
    assert len(names) == len(set(names)) > 0
    assert set(readings(case)) == set(names)
    assert list(case.sensor.devices()) == devices


def test_readings_of_two_seconds_are_energy(case: Case) -> None:
    """Every device moved by what its file did, never backwards."""
    before = readings(case)
    case.clock.pass_second()
    case.move()
    after = readings(case)
    for name in before:
        energy = consumed(before[name], after[name])
        assert isinstance(energy, Energy)
        assert energy.uj in (5_000_000, 7_000_000)


@pytest.mark.parametrize("harm", ["gone", "garbage", "negative", "empty"])
def test_a_failed_reading_is_a_gap_with_one_line_and_nobody_elses(case: Case, harm: str) -> None:
    """Each device in turn: a failure with a cause, where and what; the others answer; what comes
    after brings the energy of the whole time."""
    before = readings(case)
    for file in case.files:
        restore = _harm(file, harm)
        case.clock.pass_second()
        found = case.sensor.read()
        failures = [item for item in found.values() if isinstance(item, Failure)]
        if harm == "gone" and case.sensor.name == "rapl":
            assert not failures  # a descriptor kept open outlives the name; the kernel's own do not
        else:
            (failure,) = failures
            assert failure.gap.cause in get_args(Cause)
            assert failure.error.startswith(f"{case.sensor.name}: ")
            assert str(file) in failure.error
            assert "\n" not in failure.error
        restore()
    case.clock.pass_second()
    case.move()
    after = readings(case)
    counted = consumed(before[_first(case)], after[_first(case)])
    assert isinstance(counted, Energy)
    assert counted.uj == 5_000_000


def _first(case: Case) -> str:
    return next(device.device for device in case.sensor.devices() if device.component)


def _harm(file: Path, harm: str) -> Callable[[], object]:
    """Harm the file; what undoes it."""
    if harm == "gone":
        elsewhere = file.rename(file.with_name("elsewhere"))
        return lambda: elsewhere.rename(file)
    kept = file.read_bytes()
    file.write_text({"garbage": "n/a\n", "negative": "-5\n", "empty": ""}[harm])
    return lambda: file.write_bytes(kept)


def test_closing_twice_is_harmless(case: Case) -> None:
    """The agent gives back what it holds once; a supervisor may ask again."""
    readings(case)
    case.sensor.close()
    case.sensor.close()


def test_where_there_is_nothing_a_sensor_says_so(tmp_path: Path) -> None:
    """Absent, with the place that was looked at, is not failed."""
    clock = Clock()
    outcomes = [
        rapl.discover(tmp_path / "none", clock.boot),
        hwmon.discover(tmp_path / "none", clock.boot, cpu_is_measured=False),
    ]
    for outcome in outcomes:
        assert isinstance(outcome, Absent)
        assert str(tmp_path) in outcome.reason
