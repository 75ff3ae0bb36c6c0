"""From facts to figures: lines, their sums, coverage. Every format shows what is computed here.

In: energies summed by consumer, component, part, quality and site over periods in which the terms
of each site and one set of shares hold, and the cover of each device. Out: `Line`, totals and
`Coverage`. Each measure is rounded once for each line and all energy under the same terms; all
above is a sum of lines.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import get_args

import msgspec

from footprint import codes, units
from footprint.applied import Impact, PueUse, View
from footprint.attribution import Part, attribute
from footprint.counts import known_sum
from footprint.facility import NO_SITE, Terms
from footprint.impact import overhead_uj
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
IMPACTS: tuple[Impact, ...] = get_args(Impact)
VIEWS: tuple[View, ...] = get_args(View)
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
        self.told: dict[Impact | View, int | None] = dict.fromkeys(_TOLD, 0)
        self.factors: set[str] = set()
        self.provisional = False

    def add_cell(self, cell: Cell, energy_uj: int, terms: Terms) -> None:
        """Energy of a cell, or a project's part of it, without what it causes."""
        self.energy_uj += energy_uj
        self.quality_uj[cell.quality] += energy_uj
        if not energy_uj:
            return  # nothing is caused: what would turn it into impacts is not cited
        self.pue_uj[terms.pue.id] += energy_uj
        self.provisional = self.provisional or terms.pue.provisional
        if terms.factor:
            self._cite([terms.factor.id], provisional=terms.factor.provisional)

    def add_figure(self, figure: Figure) -> None:
        """What is a figure already."""
        self.energy_uj += figure.energy_uj
        self.quality_uj.update(figure.quality_uj)
        self.pue_uj.update(figure.pue_uj)
        self.overhead_uj.update(figure.overhead_uj)
        self.emissions_ug = known_sum((self.emissions_ug, figure.emissions_ug))
        for name, amount in (*figure.impacts.items(), *figure.views.items()):
            self.told[name] = known_sum((self.told[name], amount))
        self._cite(figure.factors, provisional=figure.provisional)

    def _cite(self, factors: Iterable[str], *, provisional: bool) -> None:
        self.factors.update(factors)
        self.provisional = self.provisional or provisional

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
            provisional=self.provisional,
            site_energy_uj=site_uj,
            site_energy_kwh=units.kwh(site_uj),
            pue_uj=dict(sorted(self.pue_uj.items())),
            overhead_uj=dict(sorted(self.overhead_uj.items())),
            impacts={name: self.told[name] for name in IMPACTS},
            views={name: self.told[name] for name in VIEWS},
        )


def lines(
    periods: Iterable[Period], devices: Sequence[DeviceCover], project: str | None = None
) -> list[Line]:
    """The lines of a statement, in order; those of one project's share where it is given."""
    covers = {component: coverage(devices, {component}) for component in COMPONENTS}
    found = _by_line(periods)
    return [
        Line(*key[:3], amount.figure(covers[key[1]]), key[3] or None)
        for key in sorted(found)
        if (amount := _amount(found[key], project)) is not None
    ]


class _Placed(msgspec.Struct, frozen=True):
    """A cell, what holds at its site and time, and the permille of the projects that carry its
    consumer then."""

    cell: Cell
    terms: Terms
    shares: Mapping[str, int]


def _by_line(periods: Iterable[Period]) -> dict[LineKey, list[_Placed]]:
    found: dict[LineKey, list[_Placed]] = {}
    for period in periods:
        for cell in period.cells:
            key = (cell.consumer, cell.component, cell.part, cell.via or "")
            shares = period.shares.get(cell.consumer, {})
            found.setdefault(key, []).append(_Placed(cell, period.terms[cell.site], shares))
    return found


def _amount(cells: Sequence[_Placed], project: str | None) -> _Amount | None:
    """A line's amount, or what a project carries of it: None where it carries nothing.

    Energy is split by permille, and what it causes by energy, both by `attribute`: over all
    projects the parts add up to the line exactly.
    """
    if project is not None and not any(project in one.shares for one in cells):
        return None
    amount = _Amount()
    splits = [_split(one.cell, one.shares) if project is not None else {} for one in cells]
    for one, split in zip(cells, splits, strict=True):
        own_uj = one.cell.energy_uj if project is None else split.get(project, 0)
        amount.add_cell(one.cell, own_uj, one.terms)

    def caused(key: _Key, measure: _Measure) -> Iterator[tuple[str, int | None]]:
        for name, terms, energy_uj, by_project in _groups(cells, splits, key):
            if not (energy_uj if project is None else by_project.get(project, 0)):
                continue
            whole = measure(energy_uj, terms)
            if whole is not None and project is not None:
                whole = attribute(whole, by_project, UNALLOCATED).get(project, 0)
            yield name, whole

    for name, added_uj in caused(*_OVERHEAD):
        if added_uj is not None:
            amount.overhead_uj[name] += added_uj
    amount.emissions_ug = known_sum(mass_ug for _, mass_ug in caused(*_EMISSIONS))
    for measured, told in _TOLD.items():
        amount.told[measured] = known_sum(number for _, number in caused(*told))
    return amount


def _split(cell: Cell, shares: Mapping[str, int]) -> dict[str, int]:
    """A cell's energy by project."""
    return attribute(cell.energy_uj, shares, UNALLOCATED)


def standing(periods: Iterable[Period], project: str | None = None) -> Iterator[tuple[str, Terms]]:
    """The sites, with their terms, whose energy is in the lines of the same arguments: what these
    figures rest on."""
    for period in periods:
        found = {
            cell.site
            for cell in period.cells
            if (
                cell.energy_uj
                if project is None
                else _split(cell, period.shares.get(cell.consumer, {})).get(project, 0)
            )
        }
        for site in sorted(found):
            yield site, period.terms[site]


_Key = Callable[[Terms], str]
_Measure = Callable[[int, Terms], int | None]
"""What energy causes under terms; rounded once for all energy of a line whose terms have a key in
common, so that it changes with nothing that it does not rest on."""


def _groups(
    cells: Iterable[_Placed], splits: Iterable[Mapping[str, int]], key: _Key
) -> Iterator[tuple[str, Terms, int, Mapping[str, int]]]:
    """Key, terms, energy, and energy by project."""
    found: dict[str, tuple[Terms, Counter[str]]] = {}
    energies_uj: Counter[str] = Counter()
    for one, split in zip(cells, splits, strict=True):
        name = key(one.terms)
        energies_uj[name] += one.cell.energy_uj
        found.setdefault(name, (one.terms, Counter()))[1].update(split)
    for name, (terms, by_project) in found.items():
        yield name, terms, energies_uj[name], by_project


_OVERHEAD: tuple[_Key, _Measure] = (
    lambda terms: terms.pue.id,
    lambda energy_uj, terms: terms.overhead_uj(energy_uj),
)
_EMISSIONS: tuple[_Key, _Measure] = (
    lambda terms: terms.key(terms.factor),
    lambda energy_uj, terms: terms.emissions_ug(energy_uj),
)


def _told(name: Impact) -> tuple[_Key, _Measure]:
    return (
        lambda terms: terms.impact_key(name),
        lambda energy_uj, terms: terms.impact(energy_uj, name),
    )


_MARKET: tuple[_Key, _Measure] = (
    lambda terms: terms.market_key,
    lambda energy_uj, terms: terms.market_ug(energy_uj),
)
_TOLD: dict[Impact | View, tuple[_Key, _Measure]] = {
    **{name: _told(name) for name in IMPACTS},
    "market_ug": _MARKET,
}
"""All that a figure tells beside its greenhouse gases."""


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
