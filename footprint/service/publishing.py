"""What a month's publication has to say: gathers it as a statement's facts are gathered.

In: a read connection on rollups that are up to date. Out: `Figures`, every sum of which is one of
its lines.
"""

from datetime import datetime

from sqlalchemy import Connection

from footprint import publication_figures
from footprint.interval import to_us
from footprint.protection import partition
from footprint.publication_figures import Figures, Month, Register
from footprint.service import reports, store_register, store_versions, subjects
from footprint.service.reports import Gathered


def figures(connection: Connection, month: str, zone: str, as_of: datetime) -> Figures:
    """The month's figures as they would be published at `as_of`. Raises ReportError for a wrong
    month."""
    got = reports.gather(connection, subjects.Asked(month), zone, as_of, rolled=True)
    statement = reports.stated(connection, got)
    told = Month(
        got.energies,
        got.cover.devices,
        reports.splits(got.served),
        got.grid,
        statement.total,
        statement.sites,
    )
    register = _register(connection, got)
    return publication_figures.made(
        told, register, partition(publication_figures.parts(told, register))
    )


def _register(connection: Connection, got: Gathered) -> Register:
    as_of_us = store_versions.EVER_US if got.window.rolled else to_us(got.as_of)
    projects = store_register.projects(connection, as_of_us)
    directorates = store_register.directorates(connection, as_of_us)
    return Register(
        named=got.known.named,
        small=frozenset(code for code, one in got.known.sia.items() if one.is_small),
        directorate_of={code: one.directorate for code, one in projects.items()},
        projects={code: one.name for code, one in projects.items()},
        directorates={code: one.name for code, one in directorates.items()},
        sites={code: one.name for code, one in got.known.sites.items()},
    )
