"""A time cut where anything changes that turns energy into impacts, or whose it is.

In: the factors held, and the register as known at an instant. Out: `Piece`s: within each the terms
of every site and the shares of every SIA hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy import Connection

from footprint import facility, factors
from footprint.applied import ContractUse, FactorUse, PueUse, WueUse
from footprint.facility import NO_SITE, Terms
from footprint.factors import Factor, FactorError
from footprint.impact import INDICATOR_OF
from footprint.interval import Interval, paris_date
from footprint.service import register, store_factors
from footprint.service.register import Dated, Sia, Site

_SUBJECTS = (factors.ELECTRICITY, facility.SITE)


class Piece(msgspec.Struct, frozen=True):
    """A time with the terms by site (`facility.NO_SITE`: hosts of none), and the permille of each
    SIA by project."""

    interval: Interval
    terms: Mapping[str, Terms]
    shares: Mapping[str, Mapping[str, int]]


class Asked(msgspec.Struct, frozen=True):
    """For what, and as known when: hosts of no site have the electricity of `zone`. `daily`: cut at
    every Paris midnight besides."""

    interval: Interval
    zone: str
    as_of: datetime
    daily: bool = False


def gather(
    connection: Connection, asked: Asked, sia: Mapping[str, Sia], sites: Mapping[str, Site]
) -> list[Piece]:
    """The time in pieces. Where a zone has no factor, none applies to the energy of its sites."""
    zones = {asked.zone, *(site.zone for site in sites.values())}
    known = {zone: store_factors.all_factors(connection, zone, _SUBJECTS) for zone in sorted(zones)}
    return [
        Piece(part, _terms(asked, part, known, sites), _shares(sia, part))
        for part in factors.cut_at(asked.interval, _days(known, sia, sites) | _each(asked))
    ]


def _days(
    known: Mapping[str, Iterable[Factor]], sia: Mapping[str, Sia], sites: Mapping[str, Site]
) -> set[date]:
    """The Paris days on which something begins or ends."""
    dated: list[Dated] = [one for item in sia.values() for one in (*item.shares, *item.aliases)]
    dated += [one for site in sites.values() for one in (*site.pue, *site.wue, *site.contracts)]
    edges = {day for one in dated for day in (one.from_, one.to)}
    for of_zone in known.values():
        edges |= {day for one in of_zone for day in (one.valid_from, one.valid_to)}
    return {day for day in edges if day is not None}


def _each(asked: Asked) -> set[date]:
    first, last = paris_date(asked.interval.start), paris_date(asked.interval.end)
    days = range((last - first).days) if asked.daily else ()
    return {first + timedelta(days=number) for number in days}


def _shares(sia: Mapping[str, Sia], part: Interval) -> dict[str, Mapping[str, int]]:
    day = paris_date(part.start)
    return {code: register.permille(item.shares, day) for code, item in sia.items()}


def _terms(
    asked: Asked,
    part: Interval,
    known: Mapping[str, Sequence[Factor]],
    sites: Mapping[str, Site],
) -> dict[str, Terms]:
    day = paris_date(part.start)
    of_zone = {zone: _of_zone(held, zone, day, asked.as_of) for zone, held in known.items()}
    none = of_zone[asked.zone]
    found = {
        NO_SITE: msgspec.structs.replace(
            none.terms,
            pue=facility.assumed(NO_SITE, none.pue),
            market=facility.market([], none.residual),
        )
    }
    for code, site in sites.items():
        own = of_zone[site.zone]
        found[code] = msgspec.structs.replace(
            own.terms,
            pue=_pue(site, day) or facility.assumed(code, own.pue),
            wue=_wue(site, day),
            market=facility.market(_contracts(site, day), own.residual),
        )
    return found


class _OfZone(msgspec.Struct, frozen=True):
    """What the electricity of a zone causes, the PUE that is assumed there, and its residual
    mix."""

    terms: Terms
    pue: FactorUse | None
    residual: FactorUse | None


def _of_zone(held: Sequence[Factor], zone: str, day: date, as_of: datetime) -> _OfZone:
    def applies(
        indicator: str, subject: str = factors.ELECTRICITY, market: str | None = None
    ) -> FactorUse | None:
        method: factors.Method = "market" if market else "location"
        try:
            return factors.applicable(
                held, indicator, zone, method, day, as_of=as_of, subject=subject, basis=market
            )
        except FactorError:
            return None

    others = {name: applies(indicator) for name, indicator in INDICATOR_OF.items()}
    known = {name: use for name, use in others.items() if use}
    return _OfZone(
        Terms(applies("gwp"), others=known, zone=zone),
        applies("pue", facility.SITE),
        applies("gwp", market=factors.RESIDUAL_BASIS),
    )


def _pue(site: Site, day: date) -> PueUse | None:
    for one in site.pue:
        if register.holds(one, day):
            valid = (one.from_, one.to)
            return facility.declared(site.code, one.value, one.document, one.category, valid)
    return None


def _contracts(site: Site, day: date) -> list[ContractUse]:
    return [
        facility.contract(site.code, one.permille, one.g_per_kwh, one.document, (one.from_, one.to))
        for one in site.contracts
        if register.holds(one, day)
    ]


def _wue(site: Site, day: date) -> WueUse | None:
    for one in site.wue:
        if register.holds(one, day):
            valid = (one.from_, one.to)
            return facility.declared_wue(site.code, one.value, one.document, one.category, valid)
    return None
