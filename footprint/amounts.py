"""From cells to amounts: what energy causes under the terms of its time and site, line by line.

In: `Period`s: energies summed over entries, the terms of each site, and who carries what. Out: an
`Amount` for each line. Each measure is rounded once for each line and all energy under the same
terms, so that it changes with nothing that it does not rest on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import get_args

import msgspec

from footprint import units
from footprint.applied import Impact, View, Viewed
from footprint.attribution import Part, attribute
from footprint.codes import sia_of
from footprint.counts import known_sum
from footprint.facility import NO_SITE, Terms
from footprint.grid.hourly import GRID_VIEWS, GridView, Seen
from footprint.ledger import Component, Quality
from footprint.statement import Coverage, Figure

BOUNDARY = "components"
"""Counters of components only: no node meter's energy is in any figure yet."""
IMPACTS: tuple[Impact, ...] = get_args(Impact)
VIEWS: tuple[View, ...] = get_args(View)
UNALLOCATED = ""
"""Where the energy of a SIA goes that no project carries at the time."""

LineKey = tuple[str, Component, Part, str]
"""Consumer (with its phase, `codes.phased`), component, part, and the shared server that it used
("": its own)."""


class Cell(msgspec.Struct, frozen=True):
    """Energy in microjoules, summed over entries; `via` the shared server that the consumer used,
    None where the energy is the consumer's own; `site` where the hosts stand. `seen`: the energy in
    the views of the grid, weighed quarter-hour by quarter-hour."""

    consumer: str
    component: Component
    part: Part
    quality: Quality
    energy_uj: int
    via: str | None = None
    site: str = NO_SITE
    seen: Seen = {}


class Period(msgspec.Struct, frozen=True):
    """Energies over a time in which the terms of each site and one set of shares (SIA to permille
    by project) hold."""

    terms: Mapping[str, Terms]
    cells: Sequence[Cell]
    shares: Mapping[str, Mapping[str, int]] = {}


class Amount:
    """A figure in the making."""

    def __init__(self) -> None:
        self.energy_uj = 0
        self.emissions_ug: int | None = 0
        self.quality_uj: Counter[Quality] = Counter()
        self.pue_uj: Counter[str] = Counter()
        self.overhead_uj: Counter[str] = Counter()
        self.impacts: dict[Impact, int | None] = dict.fromkeys(IMPACTS, 0)
        self.views: dict[View, list[int]] = {view: [0, 0] for view in VIEWS}
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
        for name, amount in figure.impacts.items():
            self.impacts[name] = known_sum((self.impacts[name], amount))
        for view, one in figure.views.items():
            self.add_view(view, one.emissions_ug, one.energy_uj)
        self._cite(figure.factors, provisional=figure.provisional)

    def add_view(self, view: View, mass_ug: int, energy_uj: int) -> None:
        """What so much energy emits in a view."""
        sums = self.views[view]
        sums[0] += mass_ug
        sums[1] += energy_uj

    def _cite(self, factors: Iterable[str], *, provisional: bool) -> None:
        self.factors.update(factors)
        self.provisional = self.provisional or provisional

    def figure(self, coverage: Coverage) -> Figure:
        """What it is so far."""
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
            impacts=self.impacts,
            views={view: Viewed(*sums) for view, sums in self.views.items()},
        )


def of_lines(periods: Iterable[Period], project: str | None = None) -> dict[LineKey, Amount]:
    """The amounts of all lines; where a project is given, of those of which it carries something,
    what it carries; and of UNALLOCATED what no project does."""
    found: dict[LineKey, list[_Placed]] = {}
    for period in periods:
        for cell in period.cells:
            shares = period.shares.get(sia_of(cell.consumer), {})
            if project is None or project in shares or (project == UNALLOCATED and not shares):
                found.setdefault(_line(cell), [])
    for period in periods:
        for cell in period.cells:
            if (own := found.get(_line(cell))) is not None:
                own.append(_placed(cell, period, project))
    return {key: _amount(cells, project) for key, cells in found.items()}


def _line(cell: Cell) -> LineKey:
    return cell.consumer, cell.component, cell.part, cell.via or ""


class _Placed(msgspec.Struct, frozen=True):
    """A cell, what holds at its site and time, the permille of the projects that carry its consumer
    then, and its energy by project where one is asked for."""

    cell: Cell
    terms: Terms
    shares: Mapping[str, int]
    by_project: Mapping[str, int]

    def own_uj(self, project: str | None) -> int:
        """The energy of the amount."""
        return self.cell.energy_uj if project is None else self.by_project.get(project, 0)


def _placed(cell: Cell, period: Period, project: str | None) -> _Placed:
    shares = period.shares.get(sia_of(cell.consumer), {})
    split = {} if project is None else attribute(cell.energy_uj, shares, UNALLOCATED)
    return _Placed(cell, period.terms[cell.site], shares, split)


def standing(periods: Iterable[Period], project: str | None = None) -> Iterator[tuple[str, Terms]]:
    """The sites, with their terms, whose energy is in the lines of the same arguments: what these
    figures rest on."""
    for period in periods:
        placed = (_placed(cell, period, project) for cell in period.cells)
        for site in sorted({one.cell.site for one in placed if one.own_uj(project)}):
            yield site, period.terms[site]


class Evidence(msgspec.Struct, frozen=True):
    """Energy of a line that was obtained in one way, at one site under one set of terms, and what
    it emits in each view that says something of it."""

    quality: Quality
    site: str
    terms: Terms
    energy_uj: int
    seen_ug: Mapping[View, int]


def evidenced(
    periods: Sequence[Period], project: str | None = None
) -> dict[LineKey, list[Evidence]]:
    """What the lines of the same arguments are made of."""
    terms: dict[int, Terms] = {}
    sums: dict[LineKey, dict[tuple[Quality, str, int], Counter[str]]] = {}
    for period in periods:
        for cell in period.cells:
            one = _placed(cell, period, project)
            own_uj = one.own_uj(project)
            if not own_uj:
                continue
            terms[id(one.terms)] = one.terms
            kinds = sums.setdefault(_line(cell), {})
            counted = kinds.setdefault((cell.quality, cell.site, id(one.terms)), Counter())
            counted[_OWN] += own_uj
            for view, weighed in cell.seen.items():
                counted[view] += weighed.uj_ug_per_kwh * own_uj // cell.energy_uj
    return {
        key: [
            Evidence(quality, site, terms[held], counted[_OWN], _seen_ug(counted, terms[held]))
            for (quality, site, held), counted in kinds.items()
        ]
        for key, kinds in sums.items()
    }


_OWN = "own"
"""Beside the views."""


def _seen_ug(counted: Mapping[str, int], terms: Terms) -> dict[View, int]:
    found: dict[View, int] = {}
    for view in GRID_VIEWS:
        if view in counted:
            found[view] = _weighed_ug(counted[view], terms)
    market_ug = terms.market_ug(counted[_OWN])
    if market_ug is not None:
        found["market"] = market_ug
    return found


def _weighed_ug(uj_ug_per_kwh: int, terms: Terms) -> int:
    return units.times(uj_ug_per_kwh, Fraction(terms.pue_value) / units.UJ_PER_KWH)


def _amount(cells: Sequence[_Placed], project: str | None) -> Amount:
    """A line's amount, or what a project carries of it.

    Energy is split by permille, and what it causes by energy, both by `attribute`: over all
    projects the parts add up to the line exactly.
    """
    amount = Amount()
    for one in cells:
        amount.add_cell(one.cell, one.own_uj(project), one.terms)
    for name, added_uj in _caused(cells, project, _OVERHEAD):
        if added_uj is not None:
            amount.overhead_uj[name] += added_uj
    amount.emissions_ug = _sum(cells, project, _EMISSIONS)
    for impact, cause in _IMPACTS.items():
        amount.impacts[impact] = _sum(cells, project, cause)
    for view in VIEWS:
        own = [one for one in cells if _KNOWN_UJ[view](one)]
        mass_ug = _sum(own, project, _VIEWS[view])
        amount.add_view(view, mass_ug or 0, sum(_known_uj(one, project, view) for one in own))
    return amount


def _known_uj(one: _Placed, project: str | None, view: View) -> int:
    known_uj = _KNOWN_UJ[view](one)
    if project is None:
        return known_uj
    return attribute(known_uj, one.shares, UNALLOCATED).get(project, 0)


def _sum(cells: Sequence[_Placed], project: str | None, cause: "_Cause") -> int | None:
    return known_sum(number for _, number in _caused(cells, project, cause))


class _Cause(msgspec.Struct, frozen=True):
    """What a quantity of cells (their energy, unless `quantity` says another) causes under terms
    that have a key in common: `measure` is None where that is not known."""

    key: Callable[[Terms], str]
    measure: Callable[[int, Terms], int | None]
    quantity: Callable[[Cell], int] | None = None


def _caused(
    cells: Sequence[_Placed], project: str | None, cause: _Cause
) -> Iterator[tuple[str, int | None]]:
    """By key, of those keys under which the amount has something."""
    for name, (terms, whole, by_project) in _groups(cells, project, cause).items():
        if not (whole if project is None else by_project.get(project, 0)):
            continue
        number = cause.measure(whole, terms)
        if number is not None and project is not None:
            number = attribute(number, by_project, UNALLOCATED).get(project, 0)
        yield name, number


def _groups(
    cells: Iterable[_Placed], project: str | None, cause: _Cause
) -> dict[str, tuple[Terms, int, Mapping[str, int]]]:
    """By key: terms, quantity, and quantity by project where one is asked for."""
    terms: dict[str, Terms] = {}
    wholes: Counter[str] = Counter()
    splits: dict[str, Counter[str]] = {}
    for one in cells:
        name = cause.key(one.terms)
        terms.setdefault(name, one.terms)
        quantity = one.cell.energy_uj if cause.quantity is None else cause.quantity(one.cell)
        wholes[name] += quantity
        split = splits.setdefault(name, Counter())
        if cause.quantity is None or project is None:
            split.update(one.by_project)
        else:
            split.update(attribute(quantity, one.shares, UNALLOCATED))
    return {name: (terms[name], wholes[name], splits[name]) for name in terms}


_OVERHEAD = _Cause(
    lambda terms: terms.pue.id, lambda energy_uj, terms: terms.overhead_uj(energy_uj)
)
_EMISSIONS = _Cause(
    lambda terms: terms.key(terms.factor), lambda energy_uj, terms: terms.emissions_ug(energy_uj)
)


def _of_impact(name: Impact) -> _Cause:
    return _Cause(
        lambda terms: terms.impact_key(name),
        lambda energy_uj, terms: terms.impact(energy_uj, name),
    )


def _of_grid(view: GridView) -> _Cause:
    return _Cause(
        lambda terms: terms.pue.id,
        _weighed_ug,
        lambda cell: cell.seen[view].uj_ug_per_kwh,
    )


def _seen_uj(view: GridView) -> Callable[[_Placed], int]:
    return lambda one: one.cell.seen[view].known_uj if view in one.cell.seen else 0


_IMPACTS = {name: _of_impact(name) for name in IMPACTS}
_VIEWS: dict[View, _Cause] = {
    "market": _Cause(
        lambda terms: terms.market_key, lambda energy_uj, terms: terms.market_ug(energy_uj)
    ),
    **{view: _of_grid(view) for view in GRID_VIEWS},
}
_KNOWN_UJ: dict[View, Callable[[_Placed], int]] = {
    "market": lambda one: one.cell.energy_uj if one.terms.market else 0,
    **{view: _seen_uj(view) for view in GRID_VIEWS},
}
"""The energy of a cell that a view says something of."""
