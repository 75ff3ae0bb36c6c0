"""SQL of energies by quarter-hour, as pages have them.

In: a window, and the site where its hosts stand. Out: `Spent`. Sums are taken as in `store_facts`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from footprint import codes
from footprint.attribution import Part
from footprint.interval import QUARTER_HOUR_SECONDS
from footprint.ledger import Component, Quality
from footprint.service import store_facts, tables
from footprint.service.store_among import one_of
from footprint.service.store_facts import Window

_ENTRY = tables.table(tables.Entry)
_UJ_PER_J = 1_000_000
_QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000

Key = tuple[str, Component, Part, Quality]
"""Consumer, component, part and quality."""


class Spent(NamedTuple):
    """Energy at a site, and where that is known by quarter-hour from an instant on."""

    key: Key
    site: str
    energy_uj: int
    start_us: int = 0
    profile_uj: Sequence[int] = ()


def spent(
    connection: Connection, window: Window, site: str, consumers: tuple[str, ...] | None = None
) -> Iterator[Spent]:
    """Energies of `consumers` (None: all) in each quarter-hour of the window, whose hosts stand at
    `site`."""
    quarter_us = _ENTRY.c.start_us - _ENTRY.c.start_us % _QUARTER_US
    keys = (_ENTRY.c.consumer, _ENTRY.c.component, _ENTRY.c.part, _ENTRY.c.quality)
    query = (
        select(
            *keys,
            quarter_us,
            func.sum(_ENTRY.c.energy_uj // _UJ_PER_J),
            func.sum(_ENTRY.c.energy_uj % _UJ_PER_J),
        )
        .select_from(store_facts.known(window, _ENTRY))
        .where(store_facts.begins_in(window, _ENTRY))
        .group_by(*keys, quarter_us)
    )
    if consumers is not None:
        query = query.where(one_of(_ENTRY.c.consumer, codes.in_phases(consumers)))
    for row in connection.execute(query):
        energy_uj = int(row[5]) * _UJ_PER_J + int(row[6])
        yield Spent(row[:4], site, energy_uj, row[4], (energy_uj,))


def hosts(connection: Connection) -> list[str]:
    """The hosts that ever sent a page, in order."""
    return sorted(row.host_id for row in connection.execute(store_facts.every_host()))
