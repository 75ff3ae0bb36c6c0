"""The devices of simulated hosts: what they draw, how they are metered, what a page says of them.

In: a host's shape. Out: `Device`s, each with the sensor state of a page. Powers are of the size of
ordinary server parts, not of any measured one.
"""

from collections.abc import Iterator

import msgspec

from footprint.attribution import Parts
from footprint.fleet.load import mix
from footprint.fleet.plan import Shape, Slot
from footprint.ledger import Component, CounterMark, Entry, GapRecord, Quality, SensorState

RAPL_RANGE_UJ = 262_143_328_850
"""`max_energy_range_uj` of a common package."""
FLOORED = 3
"""Every third host has measured its static power."""


class Device(msgspec.Struct, frozen=True):
    """One device of one host: its sensor, its power at rest and at most (microwatts)."""

    component: Component
    name: str
    sensor: str
    quality: Quality
    rest_uw: int
    most_uw: int
    floor_uw: int | None

    def power_uw(self, use: int) -> int:
        """At `use` permille."""
        return self.rest_uw + (self.most_uw - self.rest_uw) * use // 1000

    def state(
        self, slot: Slot, energy_uj: int, first_uj: int, last_uj: int, gap: GapRecord | None
    ) -> SensorState:
        """What a page says of it: `gap` is the time in which it was not read."""
        range_uj = RAPL_RANGE_UJ if self.sensor == "rapl" else None
        counts = self.quality == "counter" and not (gap and gap.end == slot.end)
        seconds = slot.microseconds // 1_000_000
        failed = bool(gap) and not energy_uj
        return SensorState(
            sensor=self.sensor,
            device=self.name,
            component=self.component,
            covers=self.component,
            evidence=False,
            quality=self.quality,
            status="failed" if failed else "degraded" if gap else "ok",
            metered_uj=energy_uj,
            interpolated_uj=0,
            readings=0 if failed else seconds // 2 if gap else seconds,
            failures=seconds // 2 if gap else 0,
            last_error=f"{self.sensor}: {gap.cause}" if gap else "",
            first=_mark(first_uj, range_uj, slot, end=False) if counts else None,
            last=_mark(last_uj, range_uj, slot, end=True) if counts else None,
            range_uj=range_uj,
            rated_power_uw=self.most_uw,
            floor_uw=self.floor_uw,
            floor_at=None if self.floor_uw is None else slot.start,
            parameters={},
        )

    def entries(self, parts: Parts) -> Iterator[Entry]:
        """Whose its energy was, as a page says it."""
        for part, shares in parts.items():
            for consumer, energy_uj in shares.items():
                yield Entry(
                    component=self.component,
                    device=self.name,
                    consumer=consumer,
                    part=part,
                    energy_uj=energy_uj,
                    quality=self.quality,
                )


def _mark(value_uj: int, range_uj: int | None, slot: Slot, *, end: bool) -> CounterMark:
    value_uj = value_uj % range_uj if range_uj else value_uj
    return CounterMark(value_uj=value_uj, at=slot.end if end else slot.start)


def devices_of(shape: Shape, salt: int, number: int) -> tuple[Device, ...]:
    """The devices of host `number`. One host in ten has no counter of its processors, one in seven
    none of its cards."""
    modelled, integrated = number % 10 == 9, number % 7 == 3
    floored = number % FLOORED == 0
    host: tuple[str, Quality] = ("model", "modelled") if modelled else ("rapl", "counter")
    card: tuple[str, Quality] = ("nvml", "integrated") if integrated else ("nvml", "counter")
    found = []
    for place in range(shape.cpu):
        found.append(_device("cpu", f"package-{place}", host, (55, 270), floored=floored))
    for place in range(shape.dram):
        found.append(_device("dram", f"dram-{place}", host, (7, 24), floored=floored))
    for place in range(shape.gpu):
        digits = f"{mix(salt, 3, place):016x}{mix(salt, 4, place):016x}"
        name = f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        found.append(_device("gpu", name, card, (68, 700), floored=floored))
    return tuple(found)


def _device(
    component: Component,
    name: str,
    how: tuple[str, Quality],
    watts: tuple[int, int],
    *,
    floored: bool,
) -> Device:
    rest_uw, most_uw = (power * 1_000_000 for power in watts)
    # Half of what flows at rest: a host that is never wholly idle has measured that much.
    floor_uw = rest_uw // 2 if floored and how[1] == "counter" else None
    return Device(component, name, *how, rest_uw, most_uw, floor_uw)
