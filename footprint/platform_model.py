"""A range for the platform of hosts without a node meter, from hosts of the same model with one.

In: platform power day by day of single hosts with a meter, and what each host is. Out: for each
model of host, a mean and a range of power, and what they make of the time that its unmetered hosts
are covered: modelled, never part of a measured sum. METHOD.md, "A platform that nobody measures".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from footprint.ledger import Component
from footprint.nodes import QUARTER_US
from footprint.platform_figures import PlatformModelled
from footprint.units import power_uw_from_energy, uj_from_power

DAY_LEAST_US = 48 * QUARTER_US
"""A day of a host says something of its platform from twelve hours of common cover on: over less,
what a management controller lags by and the hour of the day weigh too much."""

LEAST_US = 192 * QUARTER_US
"""Two whole days, so that no range comes from one day alone."""


class Likeness(msgspec.Struct, frozen=True, order=True):
    """What makes two hosts of one model: maker and product, processor, how many devices of each
    component are measured, and the GPUs' own models."""

    machine: str
    processor: str
    devices: tuple[tuple[Component, int], ...]
    gpus: tuple[str, ...]


class HostDay(msgspec.Struct, frozen=True):
    """The platform of one host with a meter of its own over a Paris day's common cover."""

    host_id: str
    day: str
    platform_uj: int
    common_us: int

    @property
    def power_uw(self) -> int:
        """Its mean power."""
        return power_uw_from_energy(self.platform_uj, self.common_us * 1000)


class Unmetered(msgspec.Struct, frozen=True):
    """A host without a node meter: energy of its components, and how long it is covered."""

    components_uj: int
    covered_us: int


def modelled(
    days: Iterable[HostDay],
    likenesses: Mapping[str, Likeness],
    unmetered: Mapping[str, Unmetered],
) -> list[PlatformModelled]:
    """For each model of host that is both metered and not, in their order: its range. A host whose
    model is not known, or whose kind was measured for too short a time, is in none of them."""
    donors: dict[Likeness, list[HostDay]] = defaultdict(list)
    for day in days:
        if day.common_us >= DAY_LEAST_US and day.platform_uj >= 0 and day.host_id in likenesses:
            donors[likenesses[day.host_id]].append(day)
    wanting: dict[Likeness, list[str]] = defaultdict(list)
    for host in sorted(unmetered):
        if host in likenesses:
            wanting[likenesses[host]].append(host)
    return [
        _range(likeness, donors[likeness], {host: unmetered[host] for host in hosts})
        for likeness, hosts in sorted(wanting.items())
        if sum(day.common_us for day in donors.get(likeness, ())) >= LEAST_US
    ]


def _range(
    likeness: Likeness, days: Sequence[HostDay], hosts: Mapping[str, Unmetered]
) -> PlatformModelled:
    common_us = sum(day.common_us for day in days)
    covered_us = sum(one.covered_us for one in hosts.values())
    low_uw, high_uw = min(day.power_uw for day in days), max(day.power_uw for day in days)
    mean_uw = power_uw_from_energy(sum(day.platform_uj for day in days), common_us * 1000)
    return PlatformModelled(
        quality="modelled",
        machine=likeness.machine,
        processor=likeness.processor,
        devices=dict(likeness.devices),
        gpus=list(likeness.gpus),
        hosts=list(hosts),
        components_uj=sum(one.components_uj for one in hosts.values()),
        covered_us=covered_us,
        power_low_uw=low_uw,
        power_uw=mean_uw,
        power_high_uw=high_uw,
        energy_low_uj=uj_from_power(low_uw, covered_us * 1000),
        energy_uj=uj_from_power(mean_uw, covered_us * 1000),
        energy_high_uj=uj_from_power(high_uw, covered_us * 1000),
        from_hosts=sorted({day.host_id for day in days}),
        from_days=len(days),
        from_quarter_hours=common_us // QUARTER_US,
    )
