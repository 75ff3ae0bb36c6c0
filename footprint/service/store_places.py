"""SQL of where hosts stand: the register's sites as one row a stay, which totals are summed by.

In: the sites as they are now. Out: rows of `host_site`, and marks for the days that a change moves
from one site to another. What is known as of a past instant is asked of the register itself
(`Places`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from sqlalchemy import Connection, delete, select

from footprint.facility import NO_SITE
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


class Places:
    """Where hosts stand, as the register says at an instant."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._stays: dict[str, list[Stay]] = defaultdict(list)
        for stay in stays(sites):
            self._stays[stay[0]].append(stay)

    def of(self, host_id: str, at_us: int) -> str:
        """The site where a host stands; `NO_SITE` where it stands at none."""
        for _, from_us_, until_us, site in self._stays.get(host_id, ()):
            if from_us_ <= at_us < until_us:
                return site
        return NO_SITE

    def groups(self, hosts: Iterable[str], at_us: int) -> dict[str, list[str]]:
        """`hosts` by the site where each stands at an instant."""
        found: dict[str, list[str]] = defaultdict(list)
        for host_id in hosts:
            found[self.of(host_id, at_us)].append(host_id)
        return found

    def cut(self, interval: Interval) -> list[Interval]:
        """`interval` in parts in which every host stands where it stands."""
        start_us, end_us = to_us(interval.start), to_us(interval.end)
        edges = {at_us for own in self._stays.values() for stay in own for at_us in stay[1:3]}
        inner = (at_us for at_us in edges if start_us < at_us < end_us)
        ordered = [start_us, *sorted(inner), end_us]
        return [Interval(from_us(start), from_us(end)) for start, end in pairwise(ordered)]


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
