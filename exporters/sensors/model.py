"""The processor's energy where nothing measures it: a model, marked `modelled` everywhere.

In: CodeCarbon's figures for this processor at no and at full load (read once, in a process of its
own), the time since boot and the CPU time used since boot. Out: a `Counter` that is the straight
line between the two powers: E = P_idle * t + (P_full - P_idle) * busy / logical CPUs. It has no
state: the kernel's totals carry it through a restart of the agent. METHOD.md, "Hosts without
counters", says why a line, and shows CodeCarbon's own curves as the range.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.sensor import Absent, Device, Failure
from footprint.reading import Counter, Gap, Reading
from footprint.units import uj_from_power, uw_from_watts

REMEDY = "install the extra: pip install 'footprint[agent-model]'"
START_SECONDS = 60


class LoadModel:
    """Modelled energy of all processors of the host together."""

    name = "codecarbon"

    def __init__(self, curve: dict[str, Any], host: HostCpu, logical_cpus: int, boot: Boot):
        watts = {int(load): Decimal(str(power)) for load, power in curve["curve_watts"].items()}
        self._idle_uw = uw_from_watts(watts[0])
        self._dynamic_uw = uw_from_watts(watts[100]) - self._idle_uw
        self._cpus = logical_cpus
        self._host = host
        self._device = Device(
            sensor=self.name,
            device="cpu",
            component="cpu",
            covers="all processors, modelled from load",
            quality="modelled",
            rated_power_uw=uw_from_watts(watts[100]),
            floor_uw=self._idle_uw,
            floor_at=datetime.now(UTC),
            parameters={
                "model": "line between idle and full load",
                "codecarbon": str(curve["version"]),
                "processor": str(curve["model"])[:200],
                "processor_known": "yes" if curve["matched"] else "no, 4 W per logical CPU",
                "logical_cpus": str(logical_cpus),
                "idle_watts": str(watts[0]),
                "full_watts": str(watts[100]),
                "codecarbon_watts_at_50_percent": str(watts[50]),
            },
        )
        self._boot = boot
        # A counter of other parameters cannot be continued: it counts as another boot.
        parameters = json.dumps(self._device.parameters, sort_keys=True).encode()
        self._epoch = f"{boot.boot_id}:{hashlib.sha256(parameters).hexdigest()[:8]}"

    def devices(self) -> Sequence[Device]:
        """The processors as one device."""
        return (self._device,)

    def read(self) -> Mapping[str, Reading | Failure]:
        """Energy since boot, as modelled."""
        try:
            busy_ns = self._host.read_ns()
        except (OSError, ValueError) as error:
            failure = Failure(Gap("read_failed"), f"codecarbon: cannot read the CPU time: {error}")
            return {"cpu": failure}
        now_ns = self._boot.mono_ns()
        value_uj = uj_from_power(self._idle_uw, now_ns)
        value_uj += uj_from_power(self._dynamic_uw, busy_ns) // self._cpus
        return {"cpu": Counter(value_uj, now_ns, self._epoch)}

    def close(self) -> None:
        """Nothing is held."""


def discover(host: HostCpu, logical_cpus: int, boot: Boot) -> LoadModel | Absent:
    """The model for this processor, or why there is none."""
    command = [sys.executable, "-m", "exporters.sensors.codecarbon_curve"]
    try:
        answer = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, timeout=START_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Absent("codecarbon", f"the model could not be started: {error}")
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or ["no answer"]
        return Absent("codecarbon", f"no model of this processor ({last[0][:200]}); {REMEDY}")
    try:
        return LoadModel(json.loads(answer.stdout), host, logical_cpus, boot)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        return Absent("codecarbon", f"its answer is no curve ({error!r:.200}); {REMEDY}")
