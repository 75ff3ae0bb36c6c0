"""SQL of who used which host with how much energy: of its boards, and the rest.

In: a window; from rollups where they are up to date, else from pages. Out: `Uses`, in millijoules:
microjoules of a day may be more than a database's integer holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, case, func, select

from footprint.codes import sia_of
from footprint.embodied import Used, Uses
from footprint.interval import to_us
from footprint.service import store_facts, tables, tables_rollups
from footprint.service.store_facts import Window

_ENTRY = tables.table(tables.Entry)
_USE = tables.table(tables_rollups.HostDayUse)
_BOARDS = _ENTRY.c.component == "gpu"
_ENERGY_MJ = _ENTRY.c.energy_uj // 1000
AT_ONCE = 500
"""Hosts of one query."""


def uses(connection: Connection, window: Window, hosts: Sequence[str]) -> Uses:
    """Of `hosts`, in the window."""
    found: dict[str, dict[str, Used]] = defaultdict(dict)
    for first in range(0, len(hosts), AT_ONCE):
        some = hosts[first : first + AT_ONCE]
        rows = (
            _rolled(connection, window, some) if window.rolled else _paged(connection, window, some)
        )
        for host_id, consumer, boards_mj, rest_mj in rows:
            sia, own = sia_of(consumer), found[host_id]
            before = own.get(sia, Used(0, 0))
            own[sia] = Used(before.boards_mj + int(boards_mj), before.rest_mj + int(rest_mj))
    return found


def _rolled(
    connection: Connection, window: Window, hosts: Iterable[str]
) -> Iterable[tuple[str, str, int, int]]:
    keys = (_USE.c.host_id, _USE.c.consumer)
    query = (
        select(*keys, func.sum(_USE.c.boards_mj), func.sum(_USE.c.rest_mj))
        .where(
            _USE.c.host_id.in_(hosts),
            _USE.c.day_us >= to_us(window.interval.start),
            _USE.c.day_us < to_us(window.interval.end),
        )
        .group_by(*keys)
    )
    return (tuple(row) for row in connection.execute(query))


def _paged(
    connection: Connection, window: Window, hosts: Iterable[str]
) -> Iterable[tuple[str, str, int, int]]:
    keys = (_ENTRY.c.host_id, _ENTRY.c.consumer)
    query = (
        select(
            *keys,
            func.sum(case((_BOARDS, _ENERGY_MJ), else_=0)),
            func.sum(case((_BOARDS, 0), else_=_ENERGY_MJ)),
        )
        .select_from(store_facts.known(window, _ENTRY))
        .where(
            _ENTRY.c.host_id.in_(hosts),
            _ENTRY.c.start_us >= to_us(window.interval.start),
            _ENTRY.c.start_us < to_us(window.interval.end),
        )
        .group_by(*keys)
    )
    return (tuple(row) for row in connection.execute(query))
