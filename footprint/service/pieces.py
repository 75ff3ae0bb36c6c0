"""A time cut where anything changes that turns energy into impacts, or whose it is.

In: the factors held, and the register as known at an instant. Out: `Piece`s: within each the terms
of every site and the shares of every SIA hold.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

import msgspec
from sqlalchemy import Connection

from footprint import facility, factors
from footprint.applied import FactorUse, Impact, ImpactUse, PueUse, WueUse
from footprint.facility import NO_SITE, Terms
from footprint.factors import Factor, FactorError
from footprint.impact import INDICATOR_OF
from footprint.interval import Interval, paris_date
from footprint.service import register, store_factors
from footprint.service.register import Dated, Sia, Site
from footprint.statement import Line


class Piece(msgspec.Struct, frozen=True):
    """A time with the terms by site (`facility.NO_SITE`: hosts of none), and the permille of each
    SIA by project."""

    interval: Interval
    terms: Mapping[str, Terms]
    shares: Mapping[str, Mapping[str, int]]


class Asked(msgspec.Struct, frozen=True):
    """For what, and as known when: hosts of no site have the electricity of `zone`."""

    interval: Interval
    zone: str
    as_of: datetime


def gather(
    connection: Connection, asked: Asked, sia: Mapping[str, Sia], sites: Mapping[str, Site]
) -> list[Piece]:
    """The time in pieces. Raises FactorError where hosts of no site have no headline factor; where
    a site's zone has none, none applies to its energy."""
    zones = {asked.zone, *(site.zone for site in sites.values())}
    known = {zone: store_factors.all_factors(connection, zone) for zone in sorted(zones)}
    return [
        Piece(part, _terms(asked, part, known, sites), _shares(sia, part))
        for part in factors.cut_at(asked.interval, _days(known, sia, sites))
    ]


def without_factors(asked: Asked, sia: Mapping[str, Sia], sites: Iterable[str]) -> list[Piece]:
    """The time in pieces where no factor applies and no PUE: for energies alone."""
    terms = {site: Terms(None, facility.unknown(site)) for site in (NO_SITE, *sites)}
    days = _days({}, sia, {})
    return [Piece(part, terms, _shares(sia, part)) for part in factors.cut_at(asked.interval, days)]


def factors_in(pieces: Sequence[Piece], lines: Iterable[Line]) -> list[FactorUse]:
    """The factors that lines cite, in order; without lines, those that would apply to hosts of no
    site."""
    used = {
        terms.factor.id: terms.factor
        for piece in pieces
        for terms in piece.terms.values()
        if terms.factor
    }
    cited = {name for line in lines for name in line.figure.factors} or {
        use.id for piece in pieces if (use := piece.terms[NO_SITE].factor)
    }
    return [used[name] for name in sorted(cited)]


def pues_in(pieces: Iterable[Piece], used: Container[str]) -> list[PueUse]:
    """What sites add that is `used`, by its id; in order."""
    found = {terms.pue.id: terms.pue for piece in pieces for terms in piece.terms.values()}
    return [found[name] for name in sorted(found) if name in used]


class Impacts(msgspec.Struct, frozen=True):
    """What impacts beside greenhouse gases rest on: for each what it has and lacks, and the factors
    and WUE themselves, in order."""

    uses: list[ImpactUse]
    factors: list[FactorUse]
    wues: list[WueUse]


def impacts_in(pieces: Iterable[Piece], used: Container[str]) -> Impacts:
    """Of the sites and times with energy, whose PUE is `used`."""
    own = [
        (site, terms)
        for piece in pieces
        for site, terms in piece.terms.items()
        if terms.pue.id in used
    ]
    found = {use.id: use for _, terms in own for use in terms.others.values()}
    wues = {terms.wue.id: terms.wue for _, terms in own if terms.wue}
    uses = [_impact(name, own) for name in INDICATOR_OF]
    uses.append(
        ImpactUse(
            "water_site_ul",
            sorted(wues),
            [],
            sorted({site for site, terms in own if terms.wue is None}),
        )
    )
    return Impacts(
        uses, [found[name] for name in sorted(found)], [wues[name] for name in sorted(wues)]
    )


def _impact(name: Impact, own: Iterable[tuple[str, Terms]]) -> ImpactUse:
    """An impact of the electricity of zones."""
    cited, lacking = set(), set()
    for _, terms in own:
        if use := terms.others.get(name):
            cited.add(use.id)
        else:
            lacking.add(terms.zone)
    return ImpactUse(name, sorted(cited), sorted(lacking), [])


def _days(
    known: Mapping[str, Iterable[Factor]], sia: Mapping[str, Sia], sites: Mapping[str, Site]
) -> set[date]:
    """The Paris days on which something begins or ends."""
    dated: list[Dated] = [share for item in sia.values() for share in item.shares]
    dated += [one for site in sites.values() for one in (*site.pue, *site.wue)]
    edges = {day for one in dated for day in (one.from_, one.to)}
    for of_zone in known.values():
        used = (one for one in of_zone if one.subject in (factors.ELECTRICITY, facility.SITE))
        edges |= {day for one in used for day in (one.valid_from, one.valid_to)}
    return {day for day in edges if day is not None}


def _shares(sia: Mapping[str, Sia], part: Interval) -> dict[str, Mapping[str, int]]:
    day = paris_date(part.start)
    return {code: register.permille(item.shares, day) for code, item in sia.items()}


def _terms(
    asked: Asked,
    part: Interval,
    known: Mapping[str, Sequence[Factor]],
    sites: Mapping[str, Site],
) -> dict[str, Terms]:
    day, as_of = paris_date(part.start), asked.as_of
    of_none = known[asked.zone]
    factors.headline(of_none, asked.zone, day, as_of)  # without one there are no figures
    of_zone = {zone: _of_zone(held, zone, day, as_of) for zone, held in known.items()}
    found = {
        NO_SITE: msgspec.structs.replace(
            of_zone[asked.zone],
            pue=facility.assumed(of_none, NO_SITE, asked.zone, day, as_of=as_of),
        )
    }
    for code, site in sites.items():
        found[code] = msgspec.structs.replace(
            of_zone[site.zone],
            pue=_pue(site, day)
            or facility.assumed(known[site.zone], code, site.zone, day, as_of=as_of),
            wue=_wue(site, day),
        )
    return found


def _of_zone(held: Sequence[Factor], zone: str, day: date, as_of: datetime) -> Terms:
    """What the electricity of a zone causes."""
    others: dict[Impact, FactorUse] = {}
    for name, indicator in INDICATOR_OF.items():
        with suppress(FactorError):
            others[name] = factors.applicable(held, indicator, zone, "location", day, as_of=as_of)
    headline = None
    with suppress(FactorError):
        headline = factors.headline(held, zone, day, as_of)
    return Terms(headline, others=others, zone=zone)


def _pue(site: Site, day: date) -> PueUse | None:
    for one in site.pue:
        if register.holds(one, day):
            valid = (one.from_, one.to)
            return facility.declared(site.code, one.value, one.document, one.category, valid)
    return None


def _wue(site: Site, day: date) -> WueUse | None:
    for one in site.wue:
        if register.holds(one, day):
            valid = (one.from_, one.to)
            return facility.declared_wue(site.code, one.value, one.document, one.category, valid)
    return None
