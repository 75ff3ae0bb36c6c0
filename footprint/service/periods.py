"""Energies of a time, piece by piece, each met by the grid of its own quarter-hours.

In: a window, the pieces that it is cut into, where hosts stand, and the grid. Out: `Period`s; from
totals where they are up to date, else from pages.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from sqlalchemy import Connection

from footprint.amounts import Cell, Period
from footprint.codes import sia_of
from footprint.grid.hourly import Grid, GridView, Weighed
from footprint.interval import paris_date, to_us
from footprint.service import store_places, store_spent, store_totals
from footprint.service.aliases import NO_ALIASES, Aliases
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
    aliases: Aliases = NO_ALIASES

    @property
    def names(self) -> tuple[str, ...] | None:
        """The codes that their facts may stand under."""
        return None if self.consumers is None else self.aliases.names(self.consumers)


def gather(connection: Connection, asked: Asked, grid: Grid) -> list[Period]:
    """The energies."""
    return [
        Period(
            piece.terms,
            _cells(_named(_spent(connection, asked, piece, grid), asked, piece), grid),
            piece.shares,
        )
        for piece in asked.cut
    ]


def _named(found: Iterable[Spent], asked: Asked, piece: Piece) -> Iterable[Spent]:
    """Each under the code whose it is then; what is of nobody asked for falls out."""
    if not asked.aliases:
        return found
    day = paris_date(piece.interval.start)
    named = (one._replace(key=(asked.aliases.of(one.key[0], day), *one.key[1:])) for one in found)
    consumers = asked.consumers
    return (one for one in named if consumers is None or sia_of(one.key[0]) in consumers)


def _spent(connection: Connection, asked: Asked, piece: Piece, grid: Grid) -> Iterable[Spent]:
    window = msgspec.structs.replace(asked.window, interval=piece.interval)
    if not window.rolled:
        return _stored(connection, window, asked)
    if grid.knows(piece.interval):
        return store_totals.profiles_of(connection, window, asked.names)
    return store_totals.energies(connection, window, asked.names)


def _stored(connection: Connection, window: Window, asked: Asked) -> Iterator[Spent]:
    places = store_places.Places(asked.sites.values())
    hosts = store_spent.hosts(connection) if window.hosts is None else window.hosts
    for part in places.cut(window.interval):
        for site, own in places.groups(hosts, to_us(part.start)).items():
            for first in range(0, len(own), AT_ONCE):
                some = tuple(own[first : first + AT_ONCE])
                of_some = msgspec.structs.replace(window, interval=part, hosts=some)
                yield from store_spent.spent(connection, of_some, site, asked.names)


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
