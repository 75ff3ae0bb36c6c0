"""How far a budget's forecast is off on years that were made up, beside the plain pace rule.

In: nothing. Out: errors by kind of year and by day of the forecast. A year has 1,000 units on an
ordinary day, times e^N(0, 0.08) from a seeded generator, and what its kind says; the plain rule
takes what was used so far, divided by the days so far, times the days of the year.
"""

import math
import random
import statistics
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from footprint.budget import Plan, Spent, forecast

FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
DAYS = (LAST - FIRST).days + 1
AT = (14, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330)
"""Days that are known."""
SEEDS = 20
NOISE = 0.08
WEEKEND = 0.35
SEASON = 0.25
GROWTH = 0.6
STEP_DAY, STEP = 200, 1.4


def _weekdays(number: int) -> float:
    return WEEKEND if (FIRST + timedelta(days=number)).weekday() >= 5 else 1


def _season(number: int) -> float:
    return 1 + SEASON * math.cos(2 * math.pi * (number - 15) / DAYS)


def _growth(number: int) -> float:
    return 1 + GROWTH * number / DAYS


def _step(number: int) -> float:
    return STEP if number >= STEP_DAY else 1


KINDS: dict[str, tuple[Callable[[int], float], ...]] = {
    "weekdays alone": (_weekdays,),
    "and seasons": (_weekdays, _season),
    "and growth": (_weekdays, _growth),
    "and a step": (_weekdays, _step),
    "and all three": (_weekdays, _season, _growth, _step),
}
PROFILED = "and seasons, in the budget's profile"


class Error(NamedTuple):
    """Of one kind of year: median and 90th percentile of the relative error of the forecast and of
    the plain rule, and how often the year's end was inside the band."""

    kind: str
    ours: tuple[float, float]
    plain: tuple[float, float]
    inside: float


def measure() -> list[Error]:
    """Every kind, over all days and seeds."""
    found = [_kind(name, parts, None) for name, parts in KINDS.items()]
    return [*found, _kind(PROFILED, KINDS["and seasons"], _profile())]


def _profile() -> tuple[int, ...]:
    """What the season is, month by month, as somebody who knows it would say."""
    sums = [0.0] * 12
    for number in range(DAYS):
        sums[(FIRST + timedelta(days=number)).month - 1] += _season(number)
    return tuple(round(one * 10) for one in sums)


def _kind(
    name: str, parts: tuple[Callable[[int], float], ...], profile: tuple[int, ...] | None
) -> Error:
    ours, plain, inside = [], [], []
    for seed in range(SEEDS):
        amounts = _year(parts, seed)
        whole = sum(amounts)
        plan = Plan(whole, FIRST, LAST, profile)
        for known in AT:
            spent = [
                Spent(FIRST + timedelta(days=number), amounts[number], 1000)
                for number in range(known)
            ]
            told = forecast(plan, spent, FIRST + timedelta(days=known))
            assert told is not None
            ours.append(abs(told.value / whole - 1))
            plain.append(abs(sum(amounts[:known]) / known * DAYS / whole - 1))
            inside.append(told.low <= whole <= told.high)
    return Error(name, _told(ours), _told(plain), statistics.mean(inside))


def _year(parts: tuple[Callable[[int], float], ...], seed: int) -> list[int]:
    generator = random.Random(seed)
    return [
        round(1e6 * math.exp(generator.gauss(0, NOISE)) * math.prod(part(n) for part in parts))
        for n in range(DAYS)
    ]


def _told(errors: list[float]) -> tuple[float, float]:
    return statistics.median(errors), statistics.quantiles(errors, n=10)[-1]
