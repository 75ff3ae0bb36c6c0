"""From facts to figures: lines, their sums, coverage. Every format shows what is computed here.

In: energies summed by consumer, component, part and quality over periods in which one factor and
one set of shares hold, and the cover of each device. Out: `Line`, totals and `Coverage`.
Emissions are rounded once for each line and factor; all above is a sum of lines.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from footprint import codes, units
from footprint.attribution import Part, attribute
from footprint.impact import emissions_ug
from footprint.ledger import Component, Quality
from footprint.statement import (
    ComponentTotal,
    ConsumerKind,
    ConsumerTotal,
    Coverage,
    FactorUse,
    Figure,
    Line,
)

COMPONENTS: tuple[Component, ...] = ("cpu", "dram", "gpu")
BOUNDARY = "components"
"""Counters of components only: no node meter's energy is in any figure yet."""
UNALLOCATED = ""
"""Where the energy of a SIA goes that no project carries at the time."""

LineKey = tuple[str, Component, Part, str]
"""Consumer, component, part, and the shared server that it used ("": its own)."""


class Cell(msgspec.Struct, frozen=True):
    """Energy in microjoules, summed over entries; `via` the shared server that the consumer used,
    None where the energy is the consumer's own."""

    consumer: str
    component: Component
    part: Part
    quality: Quality
    energy_uj: int
    via: str | None = None


class Period(msgspec.Struct, frozen=True):
    """Energies over a time in which one factor (None: none applies) and one set of shares (SIA to
    permille by project) hold."""

    factor: FactorUse | None
    cells: Sequence[Cell]
    shares: Mapping[str, Mapping[str, int]] = {}


class DeviceCover(msgspec.Struct, frozen=True):
    """How long a device's energy is known, of how long it should be, in microseconds; or so many
    `devices` that count alike, their times summed."""

    host_id: str
    component: Component
    device: str
    covered_us: int
    expected_us: int
    rated_power_uw: int | None
    devices: int = 1


class Named(msgspec.Struct, frozen=True):
    """What the register says of the SIA and the shared servers that it knows: code to name."""

    names: Mapping[str, str]
    servers: Mapping[str, str] = {}

    def of(self, consumer: str) -> tuple[ConsumerKind, str | None, bool]:
        """What a consumer is, its name, and whether it is registered (the reserved consumers need
        not be)."""
        if consumer in self.servers:
            return "server", self.servers[consumer], True
        if consumer in codes.RESERVED:
            return consumer[1:], None, True  # type: ignore[return-value]
        return "sia", self.names.get(consumer), consumer in self.names


class _Amount:
    """A figure in the making."""

    def __init__(self) -> None:
        self.energy_uj = 0
        self.emissions_ug: int | None = 0
        self.quality_uj: Counter[Quality] = Counter()
        self.factors: dict[str, bool] = {}

    def add(
        self, quality_uj: Mapping[Quality, int], mass_ug: int | None, factors: Mapping[str, bool]
    ) -> None:
        self.energy_uj += sum(quality_uj.values())
        self.quality_uj.update(quality_uj)
        if mass_ug is None or self.emissions_ug is None:
            self.emissions_ug = None
        else:
            self.emissions_ug += mass_ug
        for name, provisional in factors.items():
            self.factors[name] = provisional or self.factors.get(name, False)

    def figure(self, coverage: Coverage) -> Figure:
        mass_ug = self.emissions_ug
        return Figure(
            energy_uj=self.energy_uj,
            energy_kwh=units.kwh(self.energy_uj),
            emissions_ug=mass_ug,
            emissions_g=None if mass_ug is None else units.grams(mass_ug),
            quality_uj=dict(sorted(self.quality_uj.items())),
            boundary_uj={BOUNDARY: self.energy_uj},
            coverage=coverage.ratio,
            factors=sorted(self.factors),
            provisional=any(self.factors.values()),
        )


def lines(
    periods: Iterable[Period], devices: Sequence[DeviceCover], project: str | None = None
) -> list[Line]:
    """The lines of a statement, in order; those of one project's share where it is given."""
    amounts: dict[LineKey, _Amount] = {}
    for factor, group in _by_factor(periods):
        cited = {factor.id: factor.provisional} if factor else {}
        for key, cells in _by_line(group).items():
            found = _whole(cells, factor) if project is None else _part(cells, factor, project)
            if found is not None:
                amounts.setdefault(key, _Amount()).add(*found, cited)
    covers = {component: coverage(devices, {component}) for component in COMPONENTS}
    return [
        Line(*key[:3], amounts[key].figure(covers[key[1]]), key[3] or None)
        for key in sorted(amounts)
    ]


_Shared = tuple[Cell, Mapping[str, int]]
"""A cell, and the permille of the projects that carry its consumer at its time."""
_Found = tuple[Mapping[Quality, int], int | None]
"""Energy by quality, and mass."""


def _by_factor(periods: Iterable[Period]) -> list[tuple[FactorUse | None, list[Period]]]:
    groups: dict[tuple[str, bool] | None, tuple[FactorUse | None, list[Period]]] = {}
    for period in periods:
        factor = period.factor
        key = (factor.id, factor.provisional) if factor else None
        groups.setdefault(key, (factor, []))[1].append(period)
    return list(groups.values())


def _by_line(periods: Iterable[Period]) -> dict[LineKey, list[_Shared]]:
    found: dict[LineKey, list[_Shared]] = {}
    for period in periods:
        for cell in period.cells:
            key = (cell.consumer, cell.component, cell.part, cell.via or "")
            found.setdefault(key, []).append((cell, period.shares.get(cell.consumer, {})))
    return found


def _whole(cells: Iterable[_Shared], factor: FactorUse | None) -> _Found:
    quality_uj: Counter[Quality] = Counter()
    for cell, _ in cells:
        quality_uj[cell.quality] += cell.energy_uj
    return quality_uj, emissions_ug(quality_uj.total(), factor) if factor else None


def _part(cells: list[_Shared], factor: FactorUse | None, project: str) -> _Found | None:
    """What a project carries of a line; None where it carries nothing.

    Energy is split by permille and the line's mass by energy, both by `attribute`: over all
    projects the parts add up to the line exactly.
    """
    if not any(project in weights for _, weights in cells):
        return None
    by_project: Counter[str] = Counter()
    quality_uj: Counter[Quality] = Counter()
    for cell, weights in cells:
        split = attribute(cell.energy_uj, weights, UNALLOCATED)
        by_project.update(split)
        quality_uj[cell.quality] += split.get(project, 0)
    _, mass_ug = _whole(cells, factor)
    if mass_ug is not None:
        mass_ug = attribute(mass_ug, by_project, UNALLOCATED).get(project, 0)
    return quality_uj, mass_ug


def total(found: Iterable[Line], cover: Coverage) -> Figure:
    """The sum of lines."""
    amount = _Amount()
    for line in found:
        figure = line.figure
        provisional = dict.fromkeys(figure.factors, figure.provisional)
        amount.add(figure.quality_uj, figure.emissions_ug, provisional)
    return amount.figure(cover)


def consumer_totals(
    found: Sequence[Line], devices: Sequence[DeviceCover], named: Named
) -> list[ConsumerTotal]:
    """Sums by consumer: SIA in the order of their codes, then the reserved consumers. What is their
    own and what came via shared servers stand apart where there is some of the latter."""
    names = sorted({line.consumer for line in found}, key=lambda name: (name[0] == "@", name))
    totals = []
    for consumer in names:
        lines_of = [line for line in found if line.consumer == consumer]
        shared = [line for line in lines_of if line.via is not None]
        own = [line for line in lines_of if line.via is None]
        totals.append(
            ConsumerTotal(
                consumer,
                *named.of(consumer),
                _sum(lines_of, devices),
                own=_sum(own, devices) if shared else None,
                shared=_sum(shared, devices) if shared else None,
            )
        )
    return totals


def _sum(found: Sequence[Line], devices: Sequence[DeviceCover]) -> Figure:
    return total(found, coverage(devices, {line.component for line in found}))


def component_totals(found: Sequence[Line], devices: Sequence[DeviceCover]) -> list[ComponentTotal]:
    """Sums by component, for those that were expected or have energy."""
    totals = []
    for component in COMPONENTS:
        own = [line for line in found if line.component == component]
        cover = coverage(devices, {component})
        if own or cover.expected_us:
            totals.append(ComponentTotal(component, cover, total(own, cover)))
    return totals


def coverage(devices: Iterable[DeviceCover], components: set[Component] | None = None) -> Coverage:
    """Time covered over time expected, of the devices of some components (None: all).

    Where every device declares a rated power, each counts by its power over their mean power, so
    that the sum stays a time: an unseen GPU of 700 W weighs more than an unseen CPU of 200 W.
    """
    chosen = [
        device
        for device in devices
        if device.expected_us and (components is None or device.component in components)
    ]
    weights = [device.rated_power_uw or 0 for device in chosen]
    weighted = bool(chosen) and all(weight > 0 for weight in weights)
    if not weighted:
        weights = [1] * len(chosen)
    covered = sum(d.covered_us * weight for d, weight in zip(chosen, weights, strict=True))
    expected = sum(d.expected_us * weight for d, weight in zip(chosen, weights, strict=True))
    number = sum(device.devices for device in chosen) or 1
    whole = sum(d.devices * weight for d, weight in zip(chosen, weights, strict=True)) or 1
    expected_us = expected * number // whole
    covered_us = covered * number // whole
    if covered < expected:
        # Rounding must not make a whole of what lacks a part of a microsecond.
        covered_us = min(covered_us, max(0, expected_us - 1))
    return Coverage(covered_us, expected_us, weighted)
