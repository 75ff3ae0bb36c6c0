"""A month by project: what each carries of it, in one answer, from rollups alone.

In: a read connection on rollups that are up to date. Out: `Portfolio`. What no project carries
(idle, system, SIA without shares) is the rest: with it all projects add up to the month, to the
microjoule. Its cost depends on the number of SIA and days, hardly on that of hosts.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint import METHOD_VERSION, amounts, figures
from footprint.applied import FactorUse, PueUse
from footprint.cited import cited
from footprint.facility import NO_SITE
from footprint.interval import to_us
from footprint.service import (
    covers,
    grids,
    periods,
    pieces,
    reports,
    servers,
    store_register,
    subjects,
)
from footprint.service.known import known_at
from footprint.service.store_facts import Window
from footprint.statement import ComponentTotal, Figure


class ProjectMonth(msgspec.Struct, frozen=True):
    """What a project carries of a month."""

    code: str
    name: str
    directorate: str
    figure: Figure


class Rest(msgspec.Struct, frozen=True):
    """What no project carries; in micrograms only where a factor applies to all of it."""

    energy_uj: int
    emissions_ug: int | None


class Portfolio(msgspec.Struct, frozen=True):
    """A month (Europe/Paris) by project: `projects` and `rest` add up to `total`. The coverage in
    each figure is that of all hosts, by component; a project's own is in its statement."""

    format: int
    month: str
    start: datetime
    end: datetime
    as_of: datetime
    closed: bool
    method_version: str
    zone: str
    total: Figure
    components: list[ComponentTotal]
    projects: list[ProjectMonth]
    rest: Rest
    factors: list[FactorUse]
    zones_without_factor: list[str]
    pues: list[PueUse]


def portfolio(connection: Connection, month: str, zone: str, now: datetime) -> Portfolio:
    """The month's figures so far, as known now. Raises as `reports.statement` does."""
    interval = subjects.month_interval(month)
    window = Window(interval, to_us(now), rolled=True)
    known = known_at(connection)
    told = pieces.Asked(interval, zone, now)
    cut = pieces.gather(connection, told, known.sia, known.sites)
    grid = grids.gather(connection, told, known.sites)
    parts = [piece.interval for piece in cut]
    aliases = known.aliases
    served = servers.gather(
        connection, window, parts, known.servers, known.sites, grid=grid, aliases=aliases
    )
    of = periods.Asked(window, cut, known.sites, aliases=aliases)
    energies = reports.divided(periods.gather(connection, of, grid), served, None)
    devices = covers.gather(connection, window, now).devices
    coverage = figures.coverage(devices)
    whole = figures.lines(energies, devices)
    total = figures.total(whole, coverage)
    cites = cited(amounts.standing(energies), [piece.terms[NO_SITE] for piece in cut])
    projects = [
        ProjectMonth(
            project.code,
            project.name,
            project.directorate,
            figures.total(figures.lines(energies, devices, project.code), coverage),
        )
        for project in store_register.projects(connection, window.as_of_us).values()
    ]
    return Portfolio(
        format=1,
        month=month,
        start=interval.start,
        end=interval.end,
        as_of=now,
        closed=False,
        method_version=METHOD_VERSION,
        zone=zone,
        total=total,
        components=figures.component_totals(whole, devices),
        projects=projects,
        rest=_rest(total, projects),
        factors=cites.factors,
        zones_without_factor=cites.zones_without_factor,
        pues=cites.pues,
    )


def _rest(total: Figure, projects: list[ProjectMonth]) -> Rest:
    energy_uj = total.energy_uj - sum(one.figure.energy_uj for one in projects)
    masses_ug = [one.figure.emissions_ug for one in projects]
    if total.emissions_ug is None or None in masses_ug:
        return Rest(energy_uj, None)
    return Rest(energy_uj, total.emissions_ug - sum(mass for mass in masses_ug if mass))
