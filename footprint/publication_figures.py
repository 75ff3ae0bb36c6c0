"""Sums a month for publication: line by line, each a group of projects' part of a unit's use.

In: the periods that a statement's lines are made of, covers, the `Partition`, names. Out:
`Figures`, whose every sum is one of its lines. Raises ValueError where they do not add up to the
statement's own total: no joule leaves or comes on the way.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from footprint import amounts, codes, figures, intervals
from footprint.amounts import UNALLOCATED, Cell, Period
from footprint.applied import Measure
from footprint.codes import UNREGISTERED, sia_of
from footprint.counts import known_sum
from footprint.facility import NO_SITE
from footprint.figures import DeviceCover, Named
from footprint.grid.hourly import Grid
from footprint.intervals import Intervals, Splits
from footprint.protection import NOBODY, Node, Part, Partition, joined
from footprint.publication import (
    Amount,
    ComponentGroup,
    Group,
    Line,
    Member,
    SiteGroup,
    Told,
    Unit,
)
from footprint.statement import Figure, SiteTotal
from footprint.statement import Line as OwnLine
from footprint.uncertainty import Deviation

Key = TypeVar("Key", bound=Hashable)
EVERYTHING = "@all"
"""The unit of all there is, where it cannot be told apart."""


class Register(msgspec.Struct, frozen=True):
    """What the register says: names of all; the directorate of each project; who is small; names of
    projects, directorates and sites."""

    named: Named
    small: frozenset[str]
    directorate_of: Mapping[str, str]
    projects: Mapping[str, str]
    directorates: Mapping[str, str]
    sites: Mapping[str, str]


class Month(msgspec.Struct, frozen=True):
    """What a month's figures are made of, and what the statement says of them."""

    periods: Sequence[Period]
    devices: Sequence[DeviceCover]
    splits: Splits
    grid: Grid
    total: Figure
    sites: Sequence[SiteTotal]


class Figures(msgspec.Struct, frozen=True):
    """All sums of a publication."""

    total: Told
    directorates: list[Group]
    projects: list[Group]
    units: list[Unit]
    components: list[ComponentGroup]
    sites: list[SiteGroup]
    lines: list[Line]


class _Place(msgspec.Struct, frozen=True, order=True):
    """Under which names something is told."""

    directorate: str
    project: str
    unit: str
    components: str


class _Atom(msgspec.Struct, frozen=True):
    """A line of what a project carries, where it is told, and how far it may be off."""

    place: _Place
    line: OwnLine
    off: Mapping[Measure, Sequence[Deviation]]


def id_of(members: Iterable[str]) -> str:
    """The name of what is told as one."""
    return "+".join(members)


def parts(month: Month, register: Register) -> list[Part]:
    """Which registered SIA used something of what, and for whom."""
    found = set()
    for period in month.periods:
        for cell in period.cells:
            sia = sia_of(cell.consumer)
            if not cell.energy_uj or sia not in register.named.names:
                continue
            for project in period.shares.get(sia) or (NOBODY,):
                directorate = register.directorate_of.get(project, NOBODY)
                small = sia in register.small
                found.add(Part(directorate, project, sia, cell.component, small))
    return sorted(found)


def made(month: Month, register: Register, told: Partition) -> Figures:
    """The month's figures, told as `told` has it."""
    atoms = list(_atoms(month, register, told))
    qualities = joined(_users(month, register, lambda cell: cell.quality), told.hidden)
    sums = _Sums(month, register, qualities)
    sums.check(atoms)
    by = _grouped(atoms)
    return Figures(
        total=msgspec.structs.replace(
            sums.told(atoms, whole=True, apart=True), intervals=month.total.intervals
        ),
        directorates=[
            sums.group(id_, None, register.directorates, own)
            for id_, own in by(lambda place: place.directorate)
        ],
        projects=[
            sums.group(id_, own[0].place.directorate, register.projects, own)
            for id_, own in by(lambda place: place.project)
        ],
        units=[sums.unit(id_, own) for id_, own in by(lambda place: place.unit)],
        components=[sums.component(id_, own) for id_, own in by(lambda place: place.components)],
        sites=list(_sites(month, register, told.hidden)),
        lines=[
            Line(place.project, place.unit, place.components, amount_of(sums.figure(own)))
            for place, own in by(lambda place: place)
        ],
    )


def amount_of(figure: Figure) -> Amount:
    """What of a figure is added up."""
    return Amount(
        figure.energy_uj,
        figure.site_energy_uj,
        figure.emissions_ug,
        figure.impacts,
        figure.views,
    )


def _atoms(month: Month, register: Register, told: Partition) -> Iterator[_Atom]:
    covers = {one: figures.coverage(month.devices, {one}) for one in figures.COMPONENTS}
    for project, periods in _by_project(month.periods).items():
        off = Intervals(periods, covers, project, splits=month.splits, grid=month.grid)
        for line in figures.lines(periods, month.devices, project):
            if line.figure.energy_uj:
                yield _Atom(_place(project, line, register, told), line, off.of_line(line))


def _by_project(periods: Sequence[Period]) -> dict[str, list[Period]]:
    """The periods with the cells of those of whom a project carries something at any time."""
    carried: dict[str, set[str]] = defaultdict(set)
    for period in periods:
        for sia in {sia_of(cell.consumer) for cell in period.cells}:
            for project in period.shares.get(sia) or (UNALLOCATED,):
                carried[project].add(sia)
    return {
        project: [
            msgspec.structs.replace(
                period, cells=[cell for cell in period.cells if sia_of(cell.consumer) in own]
            )
            for period in periods
        ]
        for project, own in sorted(carried.items())
    }


def _place(project: str, line: OwnLine, register: Register, told: Partition) -> _Place:
    components = id_of(told.component_of.get(line.component, Node((line.component,))).members)
    if told.alone:
        return _Place(NOBODY, NOBODY, EVERYTHING, components)
    sia = line.consumer
    node = told.project_of.get(project)
    unit = told.unit_of.get((node, sia)) if node else None
    if node is None or unit is None:
        known = sia in register.named.servers or sia in codes.RESERVED
        return _Place(NOBODY, NOBODY, sia if known else UNREGISTERED, components)
    directorate = told.directorate_of[register.directorate_of.get(project, NOBODY)]
    return _Place(id_of(directorate.members), id_of(node.members), id_of(unit.members), components)


def _grouped(
    atoms: Sequence[_Atom],
) -> Callable[[Callable[[_Place], Key]], list[tuple[Key, list[_Atom]]]]:
    """What groups atoms by something of their places, in its order; what is nobody's last."""

    def by(key: Callable[[_Place], Key]) -> list[tuple[Key, list[_Atom]]]:
        found: dict[Key, list[_Atom]] = defaultdict(list)
        for atom in atoms:
            found[key(atom.place)].append(atom)
        return sorted(found.items(), key=lambda item: (str(item[0])[:1] in "@", item[0]))

    return by


def _users(month: Month, register: Register, label: Callable[[Cell], str]) -> dict[str, set[str]]:
    """The registered SIA by a label of the energy that they used."""
    found: dict[str, set[str]] = defaultdict(set)
    for period in month.periods:
        for cell in period.cells:
            sia = sia_of(cell.consumer)
            own = found[label(cell)]
            if cell.energy_uj and sia in register.named.names:
                own.add(sia)
    return found


class _Sums(msgspec.Struct, frozen=True):
    """Sums of atoms, and what is said beside them."""

    month: Month
    register: Register
    qualities: Mapping[str, Node]

    def figure(self, atoms: Iterable[_Atom]) -> Figure:
        """The sum, of the coverage of its components."""
        amount, components = amounts.Amount(), set()
        for atom in atoms:
            amount.add_figure(atom.line.figure)
            components.add(atom.line.component)
        return amount.figure(figures.coverage(self.month.devices, components))

    def check(self, atoms: Iterable[_Atom]) -> None:
        """Raise ValueError where atoms are not the statement's total."""
        found, total = amount_of(self.figure(atoms)), amount_of(self.month.total)
        if found != total:
            raise ValueError(f"lines add up to {found}, the statement's total is {total}")

    def told(self, atoms: Sequence[_Atom], *, whole: bool = False, apart: bool = False) -> Told:
        """The sum; `whole`: how shared servers are divided does not matter; `apart`: what it was
        obtained by may be told."""
        figure = self.figure(atoms)
        off: dict[Measure, list[Deviation]] = defaultdict(list)
        for atom in atoms:
            for measure, found in atom.off.items():
                off[measure] += [one for one in found if not (whole and one.kind == "split")]
        quality: Counter[str] = Counter()
        for name, energy_uj in figure.quality_uj.items() if apart else ():
            quality[id_of(self.qualities[name].members)] += energy_uj
        return Told(
            amount=amount_of(figure),
            energy_kwh=figure.energy_kwh,
            site_energy_kwh=figure.site_energy_kwh,
            emissions_g=figure.emissions_g,
            coverage=self.month.total.coverage if whole else figure.coverage,
            intervals=intervals.ends(figure, off),
            quality_uj=dict(sorted(quality.items())),
        )

    def group(
        self, id_: str, of: str | None, names: Mapping[str, str], atoms: Sequence[_Atom]
    ) -> Group:
        """Directorates or projects."""
        members = [Member(code, names.get(code)) for code in id_.split("+") if code]
        return Group(id_, of, members, self.told(atoms))

    def unit(self, id_: str, atoms: Sequence[_Atom]) -> Unit:
        """A SIA or several, or what is no SIA's."""
        if id_ == EVERYTHING:
            return Unit(id_, "together", [], self.told(atoms))
        members = id_.split("+")
        if len(members) > 1:
            named = [Member(code, self.register.named.of(code)[1]) for code in members]
            return Unit(id_, "together", named, self.told(atoms))
        kind, name, _ = self.register.named.of(id_)
        own = [Member(id_, name)] if kind in ("sia", "server") else []
        return Unit(id_, kind, own, self.told(atoms, apart=True))

    def component(self, id_: str, atoms: Sequence[_Atom]) -> ComponentGroup:
        """Components."""
        members = [one for one in figures.COMPONENTS if one in id_.split("+")]
        covers = [figures.coverage(self.month.devices, {one}) for one in members]
        return ComponentGroup(id_, members, covers, self.told(atoms, whole=True))


def _sites(month: Month, register: Register, hidden: frozenset[str]) -> Iterator[SiteGroup]:
    node_of = joined(_users(month, register, lambda cell: cell.site), hidden)
    found: dict[Node, list[SiteTotal]] = defaultdict(list)
    for total in month.sites:
        found[node_of[total.site or NO_SITE]].append(total)
    for node, totals in sorted(found.items()):
        members = [Member(code, register.sites.get(code)) for code in node.members if code]
        adds_uj = known_sum(total.overhead_uj for total in totals)
        energy_uj = sum(total.energy_uj for total in totals)
        yield SiteGroup(id_of(node.members), members, energy_uj, adds_uj)
