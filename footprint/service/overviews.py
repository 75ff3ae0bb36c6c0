"""Builds the overview: what is measured now, and what it came to since midnight in Paris.

In: a read connection and the present. Out: `Overview`. A zone without a factor is said, not hidden:
energies are shown, emissions are not.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import Connection

from footprint import amounts, figures
from footprint.cited import cited
from footprint.facility import NO_SITE
from footprint.interval import (
    QUARTER_HOUR_SECONDS,
    Interval,
    from_us,
    paris_date,
    paris_midnight,
    to_us,
)
from footprint.intervals import Intervals
from footprint.overview import ConsumerNow, HostNow, Overview, SensorNow
from footprint.service import (
    covers,
    grids,
    judge,
    periods,
    pieces,
    powers,
    store_facts,
    tables,
)
from footprint.service.aliases import Aliases
from footprint.service.known import known_at
from footprint.service.powers import Powers
from footprint.service.store_facts import DeviceKey, NewestPage, Window
from footprint.statement import ConsumerTotal

_Used = Mapping[str, Iterable[DeviceKey]]
SILENT_AFTER_US = 2 * QUARTER_HOUR_SECONDS * 1_000_000


def overview(connection: Connection, zone: str, now: datetime) -> Overview:
    """What the first page shows at `now`."""
    today = Interval(paris_midnight(paris_date(now)), now)
    window = Window(today, to_us(now), rolled=True)
    known = known_at(connection)
    cover = covers.gather(connection, window, now)
    told = pieces.Asked(today, zone, now)
    cut = pieces.gather(connection, told, known.sia, known.sites)
    grid = grids.gather(connection, told, known.sites)
    aliases = known.aliases
    asks = periods.Asked(window, cut, known.sites, aliases=aliases)
    energies = periods.gather(connection, asks, grid)
    covered = {one: figures.coverage(cover.devices, {one}) for one in figures.COMPONENTS}
    off = Intervals(energies, covered, grid=grid)
    lines = off.lines(figures.lines(energies, cover.devices))
    total, _ = off.total(figures.total(lines, figures.coverage(cover.devices)), whole=True)
    cites = cited(amounts.standing(energies), [piece.terms[NO_SITE] for piece in cut])
    # A page of the future, taken by an earlier version, would be the newest for good.
    newest = store_facts.newest_pages(connection, to_us(now) + judge.AHEAD_US)
    heard = [page for page in newest if not _silent(page, now)]
    sensors = _sensors(connection, newest)
    heard_hosts = {page.host_id for page in heard}
    present = {sensor.component for sensor in sensors if _measures(sensor, heard_hosts)}
    return Overview(
        at=now,
        since=today.start,
        zone=zone,
        hosts=[_host(page, now) for page in newest],
        sensors=sensors,
        consumers=_consumers(
            off.consumers(figures.consumer_totals(lines, cover.devices, known.named), lines),
            powers.gather(connection, heard, lambda code: aliases.of(code, paris_date(now))),
            _used(store_facts.devices_used(connection, window), aliases, paris_date(now)),
        ),
        total=total,
        coverage={
            component.component: component.coverage
            for component in figures.component_totals(lines, cover.devices)
        },
        absent=[component for component in figures.COMPONENTS if component not in present],
        factors=cites.factors,
        zones_without_factor=cites.zones_without_factor,
        pues=cites.pues,
        quarantined_pages=store_facts.all_quarantined(connection),
    )


def _used(found: _Used, aliases: Aliases, day: date) -> _Used:
    """The devices of each consumer, under the code whose they are."""
    used: dict[str, set[DeviceKey]] = {}
    for consumer, devices in found.items():
        used.setdefault(aliases.of(consumer, day), set()).update(devices)
    return used


def _silent(page: NewestPage, now: datetime) -> bool:
    return to_us(now) - page.end_us > SILENT_AFTER_US


def _host(page: NewestPage, now: datetime) -> HostNow:
    return HostNow(page.host_id, from_us(page.start_us), from_us(page.end_us), _silent(page, now))


def _sensors(connection: Connection, newest: list[NewestPage]) -> list[SensorNow]:
    return [
        SensorNow(
            host_id=row.host_id,
            sensor=row.sensor,
            component=row.component,
            device=row.device,
            covers=row.covers,
            evidence=row.evidence,
            quality=row.quality,
            status=row.status,
            last_error=row.last_error,
        )
        for page in newest
        for row in store_facts.of_page(connection, tables.Sensor, page)
    ]


def _measures(sensor: SensorNow, hosts: set[str]) -> bool:
    return sensor.host_id in hosts and not sensor.evidence and sensor.status != "failed"


def _consumers(totals: Iterable[ConsumerTotal], known: Powers, used: _Used) -> list[ConsumerNow]:
    return [
        ConsumerNow(
            consumer=total.consumer,
            kind=total.kind,
            name=total.name,
            registered=total.registered,
            power_uw=known.of(total.consumer, used.get(total.consumer, ())),
            today=total.figure,
        )
        for total in totals
    ]
