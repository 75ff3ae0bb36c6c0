"""SQL of where hosts stand: the register's sites as one row a stay, which totals are summed by.

In: the sites as they are now. Out: rows of `host_site`, and marks for the days that a change moves
from one site to another. What is known as of a past instant is asked of the register itself
(`stays`).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec
from sqlalchemy import Connection, delete, select

from footprint.interval import (
    FIRST_DAY,
    LAST_DAY,
    Interval,
    from_us,
    paris_day,
    paris_midnight,
    to_us,
)
from footprint.service import store_bulk, store_rollups, tables, tables_rollups
from footprint.service.register import Site
from footprint.service.store_facts import Window

_PLACE = tables.table(tables_rollups.HostSite)
EVER_US, NEVER_US = to_us(paris_midnight(FIRST_DAY)), to_us(paris_day(LAST_DAY).end)
MARK = "register"
"""Stands for a ledger in marks that no page makes."""

Stay = tuple[str, int, int, str]
"""Host, from and until in microseconds since 1970, site."""


def stays(sites: Iterable[Site]) -> list[Stay]:
    """Every stay of every host, in order."""
    return sorted(
        (
            stay.host,
            to_us(paris_midnight(stay.from_)) if stay.from_ else EVER_US,
            to_us(paris_midnight(stay.to)) if stay.to else NEVER_US,
            site.code,
        )
        for site in sites
        for stay in site.hosts
    )


def placed(window: Window, sites: Iterable[Site]) -> list[Window]:
    """A window in parts, each of the hosts of one site over a time in which they are the same; what
    stands at no site is a part too."""
    start_us, end_us = to_us(window.interval.start), to_us(window.interval.end)
    own = [stay for stay in stays(sites) if stay[1] < end_us and stay[2] > start_us]
    edges = {start_us, end_us} | {
        at_us for stay in own for at_us in stay[1:3] if start_us < at_us < end_us
    }
    return [
        part
        for from_us_, until_us in pairwise(sorted(edges))
        for part in _standing(
            msgspec.structs.replace(
                window, interval=Interval(from_us(from_us_), from_us(until_us))
            ),
            [stay for stay in own if stay[1] <= from_us_ and stay[2] >= until_us],
        )
    ]


def _standing(window: Window, own: Iterable[Stay]) -> list[Window]:
    """A time in which every host stands where it stands."""
    of_site: dict[str, list[str]] = {}
    for host_id, _, _, site in own:
        if window.hosts is None or host_id in window.hosts:
            of_site.setdefault(site, []).append(host_id)
    elsewhere = tuple(host_id for hosts in of_site.values() for host_id in hosts)
    parts = [msgspec.structs.replace(window, without=elsewhere)]
    return parts + [
        msgspec.structs.replace(window, hosts=tuple(hosts), site=site)
        for site, hosts in of_site.items()
    ]


def held(connection: Connection) -> list[Stay]:
    """What totals were summed by."""
    query = select(_PLACE).order_by(_PLACE.c.host_id, _PLACE.c.from_us)
    return [tuple(row) for row in connection.execute(query)]


def settle(connection: Connection, sites: Mapping[str, Site], known_us: int) -> None:
    """Bring the rows in line with the sites as they are now; days on which a host was elsewhere, or
    nowhere, are summed again."""
    before, after = set(held(connection)), set(stays(sites.values()))
    changed = before ^ after
    if not changed:
        return
    connection.execute(delete(_PLACE))
    store_bulk.insert(connection, _PLACE, sorted(after))
    from_us = min(stay[1] for stay in changed)
    until_us = max(stay[2] for stay in changed)
    store_rollups.mark_days(connection, from_us, until_us, (MARK, known_us))
