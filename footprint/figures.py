"""From facts to figures: lines, their sums, coverage. Every format shows what is computed here.

In: energies summed by consumer, component, part and quality over periods in which one factor and
one set of shares hold, and the cover of each device. Out: `Line`, totals and `Coverage`.
Emissions are rounded once for each line, factor and PUE; all above is a sum of lines.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from footprint import codes, units
from footprint.applied import PueUse
from footprint.attribution import Part, attribute
from footprint.facility import NO_SITE, Terms
from footprint.impact import emissions_ug, overhead_uj
from footprint.ledger import Component, Quality
from footprint.statement import (
    ComponentTotal,
    ConsumerKind,
    ConsumerTotal,
    Coverage,
    Figure,
    Line,
    SiteTotal,
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
    None where the energy is the consumer's own; `site` where the hosts stand."""

    consumer: str
    component: Component
    part: Part
    quality: Quality
    energy_uj: int
    via: str | None = None
    site: str = NO_SITE


class Period(msgspec.Struct, frozen=True):
    """Energies over a time in which the terms of each site and one set of shares (SIA to permille
    by project) hold."""

    terms: Mapping[str, Terms]
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
        self.pue_uj: Counter[str] = Counter()
        self.overhead_uj: Counter[str] = Counter()
        self.factors: dict[str, bool] = {}

    def add_part(self, found: "_Found", terms: Terms) -> None:
        """What holds under one set of terms."""
        factor, pue = terms.factor, terms.pue.id
        energy_uj = sum(found.quality_uj.values())
        cited = {factor.id: factor.provisional} if factor else {}
        self._add(found.quality_uj, found.mass_ug, cited)
        self.pue_uj[pue] += energy_uj
        self.overhead_uj[pue] += found.overhead_uj

    def add_figure(self, figure: Figure) -> None:
        """What is a figure already."""
        cited = dict.fromkeys(figure.factors, figure.provisional)
        self._add(figure.quality_uj, figure.emissions_ug, cited)
        self.pue_uj.update(figure.pue_uj)
        self.overhead_uj.update(figure.overhead_uj)

    def _add(
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
        site_uj = self.energy_uj + self.overhead_uj.total()
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
            site_energy_uj=site_uj,
            site_energy_kwh=units.kwh(site_uj),
            pue_uj=dict(sorted(self.pue_uj.items())),
            overhead_uj=dict(sorted(self.overhead_uj.items())),
        )


def lines(
    periods: Iterable[Period], devices: Sequence[DeviceCover], project: str | None = None
) -> list[Line]:
    """The lines of a statement, in order; those of one project's share where it is given."""
    amounts: dict[LineKey, _Amount] = {}
    for terms, group in _by_terms(periods):
        for key, cells in group.items():
            found = _whole(cells, terms) if project is None else _part(cells, terms, project)
            if found is not None:
                amounts.setdefault(key, _Amount()).add_part(found, terms)
    covers = {component: coverage(devices, {component}) for component in COMPONENTS}
    return [
        Line(*key[:3], amounts[key].figure(covers[key[1]]), key[3] or None)
        for key in sorted(amounts)
    ]


_Shared = tuple[Cell, Mapping[str, int]]
"""A cell, and the permille of the projects that carry its consumer at its time."""


class _Found(msgspec.Struct, frozen=True):
    """Energy by quality, what the site adds to it, and the mass of both."""

    quality_uj: Mapping[Quality, int]
    overhead_uj: int
    mass_ug: int | None


_ByLine = dict[LineKey, list[_Shared]]


def _by_terms(periods: Iterable[Period]) -> list[tuple[Terms, _ByLine]]:
    """Cells by the terms that hold for them, and by line."""
    groups: dict[tuple[str, bool, str], tuple[Terms, _ByLine]] = {}
    for period in periods:
        of_site = {
            site: groups.setdefault(terms.key, (terms, {}))[1]
            for site, terms in period.terms.items()
        }
        for cell in period.cells:
            key = (cell.consumer, cell.component, cell.part, cell.via or "")
            shares = period.shares.get(cell.consumer, {})
            of_site[cell.site].setdefault(key, []).append((cell, shares))
    return list(groups.values())


def _whole(cells: Iterable[_Shared], terms: Terms) -> _Found:
    quality_uj: Counter[Quality] = Counter()
    for cell, _ in cells:
        quality_uj[cell.quality] += cell.energy_uj
    energy_uj, factor, pue = quality_uj.total(), terms.factor, terms.pue_value
    mass_ug = emissions_ug(energy_uj, factor, pue) if factor else None
    return _Found(quality_uj, overhead_uj(energy_uj, pue), mass_ug)


def _part(cells: list[_Shared], terms: Terms, project: str) -> _Found | None:
    """What a project carries of a line; None where it carries nothing.

    Energy is split by permille, what the site adds and the line's mass by energy, all by
    `attribute`: over all projects the parts add up to the line exactly.
    """
    if not any(project in weights for _, weights in cells):
        return None
    by_project: Counter[str] = Counter()
    quality_uj: Counter[Quality] = Counter()
    for cell, weights in cells:
        split = attribute(cell.energy_uj, weights, UNALLOCATED)
        by_project.update(split)
        quality_uj[cell.quality] += split.get(project, 0)
    whole = _whole(cells, terms)

    def of_project(amount: int) -> int:
        return attribute(amount, by_project, UNALLOCATED).get(project, 0)

    mass_ug = None if whole.mass_ug is None else of_project(whole.mass_ug)
    return _Found(quality_uj, of_project(whole.overhead_uj), mass_ug)


def total(found: Iterable[Line], cover: Coverage) -> Figure:
    """The sum of lines."""
    amount = _Amount()
    for line in found:
        amount.add_figure(line.figure)
    return amount.figure(cover)


def site_totals(whole: Figure, pues: Iterable[PueUse], names: Mapping[str, str]) -> list[SiteTotal]:
    """What stands at each site, in the order of sites (hosts of none first), PUE by PUE."""
    ordered = sorted(pues, key=lambda pue: (pue.site or NO_SITE, pue.valid_from or "", pue.id))
    return [
        _site_total(pue, names.get(pue.site or NO_SITE), whole)
        for pue in ordered
        if pue.id in whole.pue_uj
    ]


def _site_total(pue: PueUse, name: str | None, whole: Figure) -> SiteTotal:
    energy_uj = whole.pue_uj[pue.id]

    def adds_uj(value: Decimal | None) -> int | None:
        return None if value is None else overhead_uj(energy_uj, value)

    return SiteTotal(
        site=pue.site,
        name=name,
        pue=pue.id,
        energy_uj=energy_uj,
        overhead_uj=None if pue.value is None else whole.overhead_uj[pue.id],
        overhead_low_uj=adds_uj(pue.low),
        overhead_high_uj=adds_uj(pue.high),
    )


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
