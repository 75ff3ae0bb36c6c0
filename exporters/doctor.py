"""`footprint-agent doctor`: what this host offers, what is read, and what to do about the rest.

In: the settings, the same sensors as the agent's, two readings of each a second apart as proof.
Out: a report for people or as JSON, and whether all that should work does. It writes nothing and
takes no lock: it runs without an agent and beside one.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from exporters import doctor_nodes, host
from exporters.checkup import Check, State, surroundings
from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.doctor_report import NAMES, Proof, Report, gpu_there, power
from exporters.errors import AgentError
from exporters.hardware import cards_on_pci
from exporters.sensors import hwmon, model, nvml, rapl_choice
from exporters.sensors.rapl_perf import RaplPerf
from exporters.sensors.remark import Remark
from exporters.sensors.sensor import Absent, Device, Failure, Sensor
from exporters.settings import Settings
from exporters.surroundings import REAL, Surroundings
from exporters.workloads import owners
from exporters.workloads.cgroups import find_root
from footprint import METHOD_VERSION, __version__
from footprint.reading import Gap, Reading, consumed
from footprint.units import power_uw_from_energy, watts

PROOF_SECONDS = 1.0

UNKNOWN_REMEDIES = {
    "cpu": "RAPL or the model reads it: see above",
    "dram": "only a processor with a RAPL dram zone shows it; a node meter (BMC, PDU) includes it",
    "gpu": "see nvml above",
}

STOOD = "run the doctor again; a counter that stands under load becomes a gap, cause stuck"
DRIVER_ANSWERS = ("mismatch", "Permission", "lost")
"""Words of NVML's that only a host with a card and a driver gives."""

RAPL_RULE = (
    "; the rule: deploy/60-footprint-rapl.rules to /etc/udev/rules.d, then udevadm control "
    "--reload && udevadm trigger --action=add --subsystem-match=powercap"
)
RAPL_REMEDIES = {
    "yes": "a guest sees none: run an agent on the hypervisor too, else the model stands in",
    "no": "modprobe intel_rapl_msr (AMD too, from Linux 5.8 on), and load it at boot",
}


def examine(
    settings: Settings,
    around: Surroundings = REAL,
    sys: Path = Path("/sys"),
    pause: Callable[[float], None] = time.sleep,
) -> Report:
    """Look at this host. Every trouble is a check, none is raised."""
    checks: list[Check] = []
    sensors = list(_sensors(settings, around, sys, checks))
    try:
        devices = _prove(sensors, pause)
        checks += [
            _remark(sensor, remark)
            for sensor in sensors
            for remark in _remarks(sensor, around.proc)
        ]
    finally:
        for sensor in sensors:
            sensor.close()
    if not any(proof.component for proof in devices):
        remedy = "follow the remedies of this list; without any of them the agent does not start"
        checks.append(Check("sensors", "BROKEN", "nothing on this host can be read", remedy))
    checks += [_device_check(proof) for proof in devices if not proof.evidence]
    boundary = {name: _quality(name, devices) for name in NAMES}
    checks += _unknown(boundary, checks)
    nodes, node_checks = doctor_nodes.examine(settings, _boot(around), pause)
    checks += node_checks
    facts = host.facts(around.proc)
    checks.append(
        doctor_nodes.boundary_check(
            nodes, tried=bool(node_checks), real=facts.get("virtualised") == "no"
        )
    )
    checks += surroundings(settings, around.proc)
    return Report(
        at=datetime.fromtimestamp(around.wall_ns() // 10**9, UTC).isoformat(),
        version=__version__,
        method=METHOD_VERSION,
        host={**_host_id(settings, checks), **facts},
        devices=devices,
        nodes=nodes,
        checks=checks,
        boundary=boundary,
        ok=all(check.state != "BROKEN" for check in checks),
    )


def _sensors(
    settings: Settings, around: Surroundings, sys: Path, checks: list[Check]
) -> Iterator[Sensor]:
    """The sensors that the agent would use; what is not there or refuses becomes a check."""
    boot = _boot(around)
    measured = refused = False
    if settings.rapl == "off":
        checks.append(Check("rapl", "note", "switched off in the settings"))
    else:
        try:
            trees = Path(settings.powercap_root), Path(settings.event_source_root)
            found = rapl_choice.discover(settings.rapl, *trees, boot)
        except AgentError as error:
            refused = True
            checks.append(_refused("rapl", str(error)))
        else:
            if isinstance(found, Absent):
                virtual = host.facts(around.proc).get("virtualised", "")
                checks.append(
                    Check("rapl", "missing", found.reason, RAPL_REMEDIES.get(virtual, ""))
                )
            else:
                measured = any(device.component == "cpu" for device in found.devices())
                yield found
    yield from _gpus(settings, boot, sys, checks)
    for channels in _hwmon(settings, boot, measured, checks):
        measured = measured or any(device.component for device in channels.devices())
        yield channels
    if settings.model == "off":
        checks.append(Check("model", "note", "switched off in the settings"))
    elif not (measured or refused):
        root = Path(settings.cgroup_root) if settings.cgroup_root else find_root()
        modelled = model.discover(HostCpu(root, around.proc), host.logical_cpus(), boot)
        if isinstance(modelled, Absent):
            checks.append(_refused("model", modelled.reason))
        else:
            yield modelled


def _boot(around: Surroundings) -> Boot:
    return Boot(around.boot_id(), around.mono_ns)


def _hwmon(settings: Settings, boot: Boot, measured: bool, checks: list[Check]) -> Iterator[Sensor]:
    if settings.hwmon == "off":
        return
    found = hwmon.discover(Path(settings.hwmon_root), boot, cpu_is_measured=measured)
    if isinstance(found, Absent):
        checks.append(Check("hwmon", "missing", found.reason))
    else:
        yield found


def _gpus(settings: Settings, boot: Boot, sys: Path, checks: list[Check]) -> Iterator[Sensor]:
    if settings.nvml == "off":
        checks.append(Check("nvml", "note", "switched off in the settings"))
        return
    found = nvml.discover(boot)
    cards = cards_on_pci(sys)
    if isinstance(found, Absent):
        if cards.nvidia:
            says = f"{cards.nvidia} NVIDIA GPU on the PCI bus, and {found.reason}"
            checks.append(Check("nvml", "BROKEN", says, _nvml_remedy(found.reason)))
        elif any(word in found.reason for word in DRIVER_ANSWERS):
            checks.append(Check("nvml", "BROKEN", found.reason, _nvml_remedy(found.reason)))
        else:
            says = f"{found.reason}; the PCI bus has no NVIDIA GPU either"
            checks.append(Check("nvml", "missing", says))
    else:
        yield found
        boards = sum(not device.evidence for device in found.devices())
        if boards < cards.nvidia:
            says = f"{cards.nvidia} NVIDIA GPU on the PCI bus, NVML shows {boards}"
            remedy = "nvidia-smi and dmesg (NVRM Xid) say why; the driver must own every card"
            checks.append(Check("nvml", "BROKEN", says, remedy))
    if cards.others:
        says = f"{cards.others} of other makers on the PCI bus: this version cannot read them"
        checks.append(Check("gpu", "missing", says, "a node meter (BMC, PDU) includes them"))


def _nvml_remedy(reason: str) -> str:
    remedies = {
        "Library Not Found": (
            "install the driver's library (Debian: libnvidia-ml1; Ubuntu: libnvidia-compute); in a "
            "container: --gpus all and NVIDIA_DRIVER_CAPABILITIES=utility"
        ),
        "Driver Not Loaded": "modprobe nvidia; dmesg says why where that fails",
        "mismatch": "the driver was updated under a loaded one: reboot",
        "Permission": "run as root or let the agent's user read /dev/nvidia*",
        "lost": "see dmesg for NVRM Xid lines; reset the card or reboot",
    }
    found = (remedy for word, remedy in remedies.items() if word in reason)
    return next(found, "nvidia-smi must list the card; dmesg says why where it does not")


def _refused(about: str, line: str) -> Check:
    says, _, remedy = line.removeprefix(f"{about}: ").rpartition("; ")
    remedy += RAPL_RULE * ("shipped udev rule" in remedy)
    return Check(about, "BROKEN", says or remedy, remedy if says else "")


def _remarks(sensor: Sensor, proc: Path) -> Iterator[Remark]:
    if isinstance(sensor, nvml.Nvml | RaplPerf):
        yield from sensor.remarks()
    if isinstance(sensor, nvml.Nvml):
        yield from owners.remarks(proc)


def _remark(sensor: Sensor, remark: Remark) -> Check:
    state: State = "BROKEN" if remark.defect else "note"
    return Check(f"{sensor.name} {remark.about}", state, remark.says, remark.remedy)


def _prove(sensors: Sequence[Sensor], pause: Callable[[float], None]) -> list[Proof]:
    before = [sensor.read() for sensor in sensors]
    if sensors:
        pause(PROOF_SECONDS)
    return [
        _proof(device, first, sensor.read())
        for sensor, first in zip(sensors, before, strict=True)
        for device in sensor.devices()
    ]


def _proof(
    device: Device,
    before: Mapping[str, Reading | Failure],
    after: Mapping[str, Reading | Failure],
) -> Proof:
    first, second = before[device.device], after[device.device]
    power_watts, cause, error = None, "", ""
    failure = next((item for item in (second, first) if isinstance(item, Failure)), None)
    if failure is not None:
        cause, error = failure.gap.cause, failure.error
    else:
        energy = consumed(first, second)  # type: ignore[arg-type]
        elapsed_ns = second.at_ns - first.at_ns  # type: ignore[union-attr]
        if isinstance(energy, Gap):
            cause, error = energy.cause, f"its two readings are a gap: {energy.cause}"
        elif energy.uj == 0:
            cause, error = "stuck", "its counter did not move in a second"
        else:
            power_watts = float(watts(power_uw_from_energy(energy.uj, elapsed_ns)))
    return Proof(
        sensor=device.sensor,
        device=device.device,
        component=device.component,
        quality=device.quality,
        evidence=device.evidence,
        covers=device.covers,
        power_watts=power_watts,
        cause=cause,
        error=error,
        parameters=device.parameters,
    )


def _device_check(proof: Proof) -> Check:
    about = f"{proof.component} {proof.device}"
    if proof.power_watts is not None:
        return Check(about, "ok", f"{power(proof)} ({proof.quality}, read by {proof.sensor})")
    says, _, remedy = proof.error.rpartition("; ")
    if not says:
        says, remedy = proof.error, "" if proof.cause != "stuck" else STOOD
    says = says.removeprefix(f"{proof.sensor}: ")
    states: dict[str, State] = {"unsupported": "missing", "stuck": "note"}
    return Check(about, states.get(proof.cause, "BROKEN"), says, remedy)


def _quality(component: str, devices: Sequence[Proof]) -> str:
    """`absent`, or the qualities by which a component is known; `unread` where none of it is."""
    own = [proof for proof in devices if proof.component == component]
    if not own:
        return "absent"
    read = {proof.quality for proof in own if proof.cause in ("", "stuck")}
    return " and ".join(sorted(read)) or "unread"


def _unknown(boundary: Mapping[str, str], checks: Sequence[Check]) -> Iterator[Check]:
    broken = any(check.state == "BROKEN" for check in checks)
    for name, quality in boundary.items():
        if quality == "absent" and (name != "gpu" or gpu_there(checks)):
            says = f"nothing reads {NAMES[name]}: unknown, outside the boundary, never zero"
            remedy = "see BROKEN" if name == "cpu" and broken else UNKNOWN_REMEDIES[name]
            yield Check(name, "missing", says, remedy)


def _host_id(settings: Settings, checks: list[Check]) -> dict[str, str]:
    try:
        return {"host_id": host.host_id(settings.host_id)}
    except AgentError as error:
        says, _, remedy = str(error).rpartition("; ")
        checks.append(Check("host", "BROKEN", says, remedy))
        return {}
