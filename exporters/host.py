"""Who this host is: an identifier that says nothing of persons or of the machine's secrets."""

import hashlib
import os
import platform
from pathlib import Path

from exporters.errors import SettingsError
from footprint.codes import check_code

MACHINE_ID = Path("/etc/machine-id")


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
    return "h-" + hashlib.blake2b(b"footprint host", key=secret[:64], digest_size=8).hexdigest()


def logical_cpus() -> int:
    """Number of online logical CPUs."""
    return os.sysconf("SC_NPROCESSORS_ONLN")


def describe() -> str:
    """The operating system in a few words, for the start-up line."""
    return f"{platform.system()} {platform.release()}, {logical_cpus()} logical CPUs"
