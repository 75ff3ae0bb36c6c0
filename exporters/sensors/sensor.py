"""What a sensor is: devices it covers, and their readings at an instant.

A sensor knows nothing of attribution, pages or the spool. Absent (this host has no such thing) is
not failed (it has, and it cannot be read).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, final

import msgspec

from footprint.reading import Gap, Reading

Component = Literal["cpu", "dram", "gpu"]


class Device(msgspec.Struct, frozen=True):
    """One thing that a sensor reads, and what is known of it.

    `component` is None and `evidence` true for counters that cover other devices (psys, core).
    `package` names the CPUs it feeds (`package-0`, `package-1-die-0`); None: of the whole host.
    Powers in microwatts; `floor_uw` is the measured or modelled static power, with its date.
    """

    sensor: str
    device: str
    component: Component | None
    covers: str
    quality: Literal["counter", "integrated", "modelled"]
    evidence: bool = False
    package: str | None = None
    range_uj: int | None = None
    max_power_uw: int | None = None
    rated_power_uw: int | None = None
    floor_uw: int | None = None
    floor_at: datetime | None = None
    parameters: dict[str, str] = {}


@final
class Failure(msgspec.Struct, frozen=True):
    """A reading that failed: the gap it makes, and one line with what, where, remedy."""

    gap: Gap
    error: str


class Absent(msgspec.Struct, frozen=True):
    """Why a host does not have a sensor, and what to do if it should."""

    sensor: str
    reason: str


class Sensor(Protocol):
    """Everything the agent asks of a sensor."""

    @property
    def name(self) -> str:
        """A code, such as `rapl`."""

    def devices(self) -> Sequence[Device]:
        """The devices found at start; their set does not change while the agent runs."""

    def read(self) -> Mapping[str, Reading | Failure]:
        """A reading or a failure for every device, by its name. Never raises for a failed read."""

    def close(self) -> None:
        """Give back what the sensor holds."""
