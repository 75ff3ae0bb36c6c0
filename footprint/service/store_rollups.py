"""SQL of rollups: marks, and the sums of a day, made anew from pages.

In: accepted pages; a day that has marks. Out: rows of `tables_rollups`. What is summed over many
rows is summed by the database; sums of microjoules in joules and microjoules apart, as elsewhere.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, and_, case, delete, func, select

from footprint import ledger
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, from_us, paris_date, paris_day, to_us
from footprint.service import (
    profiles,
    store_archived,
    store_bulk,
    store_facts,
    tables,
    tables_rollups,
)
from footprint.service.covers import lost_us
from footprint.service.store_among import among
from footprint.service.store_chains import Dated
from footprint.service.store_facts import GapFact

_ENTRY = tables.table(tables.Entry)
_PAGE = tables.table(tables.Page)
_SENSOR = tables.table(tables.Sensor)
_DEVICE = tables.table(tables.Device)
_MARK = tables.table(tables_rollups.RollupMark)
_COVER = tables.table(tables_rollups.HostDayCover)
_GAP = tables.table(tables_rollups.HostDayGap)
_USE = tables.table(tables_rollups.HostDayUse)
_QUARTER = tables.table(tables_rollups.QuarterTotal)
_DAY = tables.table(tables_rollups.DayTotal)
_DAY_COVER = tables.table(tables_rollups.DayCover)
_DAY_GAP = tables.table(tables_rollups.DayGap)
_UJ_PER_J = 1_000_000
_HOUR_US = 3_600_000_000
_QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000
_LONGEST_DAY_US = 25 * _HOUR_US
_PLACE = tables.table(tables_rollups.HostSite)
_BOARDS = _ENTRY.c.component == "gpu"
_ENERGY_MJ = _ENTRY.c.energy_uj // 1000
NO_HOST = ""
"""In a mark of a day whose pages are as they were: none of its hosts has to be summed again."""


def mark(connection: Connection, pages: Sequence[Dated[ledger.Page]]) -> None:
    """The days of accepted pages have to be summed again."""
    marks: dict[tuple[str, int, str], list[int]] = {}
    for page, start_us, _ in pages:
        key = (page.host_id, day_of(start_us), page.ledger_id)
        held = marks.get(key)
        if held is None:
            marks[key] = [page.seq, start_us, start_us]
        else:
            held[:] = max(held[0], page.seq), min(held[1], start_us), max(held[2], start_us)
    store_bulk.insert(connection, _MARK, [(*key, *values) for key, values in marks.items()])


def day_of(start_us: int) -> int:
    """When the day (Europe/Paris) begins that an instant falls on."""
    return _day_us(start_us // _HOUR_US)


@lru_cache(maxsize=4096)
def _day_us(hour: int) -> int:
    """When the day (Europe/Paris) of a UTC hour begins: it is a matter of whole hours."""
    return to_us(paris_day(paris_date(from_us(hour * _HOUR_US))).start)


def mark_host(connection: Connection, host_id: str, seq: int, ledger_id: str) -> None:
    """Every day of a host has to be summed again, for what its page `seq` said of its devices."""
    days = select(_COVER.c.day_us).distinct().where(_COVER.c.host_id == host_id)
    held = select(_MARK.c.day_us).where(
        _MARK.c.host_id == host_id, _MARK.c.ledger_id == ledger_id, _MARK.c.seq == seq
    )
    found = connection.execute(days.where(_COVER.c.day_us.not_in(held))).scalars().all()
    rows = [(host_id, day_us, ledger_id, seq, day_us, day_us) for day_us in found]
    store_bulk.insert(connection, _MARK, rows)


def mark_days(connection: Connection, from_us: int, until_us: int, of: tuple[str, int]) -> None:
    """Every day summed so far that has time in [from_us, until_us) has to be summed again over all
    hosts, for what `of` (a name and a number instead of a ledger and page) says."""
    name, number = of
    held = select(_MARK.c.day_us).where(
        _MARK.c.host_id == NO_HOST, _MARK.c.ledger_id == name, _MARK.c.seq == number
    )
    query = (
        select(_DAY.c.day_us)
        .distinct()
        .where(
            _DAY.c.day_us > from_us - _LONGEST_DAY_US,
            _DAY.c.day_us < until_us,
            _DAY.c.day_us.not_in(held),
        )
    )
    rows = []
    for day_us in connection.execute(query).scalars():
        end_us = to_us(_day(day_us).end)
        if end_us > from_us:
            rows.append((NO_HOST, day_us, name, number, day_us, end_us - 1))
    store_bulk.insert(connection, _MARK, rows)


def mark_everything(connection: Connection) -> None:
    """Forget every rollup, and have every day of every host summed again; but of the time whose
    pages have left nothing can be."""
    gone_us = store_archived.until_us(connection)
    for rows in (_COVER, _GAP, _USE, _DAY, _DAY_COVER, _DAY_GAP, _MARK):
        connection.execute(delete(rows).where(rows.c.day_us >= gone_us))
    connection.execute(delete(_QUARTER).where(_QUARTER.c.quarter_us >= gone_us))
    hour = (_PAGE.c.start_us // _HOUR_US).label("hour")
    query = (
        select(
            _PAGE.c.host_id,
            hour,
            _PAGE.c.ledger_id,
            func.max(_PAGE.c.seq),
            func.min(_PAGE.c.start_us),
            func.max(_PAGE.c.start_us),
        )
        .where(_PAGE.c.state == "accepted", _PAGE.c.start_us >= gone_us)
        .group_by(_PAGE.c.host_id, hour, _PAGE.c.ledger_id)
    )
    marks = [(host_id, _day_us(hour), *rest) for host_id, hour, *rest in connection.execute(query)]
    store_bulk.insert(connection, _MARK, marks)


def marked_days(connection: Connection) -> set[int]:
    """Every day that has a mark."""
    return set(connection.execute(select(_MARK.c.day_us).distinct()).scalars())


def held_days(connection: Connection) -> set[int]:
    """Every day of which something is summed."""
    found: set[int] = set()
    for rows in (_COVER, _GAP, _USE, _DAY, _DAY_COVER, _DAY_GAP):
        found |= set(connection.execute(select(rows.c.day_us).distinct()).scalars())
    quarters = connection.execute(select(_QUARTER.c.quarter_us).distinct()).scalars()
    return found | {day_of(quarter_us) for quarter_us in quarters}


def wrong(connection: Connection, day_us: int) -> Iterator[tuple[str, int, int]]:
    """The tables in which a day is not what its pages give: name, rows held, rows expected. A table
    that is summed from another one is compared with what that one holds."""
    end_us = to_us(_day(day_us).end)
    expected = host_days(connection, day_us, end_us, store_facts.every_host())
    expected[_QUARTER] = quarter_totals(connection, day_us, end_us)
    expected |= days(connection, day_us, end_us)
    for rows, should in expected.items():
        at_us = rows.c.quarter_us if rows is _QUARTER else rows.c.day_us
        held = connection.execute(select(rows).where(at_us >= day_us, at_us < end_us))
        is_ = sorted(tuple(row) for row in held)
        if is_ != sorted(should):
            yield rows.name, len(is_), len(should)


def marked_day(connection: Connection) -> int | None:
    """The first day that has a mark."""
    day_us: int | None = connection.execute(select(func.min(_MARK.c.day_us))).scalar_one()
    return day_us


def _day(day_us: int) -> Interval:
    return paris_day(paris_date(from_us(day_us)))


def sum_day(connection: Connection, day_us: int) -> None:
    """Sum a day again for the hosts that have marks, and over all hosts; the marks are gone. What
    was summed of pages that have left stays as it is: a mark then tells of a rated power."""
    end_us = to_us(_day(day_us).end)
    if day_us >= store_archived.until_us(connection):
        _sum_hosts(connection, day_us, end_us)
    for rows in (_DAY, _DAY_COVER, _DAY_GAP):
        connection.execute(delete(rows).where(rows.c.day_us == day_us))
    for rows, found in days(connection, day_us, end_us).items():
        store_bulk.insert(connection, rows, found)
    connection.execute(delete(_MARK).where(_MARK.c.day_us == day_us))


def _sum_hosts(connection: Connection, day_us: int, end_us: int) -> None:
    """What pages say of a day: host by host, and by quarter-hour."""
    first_us, last_us = connection.execute(
        select(func.min(_MARK.c.first_us), func.max(_MARK.c.last_us)).where(
            _MARK.c.day_us == day_us
        )
    ).one()
    marked = select(_MARK.c.host_id).where(_MARK.c.day_us == day_us).distinct()
    for rows in (_COVER, _GAP, _USE):
        connection.execute(
            delete(rows).where(rows.c.day_us == day_us, among(rows.c.host_id, marked))
        )
    for rows, found in host_days(connection, day_us, end_us, marked).items():
        store_bulk.insert(connection, rows, found)
    quarters = (first_us - first_us % _QUARTER_US, last_us - last_us % _QUARTER_US + _QUARTER_US)
    connection.execute(
        delete(_QUARTER).where(
            _QUARTER.c.quarter_us >= quarters[0], _QUARTER.c.quarter_us < quarters[1]
        )
    )
    store_bulk.insert(connection, _QUARTER, quarter_totals(connection, *quarters))


Rows = dict[Any, list[tuple[Any, ...]]]
"""Rows by their table."""


AT_ONCE = 500
"""Hosts whose rows are read by one statement. Of a query of them a server that knows nothing yet of
the newest day may compare every row with every host; of a list it looks each up by the key."""


def _in_parts(connection: Connection, hosts: Any) -> Iterator[tuple[str, ...]]:
    """The hosts that a query finds, in order, some at a time."""
    found = sorted(connection.execute(hosts).scalars())
    for first in range(0, len(found), AT_ONCE):
        yield tuple(found[first : first + AT_ONCE])


def host_days(connection: Connection, day_us: int, end_us: int, hosts: Select[tuple[str]]) -> Rows:
    """What the pages of `hosts` say of a day, host by host."""
    found: Rows = {_COVER: [], _GAP: [], _USE: []}
    for some in _in_parts(connection, hosts):
        for rows, more in _host_days(connection, day_us, end_us, some).items():
            found[rows] += more
    return found


def _host_days(connection: Connection, day_us: int, end_us: int, hosts: tuple[str, ...]) -> Rows:
    def begins(rows: Any) -> Any:
        return and_(rows.c.host_id.in_(hosts), rows.c.start_us >= day_us, rows.c.start_us < end_us)

    keys = (_SENSOR.c.host_id, _SENSOR.c.component, _SENSOR.c.device, _SENSOR.c.quality)
    sensors = (
        select(
            *keys,
            func.sum(_SENSOR.c.metered_uj),
            func.sum(_SENSOR.c.end_us - _SENSOR.c.start_us),
        )
        .where(begins(_SENSOR), _SENSOR.c.evidence.is_(False))
        .group_by(*keys)
        .order_by(*keys)
    )
    users = (
        select(
            _ENTRY.c.host_id,
            _ENTRY.c.consumer,
            func.sum(case((_BOARDS, _ENERGY_MJ), else_=0)),
            func.sum(case((_BOARDS, 0), else_=_ENERGY_MJ)),
        )
        .where(begins(_ENTRY))
        .group_by(_ENTRY.c.host_id, _ENTRY.c.consumer)
    )
    told = tables.table(tables.Gap)
    gaps = store_facts.gaps_where(connection, told, begins(told))
    return {
        _COVER: list(_covers(day_us, connection.execute(sensors), gaps)),
        _GAP: [
            (host_id, day_us, *key, duration_us)
            for (host_id, *key), duration_us in sorted(_durations_us(gaps).items())
        ],
        _USE: [
            (host_id, day_us, consumer, int(boards_mj), int(rest_mj))
            for host_id, consumer, boards_mj, rest_mj in connection.execute(users)
        ],
    }


def _covers(
    day_us: int, sensors: Iterable[Any], gaps: Sequence[GapFact]
) -> Iterator[tuple[Any, ...]]:
    """A device whose quality changes within the day has two rows: its gaps are with the first."""
    lost = lost_us(gap for gap in gaps if gap.paged)
    told = lost_us(gap for gap in gaps if not gap.paged)
    for host_id, component, device, quality, metered_uj, paged_us in sensors:
        key = (host_id, component, device)
        yield (
            host_id,
            day_us,
            component,
            device,
            quality,
            int(metered_uj),
            int(paged_us),
            lost.pop(key, 0),
            told.pop(key, 0),
        )
    for (host_id, component, device), told_us in sorted(told.items()):
        yield (host_id, day_us, component, device, "", 0, 0, 0, told_us)


def _durations_us(gaps: Iterable[GapFact]) -> dict[tuple[str, str, str, str], int]:
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for gap in gaps:
        host_id, component, _ = gap.device
        sums[host_id, gap.kind, component, gap.cause] += gap.to_us - gap.from_us
    return sums


def quarter_totals(connection: Connection, from_us: int, until_us: int) -> list[tuple[Any, ...]]:
    """Energies of all hosts by site, quarter-hour by quarter-hour, of time within one day of Paris:
    a host stands at one site for the whole of it."""
    stands = and_(_PLACE.c.from_us <= from_us, _PLACE.c.until_us > from_us)
    sites = select(_PLACE.c.site).distinct().where(stands).order_by(_PLACE.c.site)
    placed = select(_PLACE.c.host_id).where(stands)
    found = _of_site(connection, from_us, until_us, "", store_facts.every_host().except_(placed))
    for site in connection.execute(sites).scalars().all():
        hosts = placed.where(_PLACE.c.site == site)
        found += _of_site(connection, from_us, until_us, site, hosts)
    return found


def _of_site(
    connection: Connection, from_us: int, until_us: int, site: str, hosts: Any
) -> list[tuple[Any, ...]]:
    quarter_us = (_ENTRY.c.start_us - _ENTRY.c.start_us % _QUARTER_US).label("quarter_us")
    keys = (quarter_us, _ENTRY.c.consumer, _ENTRY.c.component, _ENTRY.c.part, _ENTRY.c.quality)
    sums: dict[tuple[Any, ...], int] = defaultdict(int)
    for some in _in_parts(connection, hosts):
        query = (
            select(
                *keys,
                func.sum(_ENTRY.c.energy_uj // _UJ_PER_J),
                func.sum(_ENTRY.c.energy_uj % _UJ_PER_J),
            )
            .where(
                _ENTRY.c.host_id.in_(some),
                _ENTRY.c.start_us >= from_us,
                _ENTRY.c.start_us < until_us,
            )
            .group_by(*keys)
        )
        for *key, joules, rest_uj in connection.execute(query):
            sums[tuple(key)] += int(joules) * _UJ_PER_J + int(rest_uj)
    return [(*key, site, *divmod(sums[key], _UJ_PER_J)) for key in sorted(sums)]


def _day_totals(connection: Connection, day_us: int, end_us: int) -> list[tuple[Any, ...]]:
    """The day's rows by quarter-hour together: whole joules, the microjoules besides, and the
    profile."""
    quarters = (end_us - day_us) // _QUARTER_US
    query = select(_QUARTER).where(_QUARTER.c.quarter_us >= day_us, _QUARTER.c.quarter_us < end_us)
    found: dict[tuple[str, ...], list[int]] = {}
    for quarter_us, *key, joules, rest_uj in connection.execute(query):
        profile = found.setdefault(tuple(key), [0] * quarters)
        profile[(quarter_us - day_us) // _QUARTER_US] = joules * _UJ_PER_J + rest_uj
    return [
        (day_us, *key, *divmod(sum(profile), _UJ_PER_J), profiles.pack(profile))
        for key, profile in sorted(found.items())
    ]


def days(connection: Connection, day_us: int, end_us: int) -> Rows:
    """The day over all hosts, from the rows by quarter-hour and by host."""
    rated_uw = func.coalesce(_DEVICE.c.rated_power_uw, 0).label("rated_power_uw")
    same = and_(*(_DEVICE.c[name] == _COVER.c[name] for name in ("host_id", "component", "device")))
    covers = (
        select(_COVER.c.component, rated_uw, *_sums(_COVER, "paged_us", "lost_us", "told_us"))
        .select_from(_COVER.join(_DEVICE, same))
        .where(store_facts.of_hosts(_COVER, None), _COVER.c.day_us == day_us)
        .group_by(_COVER.c.component, rated_uw)
        .order_by(_COVER.c.component, rated_uw)
    )
    gaps = (
        select(_GAP.c.kind, _GAP.c.component, _GAP.c.cause, *_sums(_GAP, "duration_us"))
        .where(store_facts.of_hosts(_GAP, None), _GAP.c.day_us == day_us)
        .group_by(_GAP.c.kind, _GAP.c.component, _GAP.c.cause)
        .order_by(_GAP.c.kind, _GAP.c.component, _GAP.c.cause)
    )
    return {
        _DAY: _day_totals(connection, day_us, end_us),
        _DAY_COVER: [
            (day_us, component, rated, *map(int, sums))
            for component, rated, *sums in connection.execute(covers)
        ],
        _DAY_GAP: [(day_us, *key, int(sum_us)) for *key, sum_us in connection.execute(gaps)],
    }


def _sums(rows: Any, *names: str) -> list[Any]:
    return [func.sum(rows.c[name]) for name in names]
