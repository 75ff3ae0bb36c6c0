"""RAPL on real file trees: what counts, what is evidence, what cannot be read and comes back."""

import subprocess
from pathlib import Path

import pytest

from exporters.clock import Boot
from exporters.errors import SensorError
from exporters.sensors.rapl import MOST_POWER_UW, Rapl, discover
from exporters.sensors.sensor import Absent, Failure
from footprint.reading import Counter
from tests.exporters.nobody import footprint_agent, shared_folder, the_line
from tests.powercap import make_zone

RANGE_UJ = 262_143_328_850
W = 1_000_000


def found(root: Path) -> Rapl:
    """The sensor on a tree that has one."""
    sensor = discover(root, Boot("boot"))
    assert isinstance(sensor, Rapl)
    return sensor


def roles(sensor: Rapl) -> dict[str, str]:
    """What each device counts as."""
    return {
        device.device: "evidence" if device.evidence else str(device.component)
        for device in sensor.devices()
    }


def zones(root: Path, **names: str) -> None:
    """Zones by their numbers: `_0_1="dram"` is intel-rapl:0:1."""
    for number, name in names.items():
        make_zone(root, f"intel-rapl{number.replace('_', ':')}", name, range_uj=RANGE_UJ)


def test_two_sockets_with_memory_and_what_lies_inside_and_around(tmp_path: Path) -> None:
    """Packages are processors, dram is memory; core, uncore, psys cover the same joules."""
    zones(tmp_path, _0="package-0", _0_0="core", _0_1="uncore", _0_2="dram")
    zones(tmp_path, _1="package-1", _1_0="dram", _2="psys")
    assert roles(found(tmp_path)) == {
        "package-0": "cpu",
        "package-0-core": "evidence",
        "package-0-uncore": "evidence",
        "package-0-dram": "dram",
        "package-1": "cpu",
        "package-1-dram": "dram",
        "psys": "evidence",
    }


def test_every_die_is_a_package_of_its_own(tmp_path: Path) -> None:
    """Processors of several dies have a zone each; none covers another."""
    zones(tmp_path, _0="package-0-die-0", _1="package-0-die-1", _0_0="dram", _1_0="dram")
    assert roles(found(tmp_path)) == {
        "package-0-die-0": "cpu",
        "package-0-die-0-dram": "dram",
        "package-0-die-1": "cpu",
        "package-0-die-1-dram": "dram",
    }


def test_more_than_ten_zones_keep_their_parents(tmp_path: Path) -> None:
    """The order of folders is not the order of numbers: each dram belongs to its own package."""
    for socket in range(12):
        zones(tmp_path, **{f"_{socket}": f"package-{socket}", f"_{socket}_0": "dram"})
    expected = {f"package-{socket}": "cpu" for socket in range(12)}
    expected |= {f"package-{socket}-dram": "dram" for socket in range(12)}
    assert roles(found(tmp_path)) == expected


def test_the_second_door_to_the_same_packages_is_left_out(tmp_path: Path) -> None:
    """intel-rapl-mmio shows the packages again; the control type's own folder is no zone."""
    zones(tmp_path, _0="package-0")
    make_zone(tmp_path, "intel-rapl-mmio:0", "package-0", range_uj=RANGE_UJ)
    (tmp_path / "intel-rapl").mkdir()
    (tmp_path / "intel-rapl-mmio").mkdir()
    assert roles(found(tmp_path)) == {"package-0": "cpu"}


def test_two_zones_of_one_name_are_two_devices(tmp_path: Path) -> None:
    """A kernel that names two zones alike: neither hides the other."""
    zones(tmp_path, _0="package-0", _1="package-0")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("7\n")
    sensor = found(tmp_path)
    values = {name: reading.value_uj for name, reading in sensor.read().items()}  # type: ignore[union-attr]
    assert values == {"package-0": 0, "package-0-1": 7}
    sensor.close()


def test_no_zone_is_absent_and_says_why(tmp_path: Path) -> None:
    """A virtual machine has no folder at all, or an empty one."""
    for root in (tmp_path, tmp_path / "none"):
        absent = discover(root, Boot("boot"))
        assert isinstance(absent, Absent)
        assert absent.reason == f"no RAPL zone in {root} (a virtual machine, or no driver)"


def test_a_reading_carries_range_bound_and_boot(tmp_path: Path) -> None:
    """The bound on power is twice the largest limit; the first limit is what the zone is rated."""
    make_zone(
        tmp_path, "intel-rapl:0", "package-0", value_uj=42, range_uj=RANGE_UJ, limit_uw=200 * W
    )
    (tmp_path / "intel-rapl:0" / "constraint_1_power_limit_uw").write_text(f"{240 * W}\n")
    sensor = found(tmp_path)
    reading = sensor.read()["package-0"]
    assert isinstance(reading, Counter)
    assert (reading.value_uj, reading.range_uj, reading.boot_id) == (42, RANGE_UJ, "boot")
    assert reading.max_power_uw == 480 * W
    assert sensor.devices()[0].rated_power_uw == 200 * W
    sensor.close()


@pytest.mark.parametrize("limit", ["", "0", "-200", "garbage", str(5000 * W), str(2**63)])
def test_limits_that_say_nothing_leave_the_kilowatt(tmp_path: Path, limit: str) -> None:
    """No limit, one that is off, or one that nothing can draw: no package draws a kilowatt."""
    make_zone(tmp_path, "intel-rapl:0", "package-0", range_uj=RANGE_UJ)
    if limit:
        (tmp_path / "intel-rapl:0" / "constraint_0_power_limit_uw").write_text(f"{limit}\n")
    (device,) = found(tmp_path).devices()
    assert device.max_power_uw == MOST_POWER_UW

    assert (device.rated_power_uw or 0) <= 5000 * W


@pytest.mark.parametrize("text", [None, "0", "-1", "garbage", str(2**63)])
def test_an_unknown_range_is_told_as_unknown(tmp_path: Path, text: str | None) -> None:
    """Without max_energy_range_uj, or with one that no counter has, nobody can unwrap: None, no
    default."""
    zones(tmp_path, _0="package-0")
    path = tmp_path / "intel-rapl:0" / "max_energy_range_uj"
    if text is None:
        path.unlink()
    else:
        path.write_text(f"{text}\n")
    sensor = found(tmp_path)
    reading = sensor.read()["package-0"]
    assert isinstance(reading, Counter)
    assert reading.range_uj is None
    sensor.close()


def test_a_counter_that_turns_to_garbage_and_goes_comes_back(tmp_path: Path) -> None:
    """Each failure has its cause and names the file; the zone beside it is read all the while; the
    first good reading is a reading again."""
    zones(tmp_path, _0="package-0", _1="package-1")
    sensor = found(tmp_path)
    energy = tmp_path / "intel-rapl:0" / "energy_uj"

    def state() -> str | int:
        readings = sensor.read()
        assert isinstance(readings["package-1"], Counter)
        outcome = readings["package-0"]
        if isinstance(outcome, Failure):
            assert str(energy) in outcome.error
            assert "\n" not in outcome.error
            return outcome.gap.cause
        assert isinstance(outcome, Counter)
        return outcome.value_uj

    for text in ("garbage\n", "", "12 34\n", "-5\n", "\0\0\0", f"{10**19}\n", f"{RANGE_UJ + 1}\n"):
        energy.write_text(text)
        assert state() == "read_failed", text
    energy.write_text("garbage\n")
    assert state() == "read_failed"
    energy.unlink()
    assert state() == "absent"
    energy.write_text("1234567\n")
    assert state() == 1_234_567
    sensor.close()


def test_a_zone_without_a_readable_name_is_an_error_that_names_it(tmp_path: Path) -> None:
    """What a zone covers must be known before its joules are counted."""
    zones(tmp_path, _0="package-0")
    name = tmp_path / "intel-rapl:0" / "name"
    name.write_bytes(b"\xff\xfe")
    with pytest.raises(SensorError, match=f"cannot read {name}"):
        discover(tmp_path, Boot("boot"))
    name.unlink()
    with pytest.raises(SensorError, match=f"cannot read {name}"):
        discover(tmp_path, Boot("boot"))


def refused(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The agent as somebody without rights, on a tree that it may not read."""
    return footprint_agent(
        *("start", "--powercap-root", root, "--state-dir", folder / "state"),
        *("--run-dir", folder / "run", "--listen", "127.0.0.1:0", "--host-id", "host"),
        nobody=True,
    )


@pytest.mark.parametrize("file", ["energy_uj", "name"])
def test_an_unreadable_counter_ends_the_agent_with_the_remedy(file: str) -> None:
    """Root-only files, as kernels since 5.10 have them: one line with file and remedy, exit code
    1, and no model in the counter's place."""
    with shared_folder() as folder:
        root = folder / "powercap"
        zones(root, _0="package-0")
        path = root / "intel-rapl:0" / file
        path.chmod(0o400)
        line = the_line(refused(root, folder))
    assert line.startswith(f"footprint-agent: rapl: cannot read {path}: ")
    assert "ermission denied" in line
    assert line.endswith("install the shipped udev rule (group footprint, 0440) or run as root")


def test_psys_may_draw_more_than_a_package(tmp_path: Path) -> None:
    """Two busy sockets and their memory exceed a kilowatt: evidence must not fail for that."""
    zones(tmp_path, _0="package-0", _1="psys")
    bounds = {device.device: device.max_power_uw for device in found(tmp_path).devices()}
    assert bounds == {"package-0": 1000 * W, "psys": 10_000 * W}
