"""What months of trends have in common whoever asks: servers divided, the grid, who used what.

In: a read connection on rollups that are up to date, and a month. Out: `Common`. Dividing a month
of usage takes a second or more, so that it is kept, without the usage, until anything is added to
the month, the register or the factors.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence, Set
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint.grid.hourly import Grid
from footprint.interval import Interval, month_of, to_us
from footprint.service import (
    archived_facts,
    externals,
    grids,
    pieces,
    servers,
    store_archived,
    store_state,
)
from footprint.service.known import Known
from footprint.service.pieces import Piece
from footprint.service.store_facts import Window
from footprint.shared_figures import Served

MOST_KEPT = 40
"""Months: those of the longest trend, and a few more; with a grid, some 2 MB each."""


class Common(msgspec.Struct, frozen=True):
    """A month's pieces, its grid, its shared servers, and all who used a server or a service
    outside the house."""

    interval: Interval
    cut: list[Piece]
    grid: Grid
    served: list[Served]
    users: frozenset[str]


class Asked(msgspec.Struct, frozen=True):
    """Of which month, with the register, the zone of hosts of no site, and the present; `daily`:
    in pieces of a day at most."""

    interval: Interval
    known: Known
    zone: str
    now: datetime
    daily: bool = False


def gather(connection: Connection, asked: Asked) -> Common:
    """The month, from what is stored."""
    known, aliases = asked.known, asked.known.aliases
    window = Window(asked.interval, to_us(asked.now), rolled=True)
    told = pieces.Asked(asked.interval, asked.zone, asked.now, daily=asked.daily)
    cut = pieces.gather(connection, told, known.sia, known.sites)
    grid = grids.gather(connection, told, known.sites)
    parts = [piece.interval for piece in cut]
    served = servers.gather(
        connection, window, parts, known.servers, known.sites, grid=grid, aliases=aliases
    )
    left = (
        archived_facts.of(connection, month_of(asked.interval.start)) if known.externals else None
    )
    outside = externals.used(connection, window, known.externals, left=left, aliases=aliases)
    users = {consumer for one in served for consumer in one.consumers}
    users |= {one.line.consumer for one in outside}
    return Common(
        asked.interval, cut, grid, [_without_usage(one) for one in served], frozenset(users)
    )


def _without_usage(one: Served) -> Served:
    """Whose energy was what stays; what they asked for it, by far the larger part, does not."""
    split = msgspec.structs.replace(
        one.split, divided=(), asked=dict.fromkeys(one.split.asked, ()), idle_by_quarter_uj={}
    )
    return msgspec.structs.replace(one, split=split)


_Key = tuple[str, bool, tuple[int, ...]]
_Name = tuple[datetime, bool]


class CommonMonths:
    """The months asked for last, each with the state that it was made of. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[_Name, tuple[_Key, Common]] = OrderedDict()

    def get(self, connection: Connection, asked: Sequence[Asked]) -> list[Common]:
        """The months in the state that `connection` sees, gathered where they are not held."""
        left = {one.month for one in store_archived.months(connection)}
        dated = store_state.dated_marks(connection)
        return [self._get(connection, one, left, dated) for one in asked]

    def _get(
        self, connection: Connection, asked: Asked, left: Set[str], dated: tuple[int, ...]
    ) -> Common:
        start, sites = asked.interval.start, asked.known.sites
        zones = {asked.zone, *(site.zone for site in sites.values())}
        marks = store_state.month_marks(connection, asked.interval, asked.known.servers, zones)
        key = (asked.zone, month_of(start) in left, (*dated, *marks))
        with self._lock:
            held = self._held.pop((start, asked.daily), None)
            if held is None or held[0] != key:
                held = (key, gather(connection, asked))
            self._held[start, asked.daily] = held
            while len(self._held) > MOST_KEPT:
                self._held.popitem(last=False)
            return held[1]
