"""A month as it is published: plain structs, immutable once closed.

In: what `publication_figures` sums under a `Partition`. Out: `Publication`, which every published
format is rendered from, and the file that holds it (`published_file`). Everything in it may be read
by everybody: nothing is finer than a month, and small SIA stand together (METHOD.md, "What is
published together").
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from footprint.applied import (
    ContractUse,
    FactorUse,
    GridUse,
    Impact,
    ImpactUse,
    Measure,
    View,
    Viewed,
)
from footprint.codes import ConsumerKind
from footprint.embodied import Making, Spread
from footprint.external import Dependence
from footprint.ledger import Component
from footprint.restatement import Kind
from footprint.statement import Coverage, Efficiency, GapTotal, Sci, Uncertain
from footprint.uncertainty import Bounds

UnitKind = Literal[ConsumerKind, "together"]


class Amount(msgspec.Struct, frozen=True):
    """Energy and what it caused, in integers of their units: `energy_uj` of hosts, `site_energy_uj`
    with what their sites use. None: not available. `views` of the gases are never added to
    `emissions_ug`. A sum of amounts is the sum of each of these."""

    energy_uj: int
    site_energy_uj: int
    emissions_ug: int | None
    impacts: dict[Impact, int | None]
    views: dict[View, Viewed]


class Told(msgspec.Struct, frozen=True):
    """An amount with its evidence: `intervals` at 95 %, `coverage` of the time that should have
    been measured, and what of `energy_uj` was obtained how (labels joined with `+` stand for more
    than one way). `quality_uj` is told of the whole, and of what stands apart."""

    amount: Amount
    energy_kwh: Decimal
    site_energy_kwh: Decimal
    emissions_g: Decimal | None
    coverage: Decimal | None
    intervals: dict[Measure, Bounds]
    quality_uj: dict[str, int]


class Compared(msgspec.Struct, frozen=True):
    """An amount of an earlier month as published then, of exactly the same members, and by how much
    this one differs; a difference is None where one of both is not available."""

    month: str
    site_energy_uj: int
    emissions_ug: int | None
    site_energy_difference_uj: int
    emissions_difference_ug: int | None


class Comparisons(msgspec.Struct, frozen=True):
    """With the month before and the same month of the year before; None where it was not published,
    or not with the same members."""

    month_before: Compared | None = None
    year_before: Compared | None = None


class Member(msgspec.Struct, frozen=True):
    """Something of the register that stands in a line: its code, and its name (None: none)."""

    code: str
    name: str | None


class Group(msgspec.Struct, frozen=True):
    """Directorates or projects that are told as one, mostly one by itself. `id` is made of the
    codes of `members`, "" of what no project carries. `of`: of a project, its directorate's `id`.
    """

    id: str
    of: str | None
    members: list[Member]
    told: Told
    compared: Comparisons = Comparisons()


class Unit(msgspec.Struct, frozen=True):
    """A SIA, SIA that stand together, or what is no SIA's, whichever projects carry it. `members`
    are SIA: none of what is no SIA's, and of those that the register does not know. `efficiency`
    and `sci` are told of a SIA by itself."""

    id: str
    kind: UnitKind
    members: list[Member]
    told: Told
    compared: Comparisons = Comparisons()
    efficiency: Efficiency | None = None
    sci: Sci | None = None


class ComponentGroup(msgspec.Struct, frozen=True):
    """Components that are told as one, mostly one by itself."""

    id: str
    members: list[Component]
    coverage: list[Coverage]
    told: Told


class SiteGroup(msgspec.Struct, frozen=True):
    """Sites that are told as one ("": hosts of no site): energy of hosts, and what the sites add to
    it, None where that is not known."""

    id: str
    members: list[Member]
    energy_uj: int
    overhead_uj: int | None


class Line(msgspec.Struct, frozen=True):
    """The atom of a publication: what a group of projects carries of a unit's use of components.
    All else is a sum of lines."""

    project: str
    unit: str
    components: str
    amount: Amount


class MakingTold(msgspec.Struct, frozen=True):
    """The month's part of making the hardware, never added to what its use causes; None where it is
    not known. `hosts_without`: hosts whose hardware nobody declared."""

    month: dict[Making, Spread | None]
    hosts: int
    hosts_without: int
    factors: list[FactorUse]


class BoundaryTold(msgspec.Struct, frozen=True):
    """Hosts by what of them is measured or modelled, and by what nobody measures: unknown."""

    present: list[Component]
    absent: list[Component]
    hosts: int


class Restated(msgspec.Struct, frozen=True):
    """A figure of an earlier month that is another now: of the whole (`units` is empty), or of the
    units that were published then, told together where one of them would tell of a small SIA."""

    units: list[str]
    measure: str
    published: int | None
    known: int | None
    difference: int | None


class CauseTold(msgspec.Struct, frozen=True):
    """Something that figures rest on and that is other than it was, by a word of `restatement`. Of
    what everybody may know (factors, the grid, contracts, PUE and WUE of sites) `id`, `old`, `new`
    and `source`; of the rest how many there are."""

    kind: Kind
    count: int
    id: str | None = None
    old: str | None = None
    new: str | None = None
    source: str = ""


class RestatedMonth(msgspec.Struct, frozen=True):
    """What has changed in an earlier month since it was closed; its publication stays as it is, and
    `known` are the figures from here on. `withheld`: all of the difference is one or two small
    SIA's, and no figure is told."""

    month: str
    number: int
    withheld: bool
    figures: list[Restated]
    causes: list[CauseTold]


class Equivalence(msgspec.Struct, frozen=True):
    """An amount of the whole in another measure of everyday life: `count` of `kind`, each of which
    is `each` of `unit`."""

    kind: Literal["home_electricity", "car_kilometres"]
    measure: Literal["site_energy_uj", "emissions_ug"]
    count: Decimal
    each: Decimal
    unit: str
    source: str


class Recommendation(msgspec.Struct, frozen=True):
    """What could be done, found in the figures, and its effect: at most so much of the month's own
    `site_energy_uj` and `emissions_ug` (None: not known). `of` and `against` are units."""

    kind: Literal["release_idle", "intensity"]
    of: str
    against: str | None
    site_energy_uj: int
    emissions_ug: int | None


class Publication(msgspec.Struct, frozen=True):
    """A month (Europe/Paris) as it was known at `as_of`. `number` counts the service's closed
    months from 1; `previous` is the hash of the one before (None: of the first). `ledgers_root` is
    one root over the last pages of all ledgers that the figures rest on (`merkle`), `ledgers` their
    number. `outside`: how much is done by services outside the house, None where that is withheld.
    `demonstration`: the figures are made up."""

    format: Literal[1]
    number: int
    previous: str | None
    month: str
    start: datetime
    end: datetime
    as_of: datetime
    method_version: str
    zone: str
    demonstration: bool
    ledgers_root: str
    ledgers: int
    total: Told
    compared: Comparisons
    uncertainty: list[Uncertain]
    directorates: list[Group]
    projects: list[Group]
    units: list[Unit]
    components: list[ComponentGroup]
    sites: list[SiteGroup]
    lines: list[Line]
    making: MakingTold | None
    boundaries: list[BoundaryTold]
    gaps: list[GapTotal]
    quarantined_pages: int
    outside: list[Dependence] | None
    restatements: list[RestatedMonth]
    equivalences: list[Equivalence]
    recommendations: list[Recommendation]
    omissions: list[str]
    zones_without_factor: list[str]
    factors: list[FactorUse]
    impacts: list[ImpactUse]
    impact_factors: list[FactorUse]
    views: list[ImpactUse]
    contracts: list[ContractUse]
    grid: list[GridUse]
