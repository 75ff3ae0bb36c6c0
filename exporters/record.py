"""`--record FILE`: every raw reading as JSON lines; anyone can recompute what the agent claims.

First a header with the devices, then a line a tick: readings, cumulative CPU time of the host, the
agent and each SIA, who ran on one package only, and cumulative weights of GPU boards. METHOD.md,
"The record", describes the fields; demo/recompute.py is a program that needs nothing else.
"""

import contextlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporters.clock import Instant
from exporters.drafts import DeviceKey
from exporters.errors import SettingsError
from exporters.sensors.sensor import Device, Failure
from exporters.weights import Usage
from exporters.workloads.gpus import Weights
from footprint.interval import from_us
from footprint.reading import Counter, Reading

log = logging.getLogger("footprint.record")


class Record:
    """Writes a new file; an older one of that name is not overwritten."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("x", encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"record: cannot write {path}: {error.strerror}; name a file that does not exist"
            ) from error
        self._path = path
        self._full = False
        self._watched: dict[str, list[str]] = {}
        self._floors: dict[str, int | None] = {}

    def header(self, facts: Mapping[str, Any], devices: list[Device]) -> None:
        """What is constant: who, where, and every device, with its floor at the start."""
        self._floors = _floors(devices)
        names = "sensor component device package evidence quality range_uj floor_uw max_power_uw"
        fields = names.split()
        self._write(
            {
                "record": "footprint",
                "format": 1,
                **facts,
                "devices": [{name: getattr(device, name) for name in fields} for device in devices],
            }
        )

    def tick(
        self,
        now: Instant,
        readings: Mapping[DeviceKey, Reading | Failure],
        usage: Usage,
        watched: Mapping[str, list[str]],
        devices: list[Device],
        *,
        gpus: Mapping[str, Weights] = {},
    ) -> None:
        """One tick; floors that changed hold from this tick on. `gpus`: cumulative weights of the
        boards that are not reserved, by UUID."""
        line: dict[str, Any] = {
            "at": from_us(now.utc_us).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "mono_ns": now.mono_ns,
            "readings": [_reading(key[1], reading) for key, reading in readings.items()],
            "cpu_ns": {"host": usage.host_ns, "agent": usage.agent_ns, "sia": usage.sia_ns},
        }
        if gpus:
            line["gpus"] = {
                uuid: {"static": weights.static, "dynamic": weights.dynamic}
                for uuid, weights in gpus.items()
            }
        if usage.confined is not None:
            confined = usage.confined
            line["confined"] = {"sia": confined.package, "package_ns": confined.busy_ns}
        if watched != self._watched:
            self._watched = {sia: list(paths) for sia, paths in watched.items()}
            line["watch"] = self._watched
        floors = _floors(devices)
        if floors != self._floors:
            self._floors = floors
            line["floors_uw"] = floors
        self._write(line)

    def close(self) -> None:
        """End the file."""
        with contextlib.suppress(OSError):  # what was left to write met a full disk before
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        """A disk that is full ends the record, not the metering."""
        if self._full:
            return
        try:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            self._full = True
            log.error(
                "record: cannot write %s: %s; it ends here, metering goes on",
                self._path,
                error.strerror,
            )


def _floors(devices: list[Device]) -> dict[str, int | None]:
    return {device.device: device.floor_uw for device in devices}


def _reading(device: str, reading: Reading | Failure) -> dict[str, Any]:
    if isinstance(reading, Failure):
        return {"device": device, "gap": reading.gap.cause}
    if isinstance(reading, Counter):
        return {"device": device, "value_uj": reading.value_uj, "at_ns": reading.at_ns}
    return {"device": device, "power_uw": reading.power_uw, "at_ns": reading.at_ns}
