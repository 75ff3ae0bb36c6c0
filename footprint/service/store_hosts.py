"""SQL of a month host by host: energies by cell, and pages by what became of them.

In: a window, and after which host to go on. Out: `HostMonth`s in the order of hosts.
"""

from collections import defaultdict

import msgspec
from sqlalchemy import Connection, func, select

from footprint.attribution import Part
from footprint.ledger import Component, Quality
from footprint.service import store_facts, tables
from footprint.service.store_facts import Window

_ENTRY = tables.table(tables.Entry)
_HEAD = tables.table(tables.LedgerHead)
_PAGE = tables.table(tables.Page)
_UJ_PER_J = 1_000_000


class HostEnergy(msgspec.Struct, frozen=True):
    """Energy of one consumer on one component of a host, of one part and quality."""

    consumer: str
    component: Component
    part: Part
    quality: Quality
    energy_uj: int


class HostMonth(msgspec.Struct, frozen=True):
    """A host's pages that start in a month, accepted and quarantined, and what the accepted ones
    add up to."""

    host_id: str
    accepted_pages: int
    quarantined_pages: int
    energies: list[HostEnergy]


def months(connection: Connection, window: Window, after: str, limit: int) -> list[HostMonth]:
    """Of at most `limit` hosts whose codes come after `after`."""
    query = select(_HEAD.c.host_id).distinct().where(_HEAD.c.host_id > after)
    hosts = connection.execute(query.order_by(_HEAD.c.host_id).limit(limit)).scalars().all()
    if not hosts:
        return []
    of_hosts = msgspec.structs.replace(window, hosts=tuple(hosts))
    energies, pages = _energies(connection, of_hosts), _pages(connection, of_hosts)
    return [
        HostMonth(
            host_id,
            pages.get((host_id, "accepted"), 0),
            pages.get((host_id, "quarantined"), 0),
            energies.get(host_id, []),
        )
        for host_id in hosts
    ]


def _energies(connection: Connection, window: Window) -> dict[str, list[HostEnergy]]:
    keys = (
        _ENTRY.c.host_id,
        _ENTRY.c.consumer,
        _ENTRY.c.component,
        _ENTRY.c.part,
        _ENTRY.c.quality,
    )
    query = (
        select(
            *keys,
            # Apart, as in store_facts: a sum of microjoules can be more than SQLite's SUM holds.
            func.sum(_ENTRY.c.energy_uj // _UJ_PER_J).label("joules"),
            func.sum(_ENTRY.c.energy_uj % _UJ_PER_J).label("rest_uj"),
        )
        .select_from(store_facts.known(window, _ENTRY))
        .where(store_facts.begins_in(window, _ENTRY))
        .group_by(*keys)
        .order_by(*keys)
    )
    found: defaultdict[str, list[HostEnergy]] = defaultdict(list)
    for row in connection.execute(query):
        energy_uj = int(row.joules) * _UJ_PER_J + int(row.rest_uj)
        found[row.host_id].append(
            HostEnergy(row.consumer, row.component, row.part, row.quality, energy_uj)
        )
    return found


def _pages(connection: Connection, window: Window) -> dict[tuple[str, str], int]:
    keys = (_PAGE.c.host_id, _PAGE.c.state)
    query = (
        select(*keys, func.count().label("pages"))
        .where(store_facts.begins_in(window, _PAGE), _PAGE.c.known_from_us <= window.as_of_us)
        .group_by(*keys)
    )
    return {(row.host_id, row.state): row.pages for row in connection.execute(query)}
