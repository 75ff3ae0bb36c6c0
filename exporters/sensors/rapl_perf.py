"""RAPL through the kernel's perf interface, where powercap is absent or closed.

In: the PMU `power` (`/sys/bus/event_source/devices/power`), one event a package or die and kind.
Out: `Counter`s under powercap's names, because they are the same counters. perf counts from the
moment of opening: each opening is an epoch of its own, so that what passed before, a restart of
the agent included, is a gap and never energy. Source: Linux, arch/x86/events/rapl.c.
"""

import errno
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from exporters.clock import Boot
from exporters.errors import SensorError
from exporters.sensors.perf_event import (
    RAW_SIZE,
    Count,
    Counting,
    Event,
    available,
    cpu_list,
    events,
)
from exporters.sensors.rapl import MOST_PLATFORM_UW, MOST_POWER_UW
from exporters.sensors.remark import Remark
from exporters.sensors.sensor import Absent, Component, Device, Failure
from footprint.reading import Cause, Counter, Gap, Reading
from footprint.units import uj_from_counts

REMEDY = (
    "install deploy/footprint-agent-perf.conf (AmbientCapabilities=CAP_PERFMON), or set "
    "kernel.perf_event_paranoid=0, or run as root, or leave RAPL to the model with "
    'rapl = "powercap"'
)

MOST_UNCOUNTED_NS = 1_000_000
"""The power PMU is never shared out in time, and a count that ran for less than it was enabled
misses energy: a millisecond is what moving the event to another CPU may take."""

MOST_STILL_SECONDS = 0.5
"""A counter that is there moves sooner: it is updated about every millisecond (Intel SDM vol. 3B,
14.10), and its coarsest unit is the joule of some servers' psys (Linux, intel_rapl_common.c)."""

_KINDS: dict[str, tuple[str, Component | None]] = {
    "pkg": ("", "cpu"),
    "ram": ("-dram", "dram"),
    "cores": ("-core", None),
    "gpu": ("-uncore", None),
}
"""powercap's names of the same counters; whatever is not here is evidence."""

NEVER_REST = frozenset(("pkg", "ram", "psys"))
"""What draws power for as long as the host does; cores sleep, and a graphics unit is off."""


class _Place(msgspec.Struct, frozen=True):
    """A package, or one die of it where each has counters of its own."""

    package: int
    die: int


class RaplPerf:
    """The energy events of one host, each open from its first reading on."""

    name = "rapl"

    def __init__(self, zones: Sequence["_Zone"], boot: Boot) -> None:
        self._zones = zones
        self._boot = boot
        self._empty: list[str] = []

    def devices(self) -> Sequence[Device]:
        """One device an event and package."""
        return [zone.device for zone in self._zones]

    def read(self) -> Mapping[str, Reading | Failure]:
        """Every event's total now; one that failed is opened anew at the next read."""
        return {zone.device.device: zone.read(self._boot) for zone in self._zones}

    def remarks(self) -> Sequence[Remark]:
        """What a person should know of counts that begin with each opening."""
        says = "read by perf, whose counts begin anew with each start of the agent: a gap each time"
        remedy = "powercap's do not: modprobe intel_rapl_msr, install the shipped udev rule"
        empty = ", ".join(self._empty)
        left_out = Remark("perf", f"no counter behind {empty}: left out, unknown, not zero", "")
        return (Remark("perf", says, remedy), *([left_out] if empty else []))

    def leave_out_what_is_empty(self) -> None:
        """A PMU may show events without a counter behind: they open, and stand at zero for ever (a
        guest's `energy-psys`; memory on processors that do not meter it). What never rests and has
        not moved for `MOST_STILL_SECONDS` is no device."""
        until = time.monotonic() + MOST_STILL_SECONDS
        while (still := self._still()) and time.monotonic() < until:
            time.sleep(MOST_STILL_SECONDS / 50)
        for zone in still:
            zone.close()
        self._empty = [zone.device.device for zone in still]
        self._zones = [zone for zone in self._zones if zone not in still]

    def _still(self) -> "list[_Zone]":
        awake = (zone for zone in self._zones if not zone.may_rest)
        return [zone for zone in awake if _is_nought(zone.read(self._boot))]

    def close(self) -> None:
        """Stop counting."""
        for zone in self._zones:
            zone.close()


def uncounted(enabled_ns: int, count: Count) -> str | None:
    """Why energy is missing from `count` (`enabled_ns` is the time of the count before it)."""
    if count.enabled_ns <= enabled_ns:
        return "it no longer counts; is its CPU offline?"
    missed_ns = count.enabled_ns - count.running_ns
    if missed_ns > MOST_UNCOUNTED_NS:
        return f"it did not count for {missed_ns} ns; does something else use the power PMU?"
    return None


class _Zone:
    """One event of one package: its count while it is open, as a sum that does not wrap."""

    def __init__(self, device: Device, event: Event, place: _Place, host: "_Host") -> None:
        self.device = device
        self.may_rest = event.name.removeprefix("energy-") not in NEVER_REST
        self._event = event
        self._place = place
        self._host = host
        self._counting: Counting | None = None
        self._epoch = ""
        self._total = self._raw = self._enabled_ns = 0

    def read(self, boot: Boot) -> Counter | Failure:
        """Microjoules since the opening, rounded down once: nothing is lost between readings."""
        try:
            counting = self._counting or self._open(boot)
            count = counting.read()
        except OSError as error:
            self.close()
            return self._failure(error)
        except SensorError as error:
            return Failure(Gap("absent"), str(error))
        trouble = uncounted(self._enabled_ns, count)
        if trouble is not None:
            self.close()
            return self._failed("absent", trouble)
        self._total += (count.raw - self._raw) % RAW_SIZE
        self._raw, self._enabled_ns = count.raw, count.enabled_ns
        value_uj = uj_from_counts(self._total, self._event.joules_per_count)
        return Counter(value_uj, boot.mono_ns(), self._epoch, None, self.device.max_power_uw)

    def close(self) -> None:
        """Stop counting; the next reading begins a new sum."""
        if self._counting is not None:
            self._counting.close()
            self._counting = None

    def _open(self, boot: Boot) -> Counting:
        cpu = self._host.cpus().get(self._place)
        if cpu is None:
            raise OSError(errno.ENODEV, "no CPU of it is online")
        self._counting = Counting(self._event, cpu)
        self._epoch = f"{boot.boot_id}:perf.{boot.mono_ns()}"
        self._total = self._raw = self._enabled_ns = 0
        return self._counting

    def _failure(self, error: OSError) -> Failure:
        causes: dict[int | None, Cause] = {errno.ENODEV: "absent", errno.ENOENT: "absent"}
        if error.errno in (errno.EACCES, errno.EPERM):
            paranoid = self._host.paranoid()
            says = f"permission denied (kernel.perf_event_paranoid = {paranoid}); {REMEDY}"
            return self._failed("permission", says)
        return self._failed(causes.get(error.errno, "read_failed"), str(error.strerror))

    def _failed(self, cause: Cause, says: str) -> Failure:
        line = f"rapl: cannot read {self.device.device} by perf ({self._event.name}): {says}"
        return Failure(Gap(cause), line)


class _Host(msgspec.Struct, frozen=True):
    """Where the kernel says which CPU answers for which package."""

    pmu: Path
    topology: Path
    proc: Path

    def cpus(self) -> dict[_Place, int]:
        """The first CPU of the PMU's mask in each place. Raises SensorError.

        AMD's counter is one a package; some kernels (6.9 and 6.10) list a CPU for each of its
        complexes, every one of which would show the same joules.
        """
        dies = "GenuineIntel" in self._cpuinfo()
        found: dict[_Place, int] = {}
        for cpu in cpu_list(self.pmu / "cpumask"):
            folder = self.topology / f"cpu{cpu}" / "topology"
            die = _number(folder / "die_id", 0) if dies else 0
            found.setdefault(_Place(_number(folder / "physical_package_id"), die), cpu)
        return found

    def paranoid(self) -> str:
        """The kernel's setting, as text."""
        try:
            return (self.proc / "sys" / "kernel" / "perf_event_paranoid").read_text().strip()
        except OSError:
            return "unknown"

    def _cpuinfo(self) -> str:
        try:
            return (self.proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")[:4096]
        except OSError:
            return ""


def discover(
    root: Path,
    boot: Boot,
    topology: Path = Path("/sys/devices/system/cpu"),
    proc: Path = Path("/proc"),
) -> RaplPerf | Absent:
    """The energy events of the PMU `power` below `root`, each opened once as proof.

    Raises SensorError where they exist and may not be read, or are described in part.
    """
    pmu = root / "power"
    if not pmu.is_dir() or not available():
        return Absent("rapl", f"no power PMU in {root} (a virtual machine, or no driver)")
    host = _Host(pmu, topology, proc)
    places = host.cpus()
    zones = [
        _Zone(device, event, place, host)
        for event in events(pmu, "energy-")
        for place in places
        if (device := _device(event, place, places)) is not None
    ]
    if not zones:
        return Absent("rapl", f"no energy event in {pmu}, or no CPU to read it on")
    sensor = RaplPerf(zones, boot)
    for outcome in sensor.read().values():
        if isinstance(outcome, Failure) and outcome.gap.cause == "permission":
            sensor.close()
            if not any(device.component for device in sensor.devices()):
                return Absent("rapl", outcome.error.removeprefix("rapl: "))  # evidence at most
            raise SensorError(outcome.error)
    sensor.leave_out_what_is_empty()
    if all(map(_is_nought, sensor.read().values())):
        sensor.close()
        return Absent("rapl", f"the events of {pmu} count nothing (a guest without the counters?)")
    return sensor


def _is_nought(outcome: Reading | Failure) -> bool:
    return isinstance(outcome, Counter) and not outcome.value_uj


def _device(event: Event, place: _Place, places: Mapping[_Place, int]) -> Device | None:
    """None for `psys` of another package than the first: there is one of it on a host."""
    kind = event.name.removeprefix("energy-")
    several = len({other.package for other in places}) < len(places)
    package = f"package-{place.package}" + (f"-die-{place.die}" if several else "")
    if kind == "psys" and place != min(places, key=lambda one: (one.package, one.die)):
        return None
    suffix, component = _KINDS.get(kind, (f"-{kind}", None))
    name = "psys" if kind == "psys" else f"{package}{suffix}"
    return Device(
        sensor="rapl",
        device=name,
        component=component,
        covers=name,
        quality="counter",
        evidence=component is None,
        package=None if kind == "psys" else package,
        max_power_uw=MOST_PLATFORM_UW if kind == "psys" else MOST_POWER_UW,
        parameters={"interface": "perf", "event": event.name, "joules_per_count": event.scale},
    )


def _number(path: Path, default: int | None = None) -> int:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        if default is not None:
            return default
        raise SensorError(
            f'rapl: cannot read {path}: {error}; leave perf out: rapl = "powercap"'
        ) from error
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise SensorError(f'rapl: {path} holds no number; leave perf out: rapl = "powercap"')
    return int(text)
