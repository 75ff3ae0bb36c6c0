"""What figures rest on, with everything needed to dispute them; and what lacks (law 5).

In: the terms of the sites and times whose energy is in the figures (`amounts.standing`). Out:
`Cited`. Nothing is named here that no energy met.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from footprint.applied import ContractUse, FactorUse, GridUse, Impact, ImpactUse, PueUse, WueUse
from footprint.facility import Terms
from footprint.grid.day import INCLUDES
from footprint.grid.hourly import GRID_VIEWS, Grid, GridView
from footprint.impact import INDICATOR_OF

VIEW_INCLUDES: dict[GridView, list[str]] = {
    "hourly_direct": INCLUDES["direct"],
    "hourly_life_cycle": INCLUDES["life_cycle"],
}


class Cited(msgspec.Struct, frozen=True):
    """Each list in the order of ids. `zones_without_factor`: of whose energy greenhouse gases are
    not available. `impacts`, `views`: what each has and lacks, and `impact_factors` those of both.
    """

    factors: list[FactorUse]
    zones_without_factor: list[str]
    pues: list[PueUse]
    impacts: list[ImpactUse]
    impact_factors: list[FactorUse]
    wues: list[WueUse]
    views: list[ImpactUse]
    contracts: list[ContractUse]
    grid: list[GridUse]


def cited(
    standing: Iterable[tuple[str, Terms]],
    otherwise: Iterable[Terms] = (),
    grid: Grid | None = None,
) -> Cited:
    """What energy of these sites under these terms, and the `grid` by quarter-hour, rests on; where
    there is none, the factors of `otherwise` are those that would apply."""
    own = list(standing)
    terms = [one for _, one in own]
    gases = terms or list(otherwise)
    grid = grid or Grid()
    by_view = grid.factors(site for site, _ in own)
    return Cited(
        factors=_uses(one.factor for one in gases),
        zones_without_factor=sorted({one.zone for one in gases if one.factor is None}),
        pues=_pues(one.pue for one in terms),
        impacts=[*(_of_zones(name, terms) for name in INDICATOR_OF), _of_sites(own)],
        impact_factors=_uses([*_beside(terms), *chain.from_iterable(by_view.values())]),
        wues=_wues(terms),
        views=[_of_market(terms), *(_of_grid(view, by_view[view], own) for view in GRID_VIEWS)],
        contracts=_contracts(terms),
        grid=grid.uses(site for site, _ in own),
    )


def _uses(found: Iterable[FactorUse | None]) -> list[FactorUse]:
    """One that applied provisionally at any time is said to be provisional."""
    uses: dict[str, FactorUse] = {}
    for use in found:
        if use is not None and (use.provisional or use.id not in uses):
            uses[use.id] = use
    return [uses[name] for name in sorted(uses)]


def _pues(found: Iterable[PueUse]) -> list[PueUse]:
    """As with factors."""
    pues: dict[str, PueUse] = {}
    for pue in found:
        if pue.provisional or pue.id not in pues:
            pues[pue.id] = pue
    return [pues[name] for name in sorted(pues)]


def _wues(terms: Iterable[Terms]) -> list[WueUse]:
    wues = {one.wue.id: one.wue for one in terms if one.wue}
    return [wues[name] for name in sorted(wues)]


def _of_zones(name: Impact, terms: Iterable[Terms]) -> ImpactUse:
    """An impact of the electricity of zones."""
    has, lacks = set(), set()
    for one in terms:
        if use := one.others.get(name):
            has.add(use.id)
        else:
            lacks.add(one.zone)
    return ImpactUse(name, sorted(has), sorted(lacks), [])


def _of_sites(own: Sequence[tuple[str, Terms]]) -> ImpactUse:
    """Water that sites use themselves."""
    has = [one.id for one in _wues(terms for _, terms in own)]
    lacks = sorted({site for site, terms in own if terms.wue is None})
    return ImpactUse("water_site_ul", has, [], lacks)


def _beside(terms: Iterable[Terms]) -> Iterator[FactorUse | None]:
    """The factors of what stands beside greenhouse gases, but for those of the grid."""
    for one in terms:
        yield from one.others.values()
        if one.market:
            yield one.market.residual


def _of_grid(
    view: GridView, uses: Iterable[FactorUse], own: Iterable[tuple[str, Terms]]
) -> ImpactUse:
    """By quarter-hour: what lacks are quarter-hours, which each figure's view counts itself; here
    zones of whose grid nothing is known."""
    found = list(uses)
    known = {use.zone for use in found}
    lacks = {terms.zone for _, terms in own} - known
    ids = sorted({use.id for use in found})
    return ImpactUse(view, ids, sorted(lacks), [], VIEW_INCLUDES[view])


def _contracts(terms: Iterable[Terms]) -> list[ContractUse]:
    found = {use.id: use for one in terms if one.market for use in one.market.contracts}
    return [found[name] for name in sorted(found)]


def _of_market(terms: Iterable[Terms]) -> ImpactUse:
    """By what is bought; where contracts are not all of it the zone's residual mix is needed."""
    has: set[str] = set()
    lacks = set()
    for one in terms:
        if one.market is None:
            lacks.add(one.zone)
            continue
        has |= {use.id for use in one.market.contracts}
        if one.market.residual:
            has.add(one.market.residual.id)
    return ImpactUse("market", sorted(has), sorted(lacks), [], INCLUDES["direct"])
