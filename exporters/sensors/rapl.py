"""RAPL through the Linux powercap tree: cumulative microjoules per zone (package, dram, psys...).

In: `/sys/class/powercap/intel-rapl:*` (AMD's zones carry the same names). Out: `Counter`s. Packages
are component `cpu`, `dram` zones `dram`; `core`, `uncore` and `psys` cover the same joules again,
so they are evidence. Each zone wraps at its own `max_energy_range_uj`.
Source: Linux, Documentation/power/powercap/powercap.rst.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exporters.clock import Boot
from exporters.errors import SensorError
from exporters.sensors.sensor import Absent, Component, Device, Failure
from footprint.reading import Counter, Gap, Reading
from footprint.units import UJ_PER_J

REMEDY = "install the shipped udev rule (group footprint, 0440) or run as root"

MOST_POWER_UW = 1000 * UJ_PER_J
"""No processor package draws a kilowatt (the largest of 2026 are rated 500 W): the bound on a
zone's power where its limits say nothing, or say they are off."""

MOST_PLATFORM_UW = 10 * MOST_POWER_UW
"""`psys` lies around all packages and more: ten times a package's bound."""


MOST_VALUE_UJ = 2**63 - 1
"""What a page can hold: a larger number is no counter's."""


class Rapl:
    """The powercap zones of one host, read through descriptors kept open."""

    name = "rapl"

    def __init__(self, devices: Sequence[Device], paths: Mapping[str, Path], boot: Boot) -> None:
        self._devices = devices
        self._paths = paths
        self._boot = boot
        self._descriptors: dict[str, int] = {}

    def devices(self) -> Sequence[Device]:
        """One device a zone."""
        return self._devices

    def read(self) -> Mapping[str, Reading | Failure]:
        """Every zone's counter now; all are read within some tens of microseconds."""
        at_ns = self._boot.mono_ns()
        return {device.device: self._read_zone(device, at_ns) for device in self._devices}

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def _read_zone(self, device: Device, at_ns: int) -> Counter | Failure:
        path = self._paths[device.device]
        try:
            descriptor = self._descriptors.get(device.device)
            if descriptor is None:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self._descriptors[device.device] = descriptor
            value_uj = int(os.pread(descriptor, 32, 0))
        except (OSError, ValueError) as error:
            self._forget(device.device)
            return _failure(path, error)
        most_uj = MOST_VALUE_UJ if device.range_uj is None else device.range_uj
        if not 0 <= value_uj <= most_uj:
            return Failure(
                Gap("read_failed"), f"rapl: {path} holds {value_uj}, not between 0 and {most_uj}"
            )
        boot_id = self._boot.boot_id
        return Counter(value_uj, at_ns, boot_id, device.range_uj, device.max_power_uw)

    def _forget(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)


def discover(root: Path, boot: Boot) -> Rapl | Absent:
    """The zones below `root`.

    Raises SensorError where zones exist but the operating system refuses to show them: a meter
    must not fall back to a model without anybody knowing.
    """
    devices, paths = [], {}
    for zone, name, own, package in _zones(root):
        device = _device(zone, name, own, package)
        devices.append(device)
        paths[device.device] = zone / "energy_uj"
    if not devices:
        return Absent("rapl", f"no RAPL zone in {root} (a virtual machine, or no driver)")
    sensor = Rapl(devices, paths, boot)
    for outcome in sensor.read().values():
        if isinstance(outcome, Failure) and outcome.gap.cause == "permission":
            raise SensorError(outcome.error)
    return sensor


def _zones(root: Path) -> Iterator[tuple[Path, str, str, str | None]]:
    """Each zone, its name unique on the host (`package-0`, `package-0-dram`), its own name, and the
    package it is or is part of.

    `intel-rapl-mmio` shows the packages a second time and is left out by the pattern.
    """
    names: dict[str, str] = {}
    packages: dict[str, str] = {}
    for zone in sorted(root.glob("intel-rapl:*"), key=lambda path: path.name.split(":")):
        try:
            own = (zone / "name").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SensorError(f"rapl: cannot read {zone / 'name'}: {error}; {REMEDY}") from error
        above = zone.name.rpartition(":")[0]
        parent = names.get(above)
        name = f"{parent}-{own}" if parent else own
        if name in names.values():
            name = f"{name}-{zone.name.partition(':')[2]}"  # two of one name are two devices
        names[zone.name] = name
        if own.startswith("package"):
            packages[zone.name] = own
        elif above in packages:
            packages[zone.name] = packages[above]
        yield zone, name, own, packages.get(zone.name)


def _device(zone: Path, name: str, own: str, package: str | None) -> Device:
    component: Component | None = None
    if own.startswith("package"):
        component = "cpu"
    elif own == "dram":
        component = "dram"
    limits = _limits(zone)
    most_uw = MOST_PLATFORM_UW if own == "psys" else MOST_POWER_UW
    bound = min(2 * max(limits), most_uw) if limits else most_uw
    return Device(
        sensor="rapl",
        device=name,
        component=component,
        covers=name,
        quality="counter",
        evidence=component is None,
        package=package,
        range_uj=_number(zone / "max_energy_range_uj"),
        max_power_uw=bound,
        rated_power_uw=limits[0] if limits else None,
    )


def _limits(zone: Path) -> list[int]:
    """The zone's power limits in microwatts, the long-term one first."""
    files = (
        zone / f"constraint_{number}_{kind}"
        for number in range(3)
        for kind in ("max_power_uw", "power_limit_uw")
    )
    return [limit for limit in map(_number, files) if limit is not None]


def _number(path: Path) -> int | None:
    """An optional attribute, None where it is absent or holds what no range and no limit can be."""
    try:
        number = int(path.read_text())
    except (OSError, ValueError):
        return None
    return number if 0 < number <= MOST_VALUE_UJ else None


def _failure(path: Path, error: OSError | ValueError) -> Failure:
    if isinstance(error, PermissionError):
        return Failure(Gap("permission"), f"rapl: cannot read {path}: permission denied; {REMEDY}")
    if isinstance(error, FileNotFoundError):
        return Failure(Gap("absent"), f"rapl: {path} is gone; is the driver loaded?")
    reason = error.strerror if isinstance(error, OSError) else "it holds no number"
    return Failure(Gap("read_failed"), f"rapl: cannot read {path}: {reason}")
