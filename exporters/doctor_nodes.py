"""The doctor's look at node meters: what reads the whole host at the wall, or why nothing does.

In: the settings, the same readers as the agent's (`exporters.bmc`). Out: proofs and checks. A BMC
that somebody configured has to work; so has the kernel's IPMI device where there is one. Each is
asked as the agent would ask it, one after another; no password is part of what is said.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from exporters import bmc
from exporters.checkup import Check, State
from exporters.clock import Boot
from exporters.doctor_report import NodeProof, power
from exporters.errors import SettingsError
from exporters.sensors import ipmi, redfish
from exporters.sensors.sensor import Absent, Failure
from exporters.settings import Settings
from footprint.reading import Counter, Gap, consumed
from footprint.units import UJ_PER_KWH, power_uw_from_energy, watts

PROOF_SECONDS = 1.0

OUTSIDE = "power supplies, fans, disks, network: outside the boundary of this agent's components"
NO_METER = "meter the whole host with a node meter (BMC, PDU)"
NO_METER_REAL = (
    f"{NO_METER}: name its BMC in agent.toml (bmc); or let the kernel reach it: "
    "modprobe ipmi_si ipmi_devintf, and install ipmitool; or footprint import pdu"
)
OPEN_DEVICE = (
    "name the BMC in agent.toml (bmc) with a user who may only read; or, as it controls the BMC, "
    'power included, with care: udev KERNEL=="ipmi*", GROUP="footprint", MODE="0660" and in the '
    "unit DeviceAllow=char-ipmidev rw; "
    'ipmi = "off" leaves it out'
)
REMEDIES = {
    "permission denied": OPEN_DEVICE,
    "Could not open device": OPEN_DEVICE,
    "ipmitool is not": 'install ipmitool (Debian, Ubuntu: the package of that name); ipmi = "off" '
    "leaves the BMC unread",
    "not activated": "ipmitool dcmi power activate, as root",
    "no power in its answer": "this BMC tells no power by DCMI: name it in agent.toml (bmc) to "
    'read it by Redfish; ipmi = "off" ends this line',
    "no answer in": "the BMC may be busy: run the doctor again; else reset it: ipmitool mc reset "
    "cold (the host goes on)",
    "install ipmitool": "install ipmitool (Debian, Ubuntu: the package of that name)",
}
BY_HAND = "run as the agent's user: ipmitool dcmi power reading; what it says is the BMC's answer"


def examine(
    settings: Settings,
    boot: Boot,
    pause: Callable[[float], None],
    devices: Sequence[Path] = ipmi.DEVICES,
    path: str | None = None,
) -> tuple[list[NodeProof], list[Check]]:
    """Every BMC of the settings; where they name none, this host's own by IPMI: `devices` are the
    kernel's, `path` where the tool is looked for."""
    if settings.bmc:
        found = list(_configured(settings, boot, pause))
    elif settings.ipmi == "off":
        found = []
    else:
        found = list(_own(ipmi.discover(boot, devices, path), pause))
    proofs = [item for item in found if isinstance(item, NodeProof)]
    checks = [_check(item) if isinstance(item, NodeProof) else item for item in found]
    return proofs, checks


def boundary_check(proofs: Sequence[NodeProof], *, tried: bool, real: bool) -> Check:
    """What lies beyond the components, and whether a node meter sees it; `tried`: there is one;
    `real`: no guest."""
    if any(proof.read for proof in proofs):
        says = "power supplies, fans, disks, network: in the node meter's energy, boundary wall"
        return Check("node", "note", f"{says}, which is added to no component")
    if tried:
        return Check("node", "note", f"{OUTSIDE}, as long as its node meter does not answer")
    return Check("node", "note", OUTSIDE, NO_METER_REAL if real else NO_METER)


def _configured(
    settings: Settings, boot: Boot, pause: Callable[[float], None]
) -> Iterator[NodeProof | Check]:
    for rule in settings.bmc:
        try:
            meter = bmc.reader(rule, boot)
        except SettingsError as error:
            says, _, remedy = str(error).removeprefix(f"bmc {rule.name}: ").rpartition("; ")
            stays = "with this the agent does not start"
            yield Check(f"node {rule.name}", "BROKEN", f"{says or remedy}; {stays}", remedy)
            continue
        if redfish.is_open(rule.url):
            says, _, remedy = bmc.UNENCRYPTED.partition("; ")
            yield Check(f"node {rule.name}", "note", f"{rule.url}: http:// {says}", remedy)
        try:
            yield _proof(rule.name, "redfish", rule.url, meter, pause)
        finally:
            meter.close()


def _own(found: ipmi.Ipmi | Absent, pause: Callable[[float], None]) -> Iterator[NodeProof | Check]:
    if not isinstance(found, Absent):
        yield _proof("ipmi", "ipmi", "ipmitool dcmi power reading", found, pause)
    elif not found.reason.startswith("no "):  # the device is there: the host has a BMC
        # Not broken: whoever opens it controls the BMC, so the shipped unit leaves it closed.
        yield _own_check(found.reason, "missing")


def _proof(
    meter: str, sensor: str, by: str, reader: bmc.Reader, pause: Callable[[float], None]
) -> NodeProof:
    first = reader.read()
    if isinstance(first, Failure):
        error = first.error.removeprefix(f"{sensor}: ").removeprefix(f"{by}: ")
        return NodeProof(meter, sensor, by, "", None, cause=first.gap.cause, error=error)
    if not isinstance(first, Counter):
        return NodeProof(meter, sensor, by, "integrated", float(watts(first.power_uw)))
    pause(PROOF_SECONDS)
    second, mean_watts = reader.read(), None
    if isinstance(second, Counter) and second.at_ns > first.at_ns:
        energy = consumed(first, second)
        if not isinstance(energy, Gap) and energy.uj:
            mean_watts = float(watts(power_uw_from_energy(energy.uj, second.at_ns - first.at_ns)))
    counted_kwh = first.value_uj / UJ_PER_KWH
    return NodeProof(meter, sensor, by, "counter", mean_watts, counted_kwh)


def _check(proof: NodeProof) -> Check:
    about = f"node {proof.meter}"
    if proof.read:
        amount = power(proof)
        if proof.power_watts is None:
            amount = f"its counter stands at {proof.counted_kwh:,.3f} kWh, and moves in steps"
        how = f"{proof.quality}, read by {proof.sensor}: {proof.by}"
        return Check(about, "ok", f"{amount} ({how}; boundary {proof.boundary})")
    if proof.sensor == "ipmi":
        return _own_check(proof.error, "missing" if proof.cause == "unsupported" else "BROKEN")
    says, _, remedy = proof.error.rpartition("; ")
    return Check(about, "BROKEN", f"{proof.by}: {says or remedy}", remedy if says else "")


def _own_check(reason: str, state: State) -> Check:
    found = (remedy for words, remedy in REMEDIES.items() if words in reason)
    return Check("node ipmi", state, reason.partition("; ")[0], next(found, BY_HAND))
