"""Node power from the BMC of this host by IPMI: `ipmitool dcmi power reading`.

In: the tool's answer (DCMI 1.5, 6.6.1, through the kernel's /dev/ipmi0). Out: a power sample of the
whole host, to be integrated. Absent where there is no such device or tool. The tool may take a
second: never run it inside the agent's tick.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from exporters.clock import Boot
from exporters.sensors.redfish import MAX_WATTS
from exporters.sensors.sensor import Absent, Failure
from footprint.reading import Cause, Gap, PowerSample
from footprint.units import uw_from_watts

DEVICES = (Path("/dev/ipmi0"), Path("/dev/ipmi/0"), Path("/dev/ipmidev/0"))
TIMEOUT_SECONDS = 4
_WATTS = re.compile(r"^\s*Instantaneous power reading:\s*(\d{1,6}) Watts\s*$", re.MULTILINE)
_STATE = re.compile(r"^\s*Power reading state is:\s*(\w+)\s*$", re.MULTILINE)


class Ipmi:
    """The BMC behind the kernel's IPMI device."""

    name = "ipmi"

    def __init__(self, tool: str, boot: Boot) -> None:
        self._command = [tool, "dcmi", "power", "reading"]
        self._boot = boot

    def read(self) -> PowerSample | Failure:
        """The host's power now; never raises for a failed read."""
        try:
            done = subprocess.run(  # noqa: S603 - the tool found on the PATH, no shell
                self._command,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return _failure("read_failed", f"no answer in {TIMEOUT_SECONDS} s; the BMC may be busy")
        except OSError as error:
            return _failure("absent", f"{error.strerror}; install ipmitool")
        text = done.stdout[:10_000].decode("ascii", "replace")
        if done.returncode:
            said = done.stderr[:200].decode("ascii", "replace").strip().split("\n")[0]
            return _failure("read_failed", f"ended with {done.returncode}: {said}")
        return self._parsed(text)

    def close(self) -> None:
        """Nothing is held."""

    def _parsed(self, text: str) -> PowerSample | Failure:
        watts, state = _WATTS.search(text), _STATE.search(text)
        if state and state[1] != "activated":
            return _failure("unsupported", "power reading is not activated; activate it in the BMC")
        # A host that runs this draws power: 0 is how some BMCs say that they do not know.
        if not watts or not 0 < int(watts[1]) <= MAX_WATTS:
            return _failure("unsupported", "no power in its answer; this BMC may lack DCMI")
        return PowerSample(uw_from_watts(int(watts[1])), self._boot.mono_ns(), self._boot.boot_id)


def discover(
    boot: Boot, devices: Sequence[Path] = DEVICES, path: str | None = None
) -> Ipmi | Absent:
    """The reader of this host, or why there is none. `path` is where the tool is looked for."""
    device = next((one for one in devices if one.exists()), None)
    if device is None:
        return Absent("ipmi", f"no {devices[0]} (no BMC, or modprobe ipmi_si ipmi_devintf)")
    if not os.access(device, os.R_OK | os.W_OK):
        return Absent("ipmi", f"cannot open {device}: permission denied; run as root")
    tool = shutil.which("ipmitool", path=path)
    if tool is None:
        return Absent("ipmi", f"{device} is there, ipmitool is not; install ipmitool")
    return Ipmi(tool, boot)


def _failure(cause: Cause, reason: str) -> Failure:
    return Failure(Gap(cause), f"ipmi: ipmitool dcmi power reading: {reason}")
