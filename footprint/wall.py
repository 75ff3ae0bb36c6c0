"""Sums of node meters' quarter-hours: the statement's `platform`, and the days that cannot be.

In: `Slice`s day by day. Out: `Platform`. A quarter-hour may be negative, because a BMC lags by
seconds; a whole day that is, is an anomaly.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import msgspec

from footprint import units
from footprint.ledger import Quality
from footprint.nodes import Slice, chosen
from footprint.platform_figures import Platform, PlatformAnomaly, PlatformMeter
from footprint.platform_model import HostDay

SensorsOf = Callable[[Sequence[str]], list[str]]
"""The component sensors of hosts, to be named where they contradict a node meter."""
_Key = tuple[str, tuple[str, ...]]


class _Sum(msgspec.Struct):
    """A meter's sums in the making."""

    node_uj: int = 0
    components_uj: int = 0
    residue_uj: int = 0
    set_aside_uj: int = 0
    node_us: int = 0
    common_us: int = 0
    node_quality_uj: Counter[Quality] = msgspec.field(default_factory=Counter)
    components_quality_uj: Counter[Quality] = msgspec.field(default_factory=Counter)

    @property
    def has_model(self) -> bool:
        """Whether a component's energy is modelled, so that the difference has a model in it."""
        return bool(self.components_quality_uj["modelled"])

    def add(self, one: Slice, counts: bool) -> None:
        if not counts:
            self.set_aside_uj += one.node_uj + one.residue_uj
            return
        self.node_uj += one.node_uj
        self.components_uj += one.components_uj
        self.residue_uj += one.residue_uj
        self.node_us += one.node_us
        self.common_us += one.common_us
        self.node_quality_uj[one.quality] += one.node_uj
        self.components_quality_uj.update(one.components_quality_uj)


class Wall:
    """A month's platform, gathered day by day; `host_days` are the days of hosts that have a meter
    of their own and no modelled component, without anomalies."""

    def __init__(self) -> None:
        self._sums: dict[_Key, _Sum] = {}
        self._anomalies: list[PlatformAnomaly] = []
        self._overlapping = 0
        self.host_days: list[HostDay] = []

    def add_day(
        self, day: date, found: Iterable[Slice], sensors_of: SensorsOf, overlapping: int = 0
    ) -> None:
        """Add the quarter-hours of a Paris day."""
        slices = list(found)
        counts = chosen(slices)
        days: dict[_Key, _Sum] = {}
        for one in slices:
            key = (one.meter, one.hosts)
            for sums in (self._sums, days):
                sums.setdefault(key, _Sum()).add(one, counts[one.start_us, one.meter, one.hosts])
        self._overlapping += overlapping
        for (meter, hosts), of_day in sorted(days.items()):
            if of_day.node_uj < of_day.components_uj:
                self._anomalies.append(_anomaly(day, meter, hosts, of_day, sensors_of(hosts)))
            elif len(hosts) == 1 and of_day.common_us and not of_day.has_model:
                platform_uj = of_day.node_uj - of_day.components_uj
                self.host_days.append(
                    HostDay(hosts[0], day.isoformat(), platform_uj, of_day.common_us)
                )

    def platform(self, hosts: Iterable[str]) -> Platform:
        """The month's section; `hosts` are those with figures, metered or not."""
        meters = [_meter(*key, found) for key, found in sorted(self._sums.items())]
        metered = {host for meter in meters for host in meter.hosts}
        energy_uj = sum(meter.platform_uj for meter in meters)
        return Platform(
            boundary="wall",
            energy_uj=energy_uj,
            energy_kwh=units.kwh(energy_uj),
            node_uj=sum(meter.node_uj for meter in meters),
            components_uj=sum(meter.components_uj for meter in meters),
            residue_uj=sum(meter.residue_uj for meter in meters),
            set_aside_uj=sum(meter.set_aside_uj for meter in meters),
            node_us=sum(meter.node_us for meter in meters),
            common_us=sum(meter.common_us for meter in meters),
            overlapping=self._overlapping,
            meters=meters,
            anomalies=self._anomalies,
            unmetered_hosts=sorted(set(hosts) - metered),
        )


def _meter(meter: str, hosts: tuple[str, ...], found: _Sum) -> PlatformMeter:
    return PlatformMeter(
        meter=meter,
        hosts=list(hosts),
        node_uj=found.node_uj,
        components_uj=found.components_uj,
        platform_uj=found.node_uj - found.components_uj,
        residue_uj=found.residue_uj,
        set_aside_uj=found.set_aside_uj,
        node_us=found.node_us,
        common_us=found.common_us,
        node_quality_uj=dict(sorted(found.node_quality_uj.items())),
        components_quality_uj=dict(sorted(found.components_quality_uj.items())),
    )


def _anomaly(
    day: date, meter: str, hosts: tuple[str, ...], found: _Sum, sensors: list[str]
) -> PlatformAnomaly:
    return PlatformAnomaly(
        day=day.isoformat(),
        meter=meter,
        hosts=list(hosts),
        sensors=sensors,
        node_uj=found.node_uj,
        components_uj=found.components_uj,
        platform_uj=found.node_uj - found.components_uj,
    )
