"""How much of what should be known is known: cover of each device, and the gaps that explain it.

In: pages, sensor states and gaps of a window. Out: `Cover`. A device is expected from its first
page on, until the newest quarter-hour that should have arrived or its host's newest page. For each
device, expected time less covered time is the time of its gaps, `no_page` among them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

import msgspec
from sqlalchemy import Connection

from footprint.figures import DeviceCover
from footprint.interval import QUARTER_HOUR_SECONDS, floor_to, to_us
from footprint.ledger import Component
from footprint.service import judge, store_facts, store_totals
from footprint.service.store_facts import DeviceKey, GapFact, Window
from footprint.statement import GapTotal

NO_PAGE = "no_page"
_Key = tuple[Literal["gap", "blind"], Component, str]


class Cover(msgspec.Struct, frozen=True):
    """Cover by device; unknown time by kind, component and cause."""

    devices: list[DeviceCover]
    gaps: list[GapTotal]


def gather(connection: Connection, window: Window, now: datetime) -> Cover:
    """The cover of every device that was expected in the window, at `now`."""
    return (
        _of_rollups(connection, window, now)
        if window.rolled
        else _of_pages(connection, window, now)
    )


def _of_rollups(connection: Connection, window: Window, now: datetime) -> Cover:
    """By groups of devices that count alike."""
    most_us = to_us(now) + judge.AHEAD_US
    due_us = to_us(floor_to(now, QUARTER_HOUR_SECONDS))
    groups = []
    missing: dict[Component, int] = defaultdict(int)
    for (component, rated_uw), times in sorted(
        store_totals.times(connection, window, due_us, most_us).items()
    ):
        covered_us = times.paged_us - times.lost_us
        rated_power_uw = rated_uw or None
        groups.append(
            DeviceCover(
                "", component, "", covered_us, times.expected_us, rated_power_uw, times.devices
            )
        )
        missing[component] += max(0, times.expected_us - times.paged_us - times.told_us)
    gaps = store_totals.gaps(connection, window)
    lost = [GapTotal("gap", one, NO_PAGE, missing[one]) for one in sorted(missing) if missing[one]]
    return Cover(
        groups, sorted([*gaps, *lost], key=lambda gap: (gap.kind, gap.component, gap.cause))
    )


def of_days(
    connection: Connection, window: Window, starts_us: Sequence[int]
) -> list[list[DeviceCover]]:
    """The cover of each day of a `rolled` window, as `gather` has it of a day that ended long
    enough ago that all of it should have arrived; by groups of devices that count alike.

    starts_us: when each day begins, in order, the first where the window does; a day ends where
        the next begins, the last with the window.
    """
    covered = store_totals.covered_by_day(connection, window)
    begun = sorted(store_totals.begun(connection, window), key=lambda one: one[1])
    before: dict[store_totals.Group, int] = defaultdict(int)
    days, at = [], 0
    for start_us, end_us in pairwise([*starts_us, to_us(window.interval.end)]):
        devices = dict(before)
        expected_us = {group: number * (end_us - start_us) for group, number in before.items()}
        while at < len(begun) and begun[at][1] < end_us:
            group, first_us, number = begun[at]
            devices[group] = devices.get(group, 0) + number
            expected_us[group] = expected_us.get(group, 0) + number * (end_us - first_us)
            before[group] += number
            at += 1
        known_us = covered.get(start_us, {})
        days.append(
            [
                DeviceCover("", one[0], "", known_us.get(one, 0), us, one[1] or None, devices[one])
                for one, us in expected_us.items()
            ]
        )
    return days


def _of_pages(connection: Connection, window: Window, now: datetime) -> Cover:
    facts = store_facts.devices(connection, window)
    paged_us = store_facts.paged_us(connection, window)
    newest_us = store_facts.newest_end_us(connection, window)
    gaps = store_facts.gaps(connection, window)
    paged_lost_us = lost_us(gap for gap in gaps if gap.paged)
    told_us = lost_us(gap for gap in gaps if not gap.paged)
    most_us = to_us(now) + judge.AHEAD_US
    due_us = to_us(floor_to(now, QUARTER_HOUR_SECONDS))
    start_us, end_us = to_us(window.interval.start), to_us(window.interval.end)
    devices = []
    missing: dict[Component, int] = defaultdict(int)
    for key, fact in sorted(facts.items()):
        until_us = min(end_us, max(due_us, min(newest_us.get(key[0], 0), most_us)))
        expected_us = max(0, until_us - max(start_us, fact.first_us))
        covered_us = paged_us.get(key, 0) - paged_lost_us.get(key, 0)
        devices.append(DeviceCover(*key, covered_us, expected_us, fact.rated_power_uw))
        known_us = paged_us.get(key, 0) + told_us.get(key, 0)
        missing[key[1]] += max(0, expected_us - known_us)
    return Cover(devices, _totals(gaps, missing))


def by_host(
    connection: Connection, window: Window, cover: Cover, hosts: Sequence[str]
) -> dict[str, int]:
    """How long each of `hosts` is covered: by that of its devices that is covered longest."""
    if window.rolled:
        return store_totals.covered_us(connection, window, hosts)
    covered_us = dict.fromkeys(hosts, 0)
    for one in cover.devices:
        if one.host_id in covered_us:
            covered_us[one.host_id] = max(covered_us[one.host_id], one.covered_us)
    return covered_us


def lost_us(gaps: Iterable[GapFact]) -> dict[DeviceKey, int]:
    """Microseconds of each device's gaps, which come in the order of their starts; each
    is counted once where they overlap."""
    lost: dict[DeviceKey, int] = defaultdict(int)
    reached: dict[DeviceKey, int] = {}
    for gap in gaps:
        if gap.kind == "gap":
            begin_us = max(gap.from_us, reached.get(gap.device, gap.from_us))
            lost[gap.device] += max(0, gap.to_us - begin_us)
            reached[gap.device] = max(gap.to_us, begin_us)
    return lost


def _totals(gaps: list[GapFact], missing: dict[Component, int]) -> list[GapTotal]:
    sums: dict[_Key, int] = defaultdict(int)
    for gap in gaps:
        sums[gap.kind, gap.device[1], gap.cause] += gap.to_us - gap.from_us
    for component, duration_us in missing.items():
        if duration_us:
            sums["gap", component, NO_PAGE] += duration_us
    return [GapTotal(*key, sums[key]) for key in sorted(sums)]
