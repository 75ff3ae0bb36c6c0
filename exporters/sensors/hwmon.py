"""Power and energy that drivers of the kernel show under `/sys/class/hwmon`.

In: `energy*_input` (microjoules since the driver loaded) and `power*_average` or `power*_input`
(microwatts, integrated at every tick). Out: `Counter`s. A channel counts as a component only where
a driver of the table below is known to measure exactly that; everything else (a rail, a supply, a
whole board) may contain or be contained in what another sensor counts, so it is evidence.
Source: Linux, Documentation/hwmon/sysfs-interface.rst, and each driver's own page there.
"""

import re
from collections import Counter as Counted
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from exporters.clock import Boot
from exporters.sensors.integral import Integral
from exporters.sensors.sensor import Absent, Component, Device, Failure
from footprint.reading import Counter, Gap, PowerSample, Reading
from footprint.units import UJ_PER_J

MOST_POWER_UW = 10_000 * UJ_PER_J
"""No channel of one host carries ten kilowatts: more is a defect."""
MOST_VALUE_UJ = 2**63 - 1
"""What a page can hold: a larger number is no counter's."""

KNOWN: tuple[tuple[str, str, Component], ...] = (
    # Linux, Documentation/hwmon/amd_energy.rst: "Esocket<N>" is a socket, "Ecore<N>" inside it.
    ("amd_energy", r"Esocket\d+", "cpu"),
    # Linux, Documentation/hwmon/xgene-hwmon.rst: "CPU power" is the SoC's processors.
    ("xgene", r"CPU power", "cpu"),
)
"""(driver, pattern of the channel's label, component): what is known to be a whole component."""


class Channel(msgspec.Struct, frozen=True):
    """One file of a driver: its device, and whether it shows energy or power."""

    device: Device
    path: Path
    energy: bool


class Hwmon:
    """The energy and power channels of one host."""

    name = "hwmon"

    def __init__(self, channels: Sequence[Channel], boot: Boot) -> None:
        self._channels = channels
        self._boot = boot
        process = str(boot.mono_ns())
        self._integrals = {channel.path: Integral(process) for channel in channels}

    def devices(self) -> Sequence[Device]:
        """One device a channel."""
        return [channel.device for channel in self._channels]

    def read(self) -> Mapping[str, Reading | Failure]:
        """Every channel now."""
        return {channel.device.device: self._read(channel) for channel in self._channels}

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, channel: Channel) -> Counter | Failure:
        try:
            value = int(channel.path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            return _failure(channel.path, error)
        if not 0 <= value <= MOST_VALUE_UJ:
            line = f"hwmon: {channel.path} holds no number from 0 to {MOST_VALUE_UJ}"
            return Failure(Gap("read_failed"), line)
        now_ns, bound_uw = self._boot.mono_ns(), channel.device.max_power_uw
        if channel.energy:
            return Counter(value, now_ns, self._boot.boot_id, None, bound_uw)
        if value > MOST_POWER_UW:
            line = f"hwmon: {channel.path} says {value // UJ_PER_J} W, which no channel carries"
            return Failure(Gap("implausible"), line)
        integral = self._integrals[channel.path]
        integral.add(PowerSample(value, now_ns, self._boot.boot_id))
        counter = integral.counter(bound_uw)
        assert counter is not None  # noqa: S101 - a sample was just added
        return counter


def discover(root: Path, boot: Boot, *, cpu_is_measured: bool) -> Hwmon | Absent:
    """The channels below `root` (`/sys/class/hwmon`).

    `cpu_is_measured`: another sensor counts the processors; what is known here is then evidence.
    """
    channels: list[Channel] = []
    seen: Counted[str] = Counted()
    for folder in sorted(root.glob("hwmon*"), key=lambda path: int(_digits(path.name) or 0)):
        driver = _text(folder / "name") or "unnamed"
        channels += _channels(folder, driver, seen[driver], cpu_is_measured)
        seen[driver] += 1
    if not channels:
        return Absent("hwmon", f"no energy or power channel in {root}")
    return Hwmon(channels, boot)


def _channels(folder: Path, driver: str, ordinal: int, cpu_is_measured: bool) -> Iterator[Channel]:
    """A driver's channels, named by it and its ordinal: folders are numbered anew at each boot."""
    for path in _files(folder):
        kind, number = re.findall(r"[a-z]+|\d+", path.name)[:2]
        label = _text(folder / f"{kind}{number}_label") or f"{kind}{number}"
        component = _component(driver, label)
        counts = component is not None and not cpu_is_measured
        energy = kind == "energy"
        device = Device(
            sensor="hwmon",
            device=f"hwmon-{_word(driver)}-{ordinal}-{kind}{number}",
            component=component if counts else None,
            covers=f"{driver}: {label}"[:200],
            quality="counter" if energy else "integrated",
            evidence=not counts,
            max_power_uw=MOST_POWER_UW,
            parameters={"driver": driver[:200], "file": path.name},
        )
        yield Channel(device, path, energy)


def _files(folder: Path) -> list[Path]:
    """The energy channels; the power channels, by their mean where the driver has one. A driver
    that shows both shows the same thing twice: its energy is enough."""
    energies = sorted(folder.glob("energy*_input"))
    if energies:
        return energies
    means = sorted(folder.glob("power*_average"))
    seen = {path.name.partition("_")[0] for path in means}
    instants = (path for path in folder.glob("power*_input"))
    return sorted([*means, *(path for path in instants if path.name.partition("_")[0] not in seen)])


def _component(driver: str, label: str) -> Component | None:
    for name, pattern, component in KNOWN:
        if driver == name and re.fullmatch(pattern, label):
            return component
    return None


def _failure(path: Path, error: OSError | ValueError) -> Failure:
    if isinstance(error, PermissionError):
        line = f"hwmon: cannot read {path}: permission denied; run as root"
        return Failure(Gap("permission"), line)
    if isinstance(error, FileNotFoundError):
        return Failure(Gap("absent"), f"hwmon: {path} is gone; is its driver loaded?")
    if isinstance(error, ValueError):
        return Failure(Gap("read_failed"), f"hwmon: {path} holds no whole number")
    return Failure(Gap("read_failed"), f"hwmon: cannot read {path}: {error}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:60]
