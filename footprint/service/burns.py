"""What became of budgets: gathers the days of a budget's period from rollups.

In: a read connection on rollups that are up to date, a `Held` budget. Out: `BurnUp`. What is used
is what statements state, day by day; greenhouse gases at the factors that the budget has frozen.
The hosts whose coverage counts are all that the scope used since two months before the period: one
that falls silent is missed, and does not make the rest look whole.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from footprint import METHOD_VERSION, amounts, budget, figures
from footprint.amounts import Period
from footprint.applied import FactorUse, PueUse
from footprint.budget import THOUSAND, Spent
from footprint.burn import BurnUp, Day, Passed, Ranked, Target
from footprint.cited import cited
from footprint.counts import known_sum
from footprint.figures import DeviceCover
from footprint.interval import Interval, paris_date, paris_midnight, to_us
from footprint.intervals import Intervals
from footprint.service import (
    covers,
    periods,
    reports,
    store_totals,
    subjects,
    trend_months,
    trends,
)
from footprint.service.budgets import BASES, UNITS, Budget, Held
from footprint.service.known import Known, known_at
from footprint.service.store_facts import Window
from footprint.service.subjects import Subject
from footprint.service.trend_months import Common, CommonMonths
from footprint.statement import Figure
from footprint.uncertainty import Bounds

MONTHS_BEFORE = 2
BASE_UNITS = {
    "energy": "uJ",
    "emissions": "ug",
    "water": "ul",
    "energy_per_1000_tokens": "uJ/1000 tokens",
}


class Asked(msgspec.Struct, frozen=True):
    """Of which budget, with the register, the zone of hosts of no site, and the present."""

    held: Held
    known: Known
    zone: str
    now: datetime

    @property
    def budget(self) -> Budget:
        """As it is."""
        return self.held.budget


class _Days(msgspec.Struct, frozen=True):
    """Energies by day, each a period; and what they rest on."""

    subject: Subject
    common: Sequence[Common]
    by_day: Mapping[date, Sequence[Period]]
    hosts: tuple[str, ...] | None


def burn_up(
    connection: Connection, held: Held, zone: str, now: datetime, kept: CommonMonths
) -> BurnUp:
    """The budget as things are now. Raises ReportError where its project or SIA is gone."""
    asked = Asked(held, known_at(connection), zone, now)
    found = _gather(connection, asked, kept)
    plan = asked.budget.plan
    today = paris_date(now)
    constant = _frozen(connection, asked, found)
    so_far = [day for day in found.by_day if plan.first <= day <= min(today, plan.last)]
    used = _used(connection, asked, found, so_far, constant)
    spent = _spent(connection, asked, found, constant)
    coverage = _coverage(connection, asked, found, plan.first, min(today, plan.last))
    ratio = asked.budget.indicator == "energy_per_1000_tokens"
    expected = None if ratio or used is None else budget.forecast(plan, spent, today)
    parts = [part for day in so_far for part in found.by_day[day]]
    return BurnUp(
        format=1,
        code=asked.budget.code,
        name=asked.budget.name,
        project=asked.budget.project,
        sia_code=asked.budget.sia,
        indicator=asked.budget.indicator,
        unit=UNITS[asked.budget.indicator],
        base_unit=BASE_UNITS[asked.budget.indicator],  # type: ignore[arg-type]
        period=asked.budget.period,
        first=plan.first,
        last=plan.last,
        as_of=now,
        amount=asked.budget.amount,
        amount_base=plan.amount,
        used=used,
        used_shown=None if used is None else Decimal(used) / BASES[asked.budget.indicator],
        interval=None if ratio else _interval(connection, asked, found, constant),
        planned=plan.until(today),
        coverage=coverage,
        recent_coverage=_recent(connection, asked, found),
        state=_state(plan.amount, used, coverage, expected, ratio=ratio),
        forecast=expected,
        thresholds=[
            Passed(
                one // 10,
                plan.amount * one // THOUSAND,
                used is not None and bool(budget.passed(plan.amount, used, [one])),
            )
            for one in asked.budget.permille
        ],
        days=[] if ratio else _points(asked, spent, used, today),
        sia=_ranked(asked, found, parts, constant),
        trajectory=[
            Target(step.year, int(step.amount * BASES[asked.budget.indicator]))
            for step in asked.budget.trajectory
        ],
        factors=[use for use in constant.values() if use],
        pues=_pues(found, parts),
        method_version=held.method_version,
        method_changed=held.method_version != METHOD_VERSION,
        known_from=held.known_from,
        reason=asked.budget.reason,
        ended=asked.budget.ended,
    )


def _gather(connection: Connection, asked: Asked, kept: CommonMonths) -> _Days:
    plan, today = asked.budget.plan, paris_date(asked.now)
    names = _months(plan.first, min(plan.last, today))
    spans = [subjects.month_interval(name) for name in names]
    wanted = [
        trend_months.Asked(span, asked.known, asked.zone, asked.now, daily=True) for span in spans
    ]
    common = kept.get(connection, wanted)
    users = {user for one in common for user in one.users}
    window = Window(spans[-1], to_us(asked.now), rolled=True)
    of = subjects.Asked(names[-1], asked.budget.project, asked.budget.sia)
    subject = subjects.subject(connection, of, asked.known, window, users)
    by_day: dict[date, list[Period]] = {}
    hosts: set[str] = set()
    for one in common:
        month = msgspec.structs.replace(window, interval=one.interval)
        named = asked.known.aliases.names(subjects.with_servers(subject, one.served))
        hosts.update(store_totals.hosts_of(connection, month, named))
        asks = periods.Asked(
            month, one.cut, asked.known.sites, subject.consumers, asked.known.aliases
        )
        gathered = periods.gather(connection, asks, one.grid)
        energies = reports.divided(gathered, one.served, subject.consumers)
        for piece, period in zip(one.cut, energies, strict=True):
            by_day.setdefault(paris_date(piece.interval.start), []).append(period)
    return _Days(subject, common, by_day, tuple(sorted(hosts)) or None)


def _months(first: date, last: date) -> list[str]:
    """The months of a period so far, and two before it."""
    begin = first.year * 12 + first.month - 1 - MONTHS_BEFORE
    end = max(begin, last.year * 12 + last.month - 1)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(begin, end + 1)]


def _frozen(connection: Connection, asked: Asked, found: _Days) -> dict[str, FactorUse | None]:
    """The factors that count: those that were known when the budget was made, for its first day or,
    where none was valid then, for the day on which it was made."""
    if asked.budget.indicator != "emissions":
        return {}
    parts = [part for of_day in found.by_day.values() for part in of_day]
    zones = sorted({terms.zone for part in parts for terms in part.terms.values()})
    as_of = asked.held.factors_as_of
    frozen = trends.constant(connection, zones, asked.budget.plan.first, as_of)
    now = trends.constant(connection, zones, paris_date(as_of), as_of)
    return {zone: frozen[zone] or now[zone] for zone in zones}


def _under(parts: Sequence[Period], constant: Mapping[str, FactorUse | None]) -> Sequence[Period]:
    """The same energy under the frozen factors."""
    return trends.under(parts, constant) if constant else parts


def _figure(parts: Sequence[Period], project: str | None) -> Figure:
    return figures.total(figures.lines(parts, [], project), figures.coverage([]))


def _amount(figure: Figure, asked: Asked) -> int | None:
    """What a figure says of the indicator."""
    if asked.budget.indicator == "emissions":
        return figure.emissions_ug
    if asked.budget.indicator == "water":
        return known_sum((figure.impacts["water_grid_ul"], figure.impacts["water_site_ul"]))
    return figure.energy_uj


def _used(
    connection: Connection,
    asked: Asked,
    found: _Days,
    so_far: Sequence[date],
    constant: Mapping[str, FactorUse | None],
) -> int | None:
    if asked.budget.indicator == "energy_per_1000_tokens":
        return _per_1000_tokens(connection, asked)
    parts = [part for day in so_far for part in found.by_day[day]]
    return _amount(_figure(_under(parts, constant), found.subject.project), asked)


def _per_1000_tokens(connection: Connection, asked: Asked) -> int | None:
    """Of all months of the period so far together, as their statements count it."""
    plan, today = asked.budget.plan, paris_date(asked.now)
    sample = energy_uj = 0
    for name in _months(plan.first, min(plan.last, today))[MONTHS_BEFORE:]:
        of = subjects.Asked(name, None, asked.budget.sia)
        made = reports.statement(connection, of, asked.zone, asked.now, rolled=True)
        for one in made.consumers:
            ratio = one.efficiency and one.efficiency.per_1000_generated_tokens
            if one.consumer == asked.budget.sia and ratio and ratio.sample:
                sample, energy_uj = sample + ratio.sample, energy_uj + ratio.sample_uj
    return energy_uj * THOUSAND // sample if sample else None


def _spent(
    connection: Connection,
    asked: Asked,
    found: _Days,
    constant: Mapping[str, FactorUse | None],
) -> list[Spent]:
    """Each day before today of which the amount is known."""
    today = paris_date(asked.now)
    past = sorted(day for day in found.by_day if day < today)
    covers_of = _covers(connection, asked, found, past)
    spent = []
    for day in past:
        covered = _permille(covers_of[day])
        amount = _amount(_figure(_under(found.by_day[day], constant), found.subject.project), asked)
        if amount is not None:
            spent.append(Spent(day, amount, covered))
    return spent


def _coverage(connection: Connection, asked: Asked, found: _Days, first: date, last: date) -> int:
    """Permille of what should have been covered from the first day to the end of the last."""
    return _covered(connection, asked, found, first, last) or 0


def _recent(connection: Connection, asked: Asked, found: _Days) -> int | None:
    plan, today = asked.budget.plan, paris_date(asked.now)
    if not plan.first <= today <= plan.last:
        return None
    return _covered(connection, asked, found, today - timedelta(days=1), today)


def _covers(
    connection: Connection, asked: Asked, found: _Days, past: Sequence[date]
) -> dict[date, list[DeviceCover]]:
    """Of days that are over, in order: their covers, in two queries for all."""
    if not past:
        return {}
    starts = [paris_midnight(day) for day in past]
    whole = Interval(starts[0], paris_midnight(past[-1] + timedelta(days=1)))
    window = Window(whole, to_us(asked.now), found.hosts, rolled=True)
    covered = covers.of_days(connection, window, [to_us(start) for start in starts])
    return dict(zip(past, covered, strict=True))


def _covered(
    connection: Connection, asked: Asked, found: _Days, first: date, last: date
) -> int | None:
    """None where nothing was expected."""
    if last < first:
        return None
    interval = Interval(paris_midnight(first), paris_midnight(last + timedelta(days=1)))
    window = Window(interval, to_us(asked.now), found.hosts, rolled=True)
    return _permille(covers.gather(connection, window, asked.now).devices)


def _permille(devices: Sequence[DeviceCover]) -> int | None:
    """None where nothing was expected."""
    cover = figures.coverage(devices)
    if not cover.expected_us:
        return None
    return min(THOUSAND, cover.covered_us * THOUSAND // cover.expected_us)


def _state(
    amount: int, used: int | None, coverage: int, expected: budget.Forecast | None, *, ratio: bool
) -> budget.State:
    if used is None:
        return "not_enough_coverage"
    if ratio:  # it is what it is: there is no end that it runs to
        kept = "on_track" if coverage >= budget.ENOUGH_PERMILLE else "not_enough_coverage"
        return "exceeded" if used > amount else kept  # type: ignore[return-value]
    return budget.state(amount, used, coverage, expected)


def _interval(
    connection: Connection,
    asked: Asked,
    found: _Days,
    constant: Mapping[str, FactorUse | None],
) -> Bounds | None:
    """The ends of what was used so far: those of its months together, as if all were off alike."""
    plan, today = asked.budget.plan, paris_date(asked.now)
    low = high = 0
    for one in found.common:
        days = [day for day in _days_of(one.interval) if plan.first <= day <= min(plan.last, today)]
        parts = _under([part for day in days for part in found.by_day[day]], constant)
        if not parts:
            continue
        window = Window(one.interval, to_us(asked.now), found.hosts, rolled=True)
        devices = covers.gather(connection, window, asked.now).devices
        off = Intervals(
            parts,
            {name: figures.coverage(devices, {name}) for name in figures.COMPONENTS},
            found.subject.project,
            splits=reports.splits(one.served),
        )
        lines = figures.lines(parts, devices, found.subject.project)
        total, _ = off.total(figures.total(lines, figures.coverage(devices)), whole=False)
        ends = _ends(total, asked)
        if ends is None:
            return None
        low, high = low + ends.low, high + ends.high
    return Bounds(low, high)


def _ends(total: Figure, asked: Asked) -> Bounds | None:
    names = {
        "energy": ("energy_uj",),
        "emissions": ("emissions_ug",),
        "water": ("water_grid_ul", "water_site_ul"),
    }[asked.budget.indicator]
    found = [total.intervals.get(name) for name in names]  # type: ignore[call-overload]
    if None in found:
        return None
    return Bounds(sum(one.low for one in found), sum(one.high for one in found))


def _days_of(interval: Interval) -> list[date]:
    last = paris_date(interval.end) - timedelta(days=1)
    return list(budget.days(paris_date(interval.start), last))


def _points(asked: Asked, spent: Sequence[Spent], used: int | None, today: date) -> list[Day]:
    """The period day by day; the last day of it that is known has what was used in all."""
    plan = asked.budget.plan
    held = {one.day: one for one in spent if plan.first <= one.day}
    planned = plan.each()
    points, sum_ = [], 0
    for day in plan.days():
        if day > today:
            points.append(Day(day, None, planned[day], None))
        elif day == min(today, plan.last):
            covered = held[day].covered if day in held else None
            points.append(Day(day, used, planned[day], covered))
        else:
            sum_ += held[day].amount if day in held else 0
            points.append(Day(day, sum_, planned[day], held[day].covered if day in held else None))
    return points


def _ranked(
    asked: Asked, found: _Days, parts: Sequence[Period], constant: Mapping[str, FactorUse | None]
) -> list[Ranked]:
    """What each SIA has of what its project used, the largest first."""
    if found.subject.project is None or asked.budget.indicator == "energy_per_1000_tokens":
        return []
    lines = figures.lines(_under(parts, constant), [], found.subject.project)
    sums: dict[str, int | None] = {}
    for line in lines:
        amount = _amount(line.figure, asked)
        sums[line.consumer] = known_sum((sums.get(line.consumer, 0), amount))
    names = {code: item.name for code, item in asked.known.sia.items()}
    ranked = [Ranked(code, names.get(code), amount) for code, amount in sums.items()]
    return sorted(ranked, key=lambda one: (-(one.used or 0), one.sia))


def _pues(found: _Days, parts: Sequence[Period]) -> list[PueUse]:
    return cited(amounts.standing(parts, found.subject.project)).pues
