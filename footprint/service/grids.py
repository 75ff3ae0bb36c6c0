"""The grid of a time, by quarter-hour, for each site: from what was imported and the registry.

In: a read connection, a time as known at an instant, and the zone of each site. Out: `Grid`. Days
of which nothing was imported are left out.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from footprint.facility import NO_SITE
from footprint.grid.day import GridDay, grid_day
from footprint.grid.hourly import Grid
from footprint.interval import from_us, paris_date, to_us
from footprint.service import store_factors, store_grid
from footprint.service.pieces import Asked
from footprint.service.register import Site

_US = 1_000_000


def gather(connection: Connection, asked: Asked, sites: Mapping[str, Site]) -> Grid:
    """The intensities that hold at each site, and for hosts of none."""
    zones = {NO_SITE: asked.zone, **{code: site.zone for code, site in sites.items()}}
    days = {zone: [*_days(connection, asked, zone)] for zone in sorted({*zones.values()})}
    return Grid({zone: found for zone, found in days.items() if found}, zones)


def _days(connection: Connection, asked: Asked, zone: str) -> Iterator[GridDay]:
    span = (to_us(asked.interval.start), to_us(asked.interval.end))
    held = store_grid.held_quarters(connection, zone, span, to_us(asked.as_of))
    if not held:
        return
    known = store_factors.all_factors(connection, zone)
    for day in sorted({paris_date(from_us(start_s * _US)) for start_s in held}):
        yield grid_day(zone, day, held, known, asked.as_of)
