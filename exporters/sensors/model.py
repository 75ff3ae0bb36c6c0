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
from pathlib import Path
from typing import Any

from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.processors import Processor, describe
from exporters.sensors.sensor import Absent, Device, Failure
from footprint.reading import Counter, Gap, Reading
from footprint.units import uj_from_power, uw_from_watts, watts

REMEDY = "install the extra: pip install 'footprint[agent-model]'"
START_SECONDS = 60

WATTS_PER_CPU = 4
"""CodeCarbon's own default for a logical CPU of a processor it does not know."""


class LoadModel:
    """Modelled energy of all processors of the host together."""

    name = "codecarbon"

    def __init__(
        self,
        curve: dict[str, Any],
        host: HostCpu,
        logical_cpus: int,
        boot: Boot,
        processor: Processor | None = None,
    ) -> None:
        """`processor`: this host's, by which a figure for one whole processor is scaled."""
        full_uw = _scaled(curve, 100, processor)
        self._idle_uw = _scaled(curve, 0, processor)
        self._dynamic_uw = full_uw - self._idle_uw
        self._cpus = logical_cpus
        self._host = host
        self._device = Device(
            sensor=self.name,
            device="cpu",
            component="cpu",
            covers="all processors, modelled from load",
            quality="modelled",
            rated_power_uw=full_uw,
            floor_uw=self._idle_uw,
            floor_at=datetime.now(UTC),
            parameters={
                "model": "line between idle and full load",
                "codecarbon": str(curve["version"]),
                "processor": str(curve["model"])[:200],
                "processor_known": "yes" if curve["matched"] else "no, 4 W per logical CPU",
                "logical_cpus": str(logical_cpus),
                "idle_watts": str(watts(self._idle_uw)),
                "full_watts": str(watts(full_uw)),
                "codecarbon_watts_at_50_percent": str(watts(_scaled(curve, 50, processor))),
                **_scale(curve, processor),
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


def discover(
    host: HostCpu,
    logical_cpus: int,
    boot: Boot,
    proc: Path = Path("/proc"),
    sysfs: Path = Path("/sys"),
) -> LoadModel | Absent:
    """The model for this processor, or why there is none."""
    # -P: a file in the current folder must not be taken for a module of ours or Python's.
    command = [sys.executable, "-P", "-m", "exporters.sensors.codecarbon_curve"]
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
        processor = describe(logical_cpus, proc, sysfs)
        return LoadModel(json.loads(answer.stdout), host, logical_cpus, boot, processor)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        return Absent("codecarbon", f"its answer is no curve ({error!r:.200}); {REMEDY}")


def _scaled(curve: dict[str, Any], load: int, processor: Processor | None) -> int:
    """The curve's power at a load, in microwatts, of as much of the processor as this host has."""
    whole_watts = Decimal(str(curve["curve_watts"][str(load)]))
    if processor is None or not curve["matched"]:
        return uw_from_watts(whole_watts)  # unknown to the table: its figure is per logical CPU
    share = processor.share()
    if share is None:
        per_cpu = WATTS_PER_CPU * processor.logical_cpus / Decimal(str(curve["tdp_watts"]))
        return uw_from_watts(whole_watts * per_cpu)
    return uw_from_watts(whole_watts) * share.numerator // share.denominator


def _scale(curve: dict[str, Any], processor: Processor | None) -> dict[str, str]:
    """How the table's power became this host's, for its pages."""
    if processor is None:
        return {}
    share = processor.share()
    scale = "processors: unknown, 4 W per logical CPU" if share is None else f"processors: {share}"
    if not curve["matched"]:
        scale = "none: 4 W per logical CPU"
    return {**processor.parameters(), "scale": scale}
