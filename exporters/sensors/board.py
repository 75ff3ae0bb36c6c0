"""What can be said of a GPU board from what NVML answered: remarks for a person, and failures.

In: states as text. Out: `Remark`s and `Failure`s. Nothing here speaks to NVML.
"""

from collections.abc import Iterator

from exporters.sensors.remark import Remark
from exporters.sensors.sensor import Failure
from footprint.reading import Cause, Gap
from footprint.units import watts

_SEEN = {
    "passthrough": "passed through to this guest: seen whole from here, not from the hypervisor",
    "vgpu": "a share of a board (vGPU): its energy cannot be seen from this guest",
    "host-vgpu": "shared out to guests (vGPU): who uses it cannot be seen from this host",
    "host-vsga": "shared out to guests (vSGA): who uses it cannot be seen from this host",
}

_REMEDIES: dict[Cause, str] = {
    "permission": "run as root or let the agent's user read /dev/nvidia*",
    "absent": "see dmesg for NVRM Xid lines; nvidia-smi must list the card",
    "unsupported": "a newer driver may read it, else meter the node",
}


def board_remarks(uuid: str, mig: str, virtualisation: str | None) -> Iterator[Remark]:
    """What a person should know of a board in this MIG state under this virtualisation."""
    if "pending" in mig:
        remedy = f"end what runs on the card, then: nvidia-smi --gpu-reset -i {uuid} (or reboot)"
        yield Remark(uuid, f"MIG is {mig}: not in force before a reset", remedy, True)
    elif mig == "on, instances: 0":
        remedy = (
            f"create them (nvidia-smi mig -i {uuid} -cgi PROFILES -C) or turn MIG off "
            f"(nvidia-smi -i {uuid} -mig 0)"
        )
        yield Remark(uuid, "MIG is on with no instance: nobody can compute on it", remedy, True)
    elif mig.startswith("on"):
        yield Remark(uuid, f"MIG is {mig}: the board's energy is counted once, as a whole")
    if virtualisation in _SEEN:
        remedy = "run an agent on the hypervisor" if virtualisation == "vgpu" else ""
        yield Remark(uuid, _SEEN[virtualisation], remedy)


def unnamed(index: int, error: str) -> Remark:
    """A board that is there and does not even give its UUID."""
    remedy = "see dmesg for NVRM Xid lines; reset the card or reboot, then restart the agent"
    return Remark(f"card number {index}", f"{error}: no UUID, so nothing covers it", remedy, True)


def failed(uuid: str, what: str, cause: Cause, error: str) -> Failure:
    """A reading that NVML refused."""
    remedy = f"; {_REMEDIES[cause]}" if cause in _REMEDIES else ""
    return Failure(Gap(cause), f"nvml: cannot read the {what} of {uuid}: {error}{remedy}")


def share_failure(uuid: str) -> Failure:
    """The reading of a share of a board: whatever it answers would be the whole board's."""
    line = f"nvml: {uuid} is a share of a board (vGPU); run an agent on the hypervisor"
    return Failure(Gap("unsupported"), line)


def unbelievable(uuid: str, power_uw: int, bound_uw: int) -> Failure | None:
    """A failure for a power that no board that answers can have."""
    if power_uw <= 0:
        line = f"nvml: {uuid} says {watts(power_uw):.0f} W, which no working board draws"
        return Failure(Gap("read_failed"), line)
    if power_uw > bound_uw:
        line = f"nvml: {uuid} says {watts(power_uw):.0f} W, above its bound {watts(bound_uw):.0f} W"
        return Failure(Gap("implausible"), line)
    return None
