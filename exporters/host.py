"""Who this host is: an identifier that says nothing of persons or of the machine's secrets."""

import contextlib
import hashlib
import os
import platform
import re
from pathlib import Path

from exporters.errors import SettingsError
from footprint.codes import check_code

MACHINE_ID = Path("/etc/machine-id")
DMI = Path("sys/class/dmi/id")
NO_NAMES = re.compile(
    r"|to be filled by o\.?e\.?m\.?|default string|system (product name|manufacturer)"
    r"|not (specified|applicable|available)|o\.?e\.?m\.?|none|unknown|n/a|x+|0+",
    re.IGNORECASE,
)
"""What makers leave in their firmware instead of a name: no model."""


def host_id(configured: str | None, machine_id: Path = MACHINE_ID) -> str:
    """The host's code: the configured one, else `h-` and 16 digits derived from the machine id.

    machine-id(5) asks that the identifier itself never leaves the host, so a keyed hash of it does.
    Raises SettingsError where neither can be had.
    """
    if configured is not None:
        try:
            return check_code(configured, "host_id")
        except ValueError as error:
            raise SettingsError(str(error)) from error
    try:
        secret = machine_id.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"host_id: cannot read {machine_id}: {error.strerror}; set host_id in the configuration"
        ) from error
    if not re.fullmatch(rb"[0-9a-f]{32}", secret):
        raise SettingsError(
            f"host_id: {machine_id} holds no machine id (an image that was never started?); "
            "set host_id in the configuration"
        )
    return "h-" + hashlib.blake2b(b"footprint host", key=secret, digest_size=8).hexdigest()


def logical_cpus() -> int:
    """Number of online logical CPUs."""
    return os.sysconf("SC_NPROCESSORS_ONLN")


def facts(proc: Path = Path("/proc")) -> dict[str, str]:
    """What this machine is, for its pages: nothing that names a person or a network.

    `virtualised` is the processor's own flag (cpuid: hypervisor present), which a container on a
    real machine does not have. `machine` is maker and product as the firmware names them (SMBIOS
    type 1, below the `sys` that is mounted beside `proc`); its serial numbers are never read.
    """
    found = {
        "logical_cpus": str(logical_cpus()),
        "memory_bytes": str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")),
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }
    with contextlib.suppress(OSError):
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
        lines = dict(map(_cpuinfo_line, text.split("\n\n", 1)[0].splitlines()))
        if "model name" in lines:
            found["processor"] = lines["model name"]
        if "flags" in lines:
            found["virtualised"] = "yes" if "hypervisor" in lines["flags"].split() else "no"
    named = [_dmi(proc.parent / DMI / name) for name in ("sys_vendor", "product_name")]
    if all(named):
        found["machine"] = " ".join(named)
    return {name: value[:200] for name, value in found.items()}


def _dmi(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    words = "".join(filter(str.isprintable, " ".join(text.split())))
    return "" if NO_NAMES.fullmatch(words) else words


def _cpuinfo_line(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
