"""Months side by side, as stated and at one factor: gathers each month from rollups.

In: a read connection on rollups that are up to date. Out: `Trend`. Of a month in which nothing of
the house was measured nothing is known; who used nothing in a measured one has zeros, as stated.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import msgspec
from sqlalchemy import Connection

from footprint import METHOD_VERSION, amounts, factors, figures
from footprint.amounts import Period
from footprint.applied import FactorUse, PueUse
from footprint.cited import cited
from footprint.factors import FactorError
from footprint.interval import Interval, month_of, paris_date, to_us
from footprint.intervals import Intervals
from footprint.service import (
    covers,
    periods,
    reports,
    store_factors,
    store_totals,
    subjects,
    trend_months,
)
from footprint.service.known import Known, known_at
from footprint.service.store_facts import Window
from footprint.service.subjects import Subject
from footprint.service.trend_months import Common, CommonMonths
from footprint.statement import Figure
from footprint.trend import Trend, TrendMonth

MOST_MONTHS = 36
USUAL_MONTHS = 12


class Asked(msgspec.Struct, frozen=True):
    """What a trend is asked for: so many months up to `to` (None: the present one), at the factor
    of `factor_of` (None: of the last of them); `project` and `sia` exclude each other."""

    to: str | None = None
    months: int = USUAL_MONTHS
    project: str | None = None
    sia: str | None = None
    factor_of: str | None = None


class _Month(msgspec.Struct, frozen=True):
    """`measured`: whether anything of the house was, in that month."""

    month: str
    periods: Sequence[Period]
    figure: Figure
    devices: Sequence[figures.DeviceCover]
    pues: Sequence[PueUse]
    measured: bool


def trend(
    connection: Connection,
    asked: Asked,
    zone: str,
    now: datetime,
    *,
    kept: CommonMonths | None = None,
) -> Trend:
    """The months as known now, with what is `kept` of them. Raises ReportError for a wrong month or
    number of months, or an unknown project or SIA."""
    if not 1 <= asked.months <= MOST_MONTHS:
        raise subjects.ReportError(f"months: {asked.months} is not from 1 to {MOST_MONTHS}")
    last = asked.to or month_of(now)
    newest = subjects.month_interval(last)
    reference = subjects.month_interval(asked.factor_of) if asked.factor_of else newest
    known = known_at(connection)
    names = _before(last, asked.months)
    spans = {name: subjects.month_interval(name) for name in names}
    wanted = [trend_months.Asked(interval, known, zone, now) for interval in spans.values()]
    common = (kept or CommonMonths()).get(connection, wanted)
    users = {user for one in common for user in one.users}
    # By its month: whose a code is may change.
    of_months = [
        _subject(connection, asked, known, spans[name], now=now, users=users) for name in names
    ]
    subject = of_months[-1]
    found = [
        _month(connection, known, of, one, now=now)
        for of, one in zip(of_months, common, strict=True)
    ]
    zones = sorted(
        {terms.zone for one in found for part in one.periods for terms in part.terms.values()}
    )
    fixed = constant(connection, zones, paris_date(reference.start), now)
    months = [
        TrendMonth(one.month, one.figure, _constant_ug(one, fixed, subject.project))
        if one.measured
        else TrendMonth(one.month, None, None)
        for one in found
    ]
    pues = {use.id: use for one in found for use in one.pues}
    used = {
        terms.zone
        for one in found
        for part in one.periods
        for site in {cell.site for cell in part.cells}
        for terms in (part.terms[site],)
    }
    return Trend(
        format=1,
        scope=subject.scope,
        as_of=now,
        method_version=METHOD_VERSION,
        factor_month=asked.factor_of or last,
        factors=[use for name, use in sorted(fixed.items()) if use and name in used],
        pues=[pues[name] for name in sorted(pues)],
        months=months,
    )


def _before(last: str, months: int) -> list[str]:
    """The names of so many months, the last one `last`."""
    year, month = map(int, last.split("-"))
    count = [year * 12 + month - 1 - back for back in range(months)]
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in reversed(count)]


def _subject(
    connection: Connection,
    asked: Asked,
    known: Known,
    interval: Interval,
    *,
    now: datetime,
    users: Collection[str],
) -> Subject:
    window = Window(interval, to_us(now), rolled=True)
    of = subjects.Asked(month_of(interval.start), asked.project, asked.sia)
    return subjects.subject(connection, of, known, window, users)


def _month(
    connection: Connection, known: Known, subject: Subject, common: Common, *, now: datetime
) -> _Month:
    """As `reports.statement` has it."""
    window = Window(common.interval, to_us(now), rolled=True)
    aliases, served = known.aliases, common.served
    devices = everywhere = covers.gather(connection, window, now).devices
    if subject.consumers is not None:
        names = aliases.names(subjects.with_servers(subject, served))
        used = store_totals.hosts_of(connection, window, names)
        window = msgspec.structs.replace(window, hosts=used)
        devices = covers.gather(connection, window, now).devices
    of = periods.Asked(window, common.cut, known.sites, subject.consumers, aliases)
    gathered = periods.gather(connection, of, common.grid)
    energies = reports.divided(gathered, served, subject.consumers)
    off = Intervals(
        energies,
        {one: figures.coverage(devices, {one}) for one in figures.COMPONENTS},
        subject.project,
        splits=reports.splits(served),
        grid=common.grid,
    )
    lines = figures.lines(energies, devices, subject.project)
    total, _ = off.total(
        figures.total(lines, figures.coverage(devices)), whole=subject.scope.kind == "all"
    )
    pues = cited(amounts.standing(energies, subject.project)).pues
    measured = bool(total.energy_uj) or any(one.covered_us > 0 for one in everywhere)
    return _Month(month_of(common.interval.start), energies, total, devices, pues, measured)


def constant(
    connection: Connection, zones: Sequence[str], day: date, as_of: datetime
) -> dict[str, FactorUse | None]:
    """The headline factor of each zone on a day, as known at an instant."""
    found: dict[str, FactorUse | None] = {}
    for zone in zones:
        held = store_factors.all_factors(connection, zone, (factors.ELECTRICITY,))
        try:
            found[zone] = factors.headline(held, zone, day, as_of)
        except FactorError:
            found[zone] = None
    return found


def under(parts: Sequence[Period], fixed: Mapping[str, FactorUse | None]) -> list[Period]:
    """The same energy under its own PUE, and these factors by zone in place of its own."""
    return [
        msgspec.structs.replace(
            part,
            terms={
                site: msgspec.structs.replace(terms, factor=fixed[terms.zone])
                for site, terms in part.terms.items()
            },
        )
        for part in parts
    ]


def _constant_ug(
    one: _Month, fixed: Mapping[str, FactorUse | None], project: str | None
) -> int | None:
    """The month's energy under its own PUE, and these factors in place of its own."""
    lines = figures.lines(under(one.periods, fixed), one.devices, project)
    return figures.total(lines, figures.coverage(one.devices)).emissions_ug
