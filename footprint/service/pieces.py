"""A time cut where anything changes that turns energy into impacts, or whose it is.

In: the factors held, and the register as known at an instant. Out: `Piece`s: within each the terms
of every site and the shares of every SIA hold.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec
from sqlalchemy import Connection

from footprint import facility, factors
from footprint.applied import FactorUse, PueUse
from footprint.facility import NO_SITE, Terms
from footprint.factors import Factor
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
        piece.terms[NO_SITE].key[0] for piece in pieces if piece.terms[NO_SITE].factor
    }
    return [used[name] for name in sorted(cited)]


def pues_in(pieces: Iterable[Piece], used: Container[str]) -> list[PueUse]:
    """What sites add that is `used`, by its id; in order."""
    found = {terms.pue.id: terms.pue for piece in pieces for terms in piece.terms.values()}
    return [found[name] for name in sorted(found) if name in used]


def _days(
    known: Mapping[str, Iterable[Factor]], sia: Mapping[str, Sia], sites: Mapping[str, Site]
) -> set[date]:
    """The Paris days on which something begins or ends."""
    dated: list[Dated] = [share for item in sia.values() for share in item.shares]
    dated += [pue for site in sites.values() for pue in site.pue]
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
    found = {
        NO_SITE: Terms(
            factors.headline(of_none, asked.zone, day, as_of),
            facility.assumed(of_none, NO_SITE, asked.zone, day, as_of=as_of),
        )
    }
    headline = {zone: _headline(held, zone, day, as_of) for zone, held in known.items()}
    for code, site in sites.items():
        own = _declared(site, day)
        found[code] = Terms(
            headline[site.zone],
            own or facility.assumed(known[site.zone], code, site.zone, day, as_of=as_of),
        )
    return found


def _headline(held: Sequence[Factor], zone: str, day: date, as_of: datetime) -> FactorUse | None:
    try:
        return factors.headline(held, zone, day, as_of)
    except factors.FactorError:
        return None


def _declared(site: Site, day: date) -> PueUse | None:
    for one in site.pue:
        if register.holds(one, day):
            valid = (one.from_, one.to)
            return facility.declared(site.code, one.value, one.document, one.category, valid)
    return None
