"""What a host shows the agent: a management controller's answers, the kernel's files, engines'."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporters.clock import Boot
from exporters.cputime import stat_value
from exporters.errors import SensorError
from exporters.sensors import hwmon, rapl, redfish
from exporters.sensors.redfish import Bmc, Redfish, RedfishError
from exporters.sensors.sensor import Absent, Failure
from exporters.workloads import cpusets, mounts
from exporters.workloads.engine_files import Declared, DockerFiles, PodmanFiles
from exporters.workloads.units import Unit
from footprint.reading import Counter, PowerSample
from tests.fuzz.target import Target, file, one_line, parts

BOOT = Boot("fuzz", lambda: 7)
MOST_UJ = 2**63 - 1
C = redfish.ROOT


class Told(Redfish):
    """A controller whose documents are told as one: path to document, each decoded as an answer."""

    def __init__(self, documents: dict[str, Any]) -> None:
        super().__init__(Bmc("http://127.0.0.1:9", "meter", ""), BOOT)
        self._told = documents

    def _request(self, path: str) -> dict[str, Any]:
        if path not in self._told:
            raise RedfishError(f"{path}: answered 404", status=404)
        found = self._told[path]
        return redfish._document(path, found if isinstance(found, bytes) else _dumped(found))


def _dumped(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()


def _redfish(data: bytes) -> None:
    try:
        documents = redfish._document("all", data)
    except RedfishError:
        return
    meter = Told(documents)
    for _ in range(2):
        found = meter.read()
        assert isinstance(found, Counter | PowerSample | Failure)
        if isinstance(found, Counter):
            assert 0 <= found.value_uj <= MOST_UJ


def _kernel(data: bytes) -> None:
    """Mounts, groups, CPU time and cpusets."""
    mountinfo, cgroup, stat, cpus = (*parts(data, 4), b"", b"", b"")[:4]
    mounted = file("mountinfo", mountinfo)
    file("proc/self/mountinfo", mountinfo)
    proc = file("proc/17/cgroup", cgroup).parents[1]
    for controller in (None, "cpuacct"):
        mount = mounts.find_mount(controller, mounted)
        found = mounts.cgroup_below(mount, 17, proc, controller)
        assert found is None or found.startswith("/")
    with contextlib.suppress(ValueError):
        stat_value(stat, b"usage_usec")
    text = cpus.decode("ascii", errors="replace")
    assert len(cpusets.cpus_of(text) or ()) <= cpusets.MOST_CPU


def _powercap(data: bytes) -> None:
    """A package's zone and a part of it."""
    texts = (*parts(data, 6), b"", b"", b"", b"", b"")
    root = _zone("intel-rapl:0", *texts[:3]).parent
    _zone("intel-rapl:0:0", *texts[3:6])
    try:
        sensor = rapl.discover(root, BOOT)
    except SensorError as error:
        one_line(error)
        return
    if not isinstance(sensor, Absent):
        for outcome in sensor.read().values():
            assert isinstance(outcome, Failure) or 0 <= outcome.value_uj <= MOST_UJ
        sensor.close()


def _zone(name: str, *texts: bytes) -> Path:
    for attribute, text in zip(("name", "energy_uj", "max_energy_range_uj"), texts, strict=True):
        path = file(f"powercap/{name}/{attribute}", text)
    return path.parent


def _hwmon(data: bytes) -> None:
    name, label, energy, power = (*parts(data, 4), b"", b"", b"")[:4]
    root = file("hwmon/hwmon0/name", name).parents[1]
    file("hwmon/hwmon0/energy1_label", label)
    file("hwmon/hwmon0/energy1_input", energy)
    file("hwmon/hwmon1/power1_input", power)
    sensor = hwmon.discover(root, BOOT, cpu_is_measured=False)
    if not isinstance(sensor, Absent):
        for outcome in sensor.read().values():
            assert isinstance(outcome, Failure) or 0 <= outcome.value_uj <= MOST_UJ


def _engines(data: bytes) -> None:
    root = file(f"docker/containers/{'a' * 64}/config.v2.json", data).parents[2]
    file(f"podman/overlay-containers/{'a' * 64}/userdata/config.json", data)
    declared = file(f"declared/container-{'a' * 64}", data).parent
    unit = Unit(kind="container", id="a" * 64, engine="")
    for source in (DockerFiles(root, ["sia"]), PodmanFiles(root.with_name("podman"), ["sia"])):
        source.ask(unit)
    Declared(declared, ["sia"]).ask(unit)


def _controllers() -> Iterator[bytes]:
    one, two = f"{C}/1", f"{C}/2"
    members = {"Members": [{"@odata.id": one}, {"@odata.id": two}]}
    parts_of = {
        "EnvironmentMetrics": {"@odata.id": f"{one}/EnvironmentMetrics"},
        "Power": {"@odata.id": f"{one}/Power"},
    }
    power = {
        "PowerControl": [{"PowerConsumedWatts": 344}],
        "PowerSupplies": [{"PowerInputWatts": 180.5, "Status": {"State": "Enabled"}}],
    }
    yield _dumped(
        {
            C: members,
            one: {"Links": {}, **parts_of},
            two: {"Links": {"ContainedBy": {"@odata.id": one}}},
            f"{one}/EnvironmentMetrics": {
                "EnergykWh": {"Reading": 12.25},
                "PowerWatts": {"Reading": 300},
            },
            f"{one}/Power": power,
        }
    )
    yield _dumped({C: {"Members": [{"@odata.id": one}]}, one: parts_of, f"{one}/Power": power})


def _kernels() -> Iterator[bytes]:
    yield (
        b"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
        b"31 23 0:27 /a\\040b /mnt rw - cgroup cgroup rw,cpu,cpuacct\n"
        b"\n---\n0::/system.slice/chat.service\n4:cpu,cpuacct:/a b/x (deleted)\n"
        b"\n---\nusage_usec 1234\nuser_usec 1000\n\n---\n0-3,18\n"
    )


def _zones() -> Iterator[bytes]:
    values = (b"package-0", b"123456", b"262143328850", b"dram", b"99", b"65712999613")
    yield b"\n\n---\n".join(values)


def _channels() -> Iterator[bytes]:
    yield b"amd_energy\n\n---\nEsocket0\n\n---\n123456\n\n---\n65000000\n"


def _configurations() -> Iterator[bytes]:
    yield b'{"Config":{"Labels":{"sia":"chat","x":"y"}},"ID":"a"}'
    yield b'{"annotations":{"sia":"chat"},"ociVersion":"1.0"}'
    yield b"# job\nsia=chat\naccount = dsi\n"


TARGETS = (
    Target("redfish", _redfish, _controllers, json=True),
    Target("kernel", _kernel, _kernels),
    Target("powercap", _powercap, _zones),
    Target("hwmon", _hwmon, _channels),
    Target("engines", _engines, _configurations, json=True),
)
