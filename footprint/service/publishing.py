"""What a month's publication says: gathers it as a statement's facts are gathered.

In: a read connection on rollups that are up to date, what was closed before. Out: `Publication`,
every sum of which is one of its lines, and the statement of the same facts, which is not published.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint import (
    METHOD_VERSION,
    comparison,
    equivalence,
    publication_figures,
    publication_restated,
    recommendation,
)
from footprint.codes import sia_of
from footprint.comparison import Earlier
from footprint.external import Dependence
from footprint.interval import paris_date, to_us
from footprint.protection import TOGETHER, Partition, partition
from footprint.publication import (
    BoundaryTold,
    MakingTold,
    Publication,
    RestatedMonth,
    Unit,
)
from footprint.publication_figures import Figures, Month, Register
from footprint.publication_restated import Then
from footprint.service import (
    reports,
    restating,
    store_register,
    store_versions,
    subjects,
)
from footprint.service.reports import Gathered
from footprint.statement import Statement

RESTATED_MONTHS = 24
"""So many closed months before are held against what is known now."""
MONTHS_A_YEAR = 12


class Asked(msgspec.Struct, frozen=True):
    """Of which month, with the zone of hosts of no site, as known at `as_of`; its `number`, and the
    hash of the publication before."""

    month: str
    zone: str
    as_of: datetime
    number: int
    previous: str | None
    demonstration: bool = False


class Made(msgspec.Struct, frozen=True):
    """A publication, and the statement that it was made of."""

    publication: Publication
    statement: Statement


def made(connection: Connection, asked: Asked, closed: Mapping[str, Then]) -> Made:
    """The month as it would be published; `closed`: months that were, by their names. Raises
    ReportError for a wrong month."""
    whole = subjects.Asked(asked.month)
    got = reports.gather(connection, whole, asked.zone, asked.as_of, rolled=True)
    statement = reports.stated(connection, got)
    figures, told = _figures(connection, got, statement)
    earlier = Earlier(
        *(_publication(closed, month_before(asked.month, months)) for months in (1, MONTHS_A_YEAR))
    )
    figures, compared = comparison.with_comparisons(figures, earlier)
    units = list(_with_intensities(figures.units, statement, told.hidden))
    return Made(
        Publication(
            format=1,
            number=asked.number,
            previous=asked.previous,
            month=asked.month,
            start=statement.start,
            end=statement.end,
            as_of=asked.as_of,
            method_version=METHOD_VERSION,
            zone=asked.zone,
            demonstration=asked.demonstration,
            ledgers_root=statement.ledgers_root,
            ledgers=len(statement.ledgers) + len(statement.usage_ledgers),
            total=figures.total,
            compared=compared,
            uncertainty=statement.uncertainty,
            directorates=figures.directorates,
            projects=figures.projects,
            units=units,
            components=figures.components,
            sites=figures.sites,
            lines=figures.lines,
            making=_making(statement),
            boundaries=list(_boundaries(statement)),
            gaps=statement.gaps,
            quarantined_pages=statement.quarantined_pages,
            outside=_outside(got, statement, told.hidden),
            restatements=list(_restatements(connection, asked, closed, got)),
            equivalences=list(equivalence.of(figures.total.amount)),
            recommendations=recommendation.found(figures.total, units),
            omissions=statement.omissions,
            zones_without_factor=statement.zones_without_factor,
            factors=statement.factors,
            impacts=statement.impacts,
            impact_factors=statement.impact_factors,
            views=statement.views,
            contracts=statement.contracts,
            grid=statement.grid,
        ),
        statement,
    )


def month_before(month: str, months: int) -> str:
    """The month so many months before."""
    number = int(month[:4]) * MONTHS_A_YEAR + int(month[5:]) - 1 - months
    return f"{number // MONTHS_A_YEAR:04}-{number % MONTHS_A_YEAR + 1:02}"


def _publication(closed: Mapping[str, Then], month: str) -> Publication | None:
    return closed[month].publication if month in closed else None


def _figures(
    connection: Connection, got: Gathered, statement: Statement
) -> tuple[Figures, Partition]:
    told = Month(
        got.energies,
        got.cover.devices,
        reports.splits(got.served),
        got.grid,
        statement.total,
        statement.sites,
    )
    register = _register(connection, got)
    apart = partition(publication_figures.parts(told, register))
    return publication_figures.made(told, register, apart), apart


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


def _with_intensities(
    units: Iterable[Unit], statement: Statement, hidden: Collection[str]
) -> Iterator[Unit]:
    """SIA by themselves with what they used for each of what they did."""
    efficiency = {one.consumer: one.efficiency for one in statement.consumers}
    sci = {one.consumer: one for one in statement.sci}
    for unit in units:
        if unit.kind == "sia" and unit.id not in hidden:
            yield msgspec.structs.replace(
                unit, efficiency=efficiency.get(unit.id), sci=sci.get(unit.id)
            )
        else:
            yield unit


def _making(statement: Statement) -> MakingTold | None:
    made = statement.embodied
    if made is None:
        return None
    return MakingTold(made.month, len(made.hosts), len(made.without_hosts), made.factors)


def _boundaries(statement: Statement) -> Iterator[BoundaryTold]:
    hosts = Counter(
        (tuple(sorted(host.present)), tuple(sorted(host.absent))) for host in statement.hosts
    )
    for (present, absent), count in sorted(hosts.items()):
        yield BoundaryTold(list(present), list(absent), count)


def _outside(
    got: Gathered, statement: Statement, hidden: Collection[str]
) -> list[Dependence] | None:
    """None where it is of one or two SIA that are not told apart, and of no other."""
    if statement.externals is None:
        return []
    of = got.known.aliases.of
    users = {sia_of(of(one.line.consumer, paris_date(one.start))) for one in got.outside}
    known = users & got.known.sia.keys()
    return None if len(known) < TOGETHER and known & set(hidden) else statement.externals.dependence


def _restatements(
    connection: Connection, asked: Asked, closed: Mapping[str, Then], got: Gathered
) -> Iterator[RestatedMonth]:
    """Closed months that are other than they were."""
    small = {code for code, one in got.known.sia.items() if one.is_small}
    first = month_before(asked.month, RESTATED_MONTHS)
    for month, then in sorted(closed.items()):
        if month < first or month == asked.month:
            continue
        whole = subjects.Asked(month)
        now = reports.statement(connection, whole, then.publication.zone, asked.as_of, rolled=True)
        causes = restating.causes(connection, then.publication.as_of)
        found = publication_restated.restated(then, now, small, causes)
        if found is not None:
            yield found
