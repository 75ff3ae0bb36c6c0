"""Gathers the platform of a month from node meters and pages, a day at a time.

In: a read connection and a window. Out: the statement's `Platform`. One day of the hosts that have
a node meter is held in memory at once.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from footprint import nodes, platform_model
from footprint.interval import Interval, paris_date, paris_day, to_us
from footprint.nodes import DeviceKey, Span
from footprint.platform_figures import Platform
from footprint.platform_model import Unmetered
from footprint.service import covers, likenesses, store_facts, store_nodes, store_totals
from footprint.service.covers import Cover
from footprint.service.store_facts import Window
from footprint.wall import Wall


def gather(
    connection: Connection,
    window: Window,
    hosts: Iterable[str],
    cover: Cover,
) -> Platform:
    """The platform over the window's days; `hosts` are those that have figures in it, `cover` says
    how long each is covered."""
    wall = Wall()
    everywhere = msgspec.structs.replace(window, hosts=None)
    expected_us = {
        key: fact.first_us for key, fact in store_facts.devices(connection, everywhere).items()
    }
    day = paris_date(window.interval.start)
    while (interval := paris_day(day)).start < window.interval.end:
        _add_day(connection, wall, interval, window.as_of_us, expected_us)
        day += timedelta(days=1)
    return _beside(connection, window, wall, wall.platform(hosts), cover)


def _beside(
    connection: Connection,
    window: Window,
    wall: Wall,
    platform: Platform,
    cover: Cover,
) -> Platform:
    """The platform with what is known of the hosts that no meter sees."""
    hosts = platform.unmetered_hosts
    if not hosts:
        return platform
    facts = store_totals if window.rolled else store_nodes
    energies_uj = facts.components_uj(connection, window, hosts)
    covered_us = covers.by_host(connection, window, cover, hosts)
    unmetered = {
        host: Unmetered(energies_uj.get(host, 0), covered_us.get(host, 0)) for host in hosts
    }
    metered = {day.host_id for day in wall.host_days}
    likenesses_of = (
        likenesses.gather(connection, window, sorted({*hosts, *metered})) if metered else {}
    )
    return msgspec.structs.replace(
        platform,
        unmetered_components_uj=sum(energies_uj.values()),
        modelled=platform_model.modelled(wall.host_days, likenesses_of, unmetered),
    )


def _add_day(
    connection: Connection,
    wall: Wall,
    interval: Interval,
    as_of_us: int,
    expected_us: dict[DeviceKey, int],
) -> None:
    span: Span = (to_us(interval.start), to_us(interval.end))
    kept, left_out = nodes.disjoint(store_nodes.node_facts(connection, *span, as_of_us))
    if not kept:
        return
    metered = sorted({host for fact in kept for host in fact.hosts})
    devices = list(store_nodes.device_energies(connection, metered, span, as_of_us))
    found = nodes.slices(nodes.Facts(kept, devices, expected_us))

    def sensors_of(hosts: Sequence[str]) -> list[str]:
        return store_nodes.sensors_of(connection, hosts, span)

    wall.add_day(
        paris_date(interval.start),
        [one for one in found if span[0] <= one.start_us < span[1]],
        sensors_of,
        sum(span[0] <= fact.start_us < span[1] for fact in left_out),
    )
