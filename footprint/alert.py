"""Alerts of budgets: what is to be told, once when it comes about and once when it is over.

In: a `BurnUp`, what stands already, the present, hours in which nobody is to be disturbed. Out:
`Change`s, the instant from which they may be told, and the struct `Told` that says one. What is
unknown changes nothing: an agent that is switched off makes no alert go away, and is one itself.
METHOD.md, "Budgets".
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from footprint.budget import ENOUGH_PERMILLE
from footprint.burn import BurnUp
from footprint.interval import PARIS

Kind = Literal["threshold", "forecast", "coverage"]
Event = Literal["raised", "cleared", "ended"]

CALM: Mapping[Kind, timedelta] = {
    "threshold": timedelta(0),
    "forecast": timedelta(hours=24),
    "coverage": timedelta(hours=24),
}
"""For how long something must not be so any more before it is over: a forecast about the amount
would cross it day after day. What was used only falls where the past is restated."""
LATE_DAYS = 35
"""So long after its period a budget is watched: agents keep pages for as long."""
SATURDAY = 5


class Watched(msgspec.Struct, frozen=True, order=True):
    """What is watched of a budget: `threshold` (at `percent` of the amount), `forecast` (it comes
    to more than the amount), `coverage` (too little of yesterday and today is covered to say)."""

    kind: Kind
    percent: int = 0


class Standing(msgspec.Struct, frozen=True):
    """An alert that was raised and is not over; `calm_since`: what it warns of is so no more."""

    raised: datetime
    calm_since: datetime | None = None


class Change(msgspec.Struct, frozen=True):
    """What becomes of an alert: `event` where it is raised or over (`ended`: it is watched no more,
    and nobody is told); None where only `calm_since` changes."""

    watched: Watched
    event: Event | None
    calm_since: datetime | None = None


class Range(msgspec.Struct, frozen=True):
    """The ends between which an amount lies, in the indicator's unit."""

    low: Decimal
    high: Decimal


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was raised or is over, with what it rests on. Amounts are in `unit`. `used`
    lies in `interval` at 95 %, as far as it was measured; `coverage` and `recent_coverage`
    (yesterday and today) are in permille of the time that should have been. `text` and `subject`
    are what a mail says, in the service's language."""

    format: Literal[1] = 1
    event: Event
    kind: Kind
    percent: int
    budget: str
    name: str
    project: str | None
    sia: str | None
    indicator: str
    unit: str
    period: str
    amount: Decimal
    used: Decimal | None
    interval: Range | None
    forecast: Decimal | None
    forecast_band: Range | None
    exhausted: date | None
    coverage: int
    recent_coverage: int | None
    state: str
    at: datetime
    link: str
    subject: str = ""
    text: str = ""


class Quiet(msgspec.Struct, frozen=True):
    """Hours of Paris in which nobody is told anything, from `start` to `end` (of the next day where
    that is earlier); `weekends`: Saturdays and Sundays whole, too."""

    start: time
    end: time
    weekends: bool = False

    def covers(self, local: datetime) -> bool:
        """Whether it is quiet at an instant, in the time of Paris."""
        if self.weekends and local.weekday() >= SATURDAY:
            return True
        now = local.time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def holds(burn: BurnUp) -> dict[Watched, bool | None]:
    """What is so now of all that is watched; None where it cannot be known. A forecast says nothing
    once the amount is used up: the threshold has."""
    found: dict[Watched, bool | None] = {
        Watched("threshold", one.percent): None if burn.used is None else one.passed
        for one in burn.thresholds
    }
    forecast = None
    if burn.forecast is not None and burn.used is not None and burn.used <= burn.amount_base:
        forecast = burn.forecast.value > burn.amount_base
    covered = burn.recent_coverage
    found[Watched("forecast")] = forecast
    found[Watched("coverage")] = None if covered is None else covered < ENOUGH_PERMILLE
    return found


def watches(last: date, today: date) -> bool:
    """Whether a budget whose last day this is is watched."""
    return today <= last + timedelta(days=LATE_DAYS)


def changes(
    standing: Mapping[Watched, Standing], now_holds: Mapping[Watched, bool | None], now: datetime
) -> list[Change]:
    """What is to be changed; nothing twice. What stands and is watched no more has ended."""
    found = [Change(watched, "ended") for watched in standing if watched not in now_holds]
    for watched, so in now_holds.items():
        if so is not None:
            found.extend(_of_one(watched, standing.get(watched), now, so=so))
    return sorted(found, key=lambda one: one.watched)


def _of_one(
    watched: Watched, held: Standing | None, now: datetime, *, so: bool
) -> Iterator[Change]:
    if so:
        if held is None:
            yield Change(watched, "raised")
        elif held.calm_since is not None:
            yield Change(watched, None)
        return
    if held is None:
        return
    since = held.calm_since or now
    if now - since >= CALM[watched.kind]:
        yield Change(watched, "cleared")
    elif held.calm_since is None:
        yield Change(watched, None, now)


def due(now: datetime, quiet: Quiet | None) -> datetime:
    """The first instant from `now` on at which it is not quiet (UTC)."""
    if quiet is None:
        return now
    local = now.astimezone(PARIS)
    while quiet.covers(local):
        local = _next(local, quiet)
    return local.astimezone(UTC)


def _next(local: datetime, quiet: Quiet) -> datetime:
    """The next instant at which it might be over: the end of the hours, or a midnight."""
    end = datetime.combine(local.date(), quiet.end, PARIS)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), PARIS)
    if local.time() >= quiet.end:
        return midnight
    # In the hour that comes twice the first of both may be over already.
    return end if end.astimezone(UTC) > local.astimezone(UTC) else end.replace(fold=1)
