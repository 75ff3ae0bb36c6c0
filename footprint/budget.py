"""Budgets: the plan of a period, what is used of it so far, and what it comes to in the end.

In: an amount and its profile, days with what was used on each and how much of it was covered, the
present day. Out: the plan day by day, a `Forecast` with its band, a `State`. The forecast is one
that a person can repeat with a sheet of paper: the days that remain are as the last ones were, each
weekday as that weekday was where there are four whole weeks of them, month by month in the
proportions of the budget's own profile. METHOD.md, "Budgets".
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

import msgspec

LEAST_DAYS = 3
"""Of fewer nothing is said of the future."""
RECENT_DAYS = 28
"""What a forecast rests on: four whole weeks, so that each weekday was there four times."""
BAND_WEEKS = 8
LEAST_WEEKS = 3
WEEK_DAYS = 7
KNOWN_PERMILLE = 500
"""A day of which less was covered says nothing of other days."""
ENOUGH_PERMILLE = 900
"""Coverage so far, below which nobody can say that a budget is kept."""
THOUSAND = 1000

State = Literal["on_track", "at_risk", "exceeded", "not_enough_coverage"]


class Plan(msgspec.Struct, frozen=True):
    """An amount for the days from `first` to `last`. `months`: the parts of the calendar's months,
    None for the same on every day; of a period that is no whole year those of its months count."""

    amount: int
    first: date
    last: date
    months: tuple[int, ...] | None = None

    def days(self) -> Iterator[date]:
        """Each day of the period."""
        return days(self.first, self.last)

    def weight(self, day: date) -> Fraction:
        """How much more than an ordinary one a day is to use."""
        if self.months is None:
            return Fraction(1)
        return Fraction(self.months[day.month - 1], calendar.monthrange(day.year, day.month)[1])

    def each(self) -> dict[date, int]:
        """What is planned from the first day to the end of each, rounded down; the last has all."""
        whole = sum((self.weight(day) for day in self.days()), Fraction())
        part, found = Fraction(), {}
        for day in self.days():
            part += self.weight(day)
            found[day] = int(self.amount * part / whole) if whole else 0
        return found

    def until(self, day: date) -> int:
        """What is planned from the first day to the end of `day`: nothing before, all after."""
        if day < self.first:
            return 0
        return self.each()[min(day, self.last)]


class Spent(msgspec.Struct, frozen=True):
    """What was used on a day, and how much of the day was covered, in permille of what should have
    been; None where nothing should have been: nothing is missing, and other days were not like it.
    """

    day: date
    amount: int
    covered: int | None


class Forecast(msgspec.Struct, frozen=True):
    """What the period comes to. The band: as if all weeks that remain were as the least or the most
    of the last eight, or as all of the period so far, or went on changing as the last four did from
    the four before, whichever is furthest. `rule`: each weekday as it was, or every day as the mean
    of the last `days`. `exhausted`: the day on which the amount is used up, none before the present
    unless it was measured, None where it is not; `exhausted_early`, `exhausted_late`: at the ends
    of the band."""

    rule: Literal["weekdays", "pace"]
    days: int
    low: int
    value: int
    high: int
    exhausted: date | None
    exhausted_early: date | None
    exhausted_late: date | None


class _Levels(msgspec.Struct, frozen=True):
    """What an ordinary day uses: by weekday; in the least and the most of the last weeks in
    proportion to that; and by how much of that it changes in a day."""

    rule: Literal["weekdays", "pace"]
    days: int
    by_weekday: Mapping[int, Fraction]
    least: Fraction
    most: Fraction
    drift: Fraction

    def at_least(self, ahead: int) -> Fraction:
        """The lower end, so many days from now."""
        return max(Fraction(), min(self.least, 1 + self.drift * ahead))

    def at_most(self, ahead: int) -> Fraction:
        """The upper end."""
        return max(self.most, 1 + self.drift * ahead)


def days(first: date, last: date) -> Iterator[date]:
    """Each day from the first to the last."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def forecast(plan: Plan, spent: Sequence[Spent], today: date) -> Forecast | None:
    """What the period comes to, by the days before `today`; None where too few are known. What was
    not covered of them is taken to have been as ordinary days, in the lower end as nothing."""
    levels = _levels(plan, [one for one in spent if one.day < today])
    if levels is None:
        return None
    used = {one.day: one for one in spent if plan.first <= one.day < today}
    ends = [
        _Run(plan, levels, used, scale=scale, fill=fill).result(today)
        for scale, fill in (
            (levels.at_least, False),
            (lambda _: Fraction(1), True),
            (levels.at_most, True),
        )
    ]
    (low, late), (value, expected), (high, early) = ends
    return Forecast(levels.rule, levels.days, low, value, high, expected, early, late)


class _Run:
    """One course of a period: known days as they were, all others by their level."""

    def __init__(
        self,
        plan: Plan,
        levels: _Levels,
        used: Mapping[date, Spent],
        *,
        scale: Callable[[int], Fraction],
        fill: bool,
    ) -> None:
        self._plan, self._levels, self._used = plan, levels, used
        self._scale, self._fill = scale, fill

    def result(self, today: date) -> tuple[int, date | None]:
        """What it comes to, and the day on which the plan's amount is used up."""
        total, exhausted = Fraction(), None
        for day in self._plan.days():
            total += self._of(day, today)
            if exhausted is None and total > self._plan.amount:
                exhausted = day
        measured = sum(one.amount for one in self._used.values())
        if exhausted is not None and measured <= self._plan.amount:
            exhausted = max(exhausted, today)
        return int(total), exhausted

    def _of(self, day: date, today: date) -> Fraction:
        level = self._levels.by_weekday[day.weekday()] * self._plan.weight(day)
        if day >= today:
            return level * self._scale((day - today).days + 1)
        held = self._used.get(day)
        if held is None:
            return level if self._fill else Fraction()
        if held.covered is None or not self._fill:
            return Fraction(held.amount)
        return held.amount + level * max(0, THOUSAND - held.covered) / THOUSAND


def _levels(plan: Plan, spent: Sequence[Spent]) -> _Levels | None:
    all_known = [
        (one.day, Fraction(one.amount * THOUSAND, one.covered) / plan.weight(one.day))
        for one in spent
        if one.covered is not None and one.covered >= KNOWN_PERMILLE and plan.weight(one.day)
    ]
    if len(all_known) < LEAST_DAYS:
        return None
    of_period = [level for day, level in all_known if day >= plan.first]
    levels = all_known[-BAND_WEEKS * WEEK_DAYS :]
    recent = levels[-RECENT_DAYS:]
    mean = _mean([level for _, level in recent])
    whole = len(recent) == RECENT_DAYS and (recent[-1][0] - recent[0][0]).days < RECENT_DAYS
    by_weekday = dict.fromkeys(range(WEEK_DAYS), mean)
    if whole:
        of_weekday = defaultdict(list)
        for day, level in recent:
            of_weekday[day.weekday()].append(level)
        by_weekday = {weekday: _mean(found) for weekday, found in of_weekday.items()}
    told = [level for _, level in levels]
    least, most = _ends(told, mean)
    if mean:
        so_far = _mean(of_period) / mean if of_period else Fraction(1)
        least, most = min(least, so_far), max(most, so_far)
    rule: Literal["weekdays", "pace"] = "weekdays" if whole else "pace"
    return _Levels(rule, len(recent), by_weekday, least, most, _drift(told, mean))


def _drift(levels: Sequence[Fraction], mean: Fraction) -> Fraction:
    """By how much of the mean a day differs from the one before, by the last four weeks and the
    four before; 0 where there are not as many."""
    if not mean or len(levels) < 2 * RECENT_DAYS:
        return Fraction()
    before = _mean(levels[-2 * RECENT_DAYS : -RECENT_DAYS])
    return (mean - before) / mean / RECENT_DAYS


def _ends(levels: Sequence[Fraction], mean: Fraction) -> tuple[Fraction, Fraction]:
    """The least and the most that a week used in proportion to the mean, of days where there are
    too few weeks; never on the wrong side of it."""
    if not mean:
        return Fraction(1), Fraction(1)
    ends = range(len(levels), WEEK_DAYS - 1, -WEEK_DAYS)
    weeks = [_mean(levels[end - WEEK_DAYS : end]) for end in ends]
    found = weeks if len(weeks) >= LEAST_WEEKS else levels
    one = Fraction(1)
    return min(one, min(found) / mean), max(one, max(found) / mean)


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction()) / len(values)


def state(amount: int, used: int, coverage: int, expected: Forecast | None) -> State:
    """How a budget stands: `used` is what was measured, which what was not covered can only add to,
    so that more than the amount is exceeded however little was covered. Only "on track" asks for
    coverage, in permille of what should have been covered so far, and for a forecast."""
    if used > amount:
        return "exceeded"
    if expected is not None and expected.value > amount:
        return "at_risk"
    if expected is None or coverage < ENOUGH_PERMILLE:
        return "not_enough_coverage"
    return "on_track"


def passed(amount: int, used: int, thresholds: Sequence[int]) -> list[int]:
    """The thresholds (permille of the amount) that are reached."""
    return [one for one in sorted(thresholds) if used * THOUSAND >= amount * one]
