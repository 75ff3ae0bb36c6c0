"""Energies of a time, piece by piece, each met by the grid of its own quarter-hours.

In: a window, the pieces that it is cut into, where hosts stand, and the grid. Out: `Period`s; from
totals where they are up to date, else from pages.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from sqlalchemy import Connection

from footprint.amounts import Cell, Period
from footprint.grid.hourly import Grid, GridView, Weighed
from footprint.interval import to_us
from footprint.service import store_places, store_spent, store_totals
from footprint.service.pieces import Piece
from footprint.service.register import Site
from footprint.service.store_facts import Window
from footprint.service.store_spent import Key, Spent

AT_ONCE = 500
"""Hosts of one query, as in `store_rollups`."""


class Asked(msgspec.Struct, frozen=True):
    """Of which time and hosts, cut how, and of which consumers (None: of all)."""

    window: Window
    cut: list[Piece]
    sites: Mapping[str, Site]
    consumers: tuple[str, ...] | None = None


def gather(connection: Connection, asked: Asked, grid: Grid) -> list[Period]:
    """The energies."""
    return [
        Period(piece.terms, _cells(_spent(connection, asked, piece, grid), grid), piece.shares)
        for piece in asked.cut
    ]


def _spent(connection: Connection, asked: Asked, piece: Piece, grid: Grid) -> Iterable[Spent]:
    window = msgspec.structs.replace(asked.window, interval=piece.interval)
    if not window.rolled:
        return _stored(connection, window, asked)
    if grid.knows(piece.interval):
        return store_totals.profiles_of(connection, window, asked.consumers)
    return store_totals.energies(connection, window, asked.consumers)


def _stored(connection: Connection, window: Window, asked: Asked) -> Iterator[Spent]:
    places = store_places.Places(asked.sites.values())
    hosts = store_spent.hosts(connection) if window.hosts is None else window.hosts
    for part in places.cut(window.interval):
        for site, own in places.groups(hosts, to_us(part.start)).items():
            for first in range(0, len(own), AT_ONCE):
                some = tuple(own[first : first + AT_ONCE])
                of_some = msgspec.structs.replace(window, interval=part, hosts=some)
                yield from store_spent.spent(connection, of_some, site, asked.consumers)


def _cells(found: Iterable[Spent], grid: Grid) -> list[Cell]:
    energies_uj: Counter[tuple[Key, str]] = Counter()
    weighed: dict[tuple[Key, str], dict[GridView, list[int]]] = {}
    for key, site, energy_uj, start_us, profile_uj in found:
        energies_uj[key, site] += energy_uj
        for view, one in grid.weigh(site, start_us, profile_uj).items():
            sums = weighed.setdefault((key, site), {}).setdefault(view, [0, 0])
            sums[0] += one.uj_ug_per_kwh
            sums[1] += one.known_uj
    return [
        Cell(
            *key,
            energies_uj[key, site],
            site=site,
            seen={view: Weighed(*sums) for view, sums in weighed.get((key, site), {}).items()},
        )
        for key, site in sorted(energies_uj)
    ]
