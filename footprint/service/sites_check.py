"""What sites must hold, within themselves and against each other.

In: sites that are to be taken over, and those held. Out: nothing, or the first thing that cannot
be, with its place and the remedy.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from footprint.factors import LEAST_PUE, MOST_PUE
from footprint.interval import check_day
from footprint.service.errors import Place
from footprint.service.register import WHOLE, Contract, Dated, RegisterError, Site, holds

MOST_WUE = Decimal(100)
"""Litres per kWh: evaporating all of a kilowatt-hour's heat takes 1.5."""
MOST_G_PER_KWH = Decimal(2000)
FINEST = 6
"""Decimals of a value."""


def check(sites: Sequence[Site], held: Iterable[Site]) -> None:
    """Raise RegisterError where a value cannot be, days run backwards or overlap, contracts are
    more than all of a site's electricity, or a host stands at two sites on one day."""
    for index, site in enumerate(sites):
        place: Place = ("sites", index)
        for name in ("hosts", "pue", "wue", "contracts"):
            for position, one in enumerate(getattr(site, name)):
                _check_days(site, one, (*place, name, position))
        for name, least, most in (("pue", LEAST_PUE, MOST_PUE), ("wue", Decimal(0), MOST_WUE)):
            dated = getattr(site, name)
            for position, one in enumerate(dated):
                _check_number(
                    site, name, one.value, (least, most), (*place, name, position, "value")
                )
            _check_disjoint(site, name, dated, place)
        _check_contracts(site, place)
    told = {site.code for site in sites}
    _check_hosts([*sites, *(site for site in held if site.code not in told)], len(sites))


def _check_days(site: Site, one: Dated, place: Place) -> None:
    for name, day in (("from", one.from_), ("to", one.to)):
        try:
            if day is not None:
                check_day(day)
        except ValueError as error:
            raise RegisterError(
                f"site {site.code}: `{name}` {error}; leave it out for no limit", (*place, name)
            ) from error
    if one.from_ and one.to and one.to <= one.from_:
        raise RegisterError(
            f"site {site.code}: `to` {one.to} is not after `from` {one.from_}", (*place, "to")
        )


def _check_number(
    site: Site, name: str, value: Decimal, allowed: tuple[Decimal, Decimal], place: Place
) -> None:
    least, most = allowed
    exponent = value.as_tuple().exponent
    fine = isinstance(exponent, int) and exponent >= -FINEST
    if not (fine and least <= value <= most):
        shown = str(value)[:40]
        raise RegisterError(
            f"site {site.code}: {name}: {shown} is not between {least} and {most} with {FINEST} "
            "decimals at most",
            place,
        )


def _span(one: Dated) -> tuple[date, date]:
    return one.from_ or date.min, one.to or date.max


def _check_disjoint(site: Site, name: str, dated: Sequence[Dated], place: Place) -> None:
    """Two values on one day: nobody could say which holds."""
    spans = sorted((*_span(one), index) for index, one in enumerate(dated))
    for (_, end, _), (start, _, index) in pairwise(spans):
        if start < end:
            raise RegisterError(
                f"site {site.code}: {name}: two values hold on {start}; end one with `to`",
                (*place, name, index),
            )


def _check_contracts(site: Site, place: Place) -> None:
    contracts: list[Contract] = site.contracts
    for position, one in enumerate(contracts):
        _check_number(
            site,
            "g_per_kwh",
            one.g_per_kwh,
            (Decimal(0), MOST_G_PER_KWH),
            (*place, "contracts", position, "g_per_kwh"),
        )
    for day in sorted({one.from_ or date.min for one in contracts}):
        whole = sum(one.permille for one in contracts if holds(one, day))
        if whole > WHOLE:
            since = "" if day == date.min else f" from {day} on"
            raise RegisterError(
                f"site {site.code}: contracts add up to {whole} permille{since}, more than {WHOLE}",
                (*place, "contracts"),
            )


def _check_hosts(sites: Sequence[Site], told: int) -> None:
    """A host stands in one place at a time; the first `told` sites have places in the file."""
    stays: dict[str, list[tuple[date, date, int, int]]] = {}
    for index, site in enumerate(sites):
        for position, stay in enumerate(site.hosts):
            stays.setdefault(stay.host, []).append((*_span(stay), index, position))
    for host, found in stays.items():
        found.sort()
        for before, after in pairwise(found):
            if after[0] < before[1]:
                new, other = (after, before) if after[2] < told else (before, after)
                raise RegisterError(
                    f"site {sites[new[2]].code}: host {host!r} stands at site "
                    f"{sites[other[2]].code!r} too on {_shown(after[0])}; end one with `to`",
                    ("sites", new[2], "hosts", new[3]),
                )


def _shown(day: date) -> str:
    return "every day" if day == date.min else str(day)
