"""Plans, forecasts and states, by numbers that a person can check on paper."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.budget import Forecast, Plan, Spent, days, forecast, passed, state

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
YEAR = Plan(365_000, FIRST, LAST)


def spent(amounts: list[int], first: date = FIRST, covered: int = 1000) -> list[Spent]:
    """One day after another."""
    return [Spent(first + timedelta(days=n), amount, covered) for n, amount in enumerate(amounts)]


def test_a_linear_plan_is_the_same_every_day() -> None:
    """A day's part of the amount, rounded down; the last day has all."""
    each = YEAR.each()
    assert (each[FIRST], each[date(2026, 7, 1)], each[LAST]) == (1000, 182_000, 365_000)
    assert Plan(100, FIRST, date(2026, 1, 3)).each() == {
        date(2026, 1, 1): 33,
        date(2026, 1, 2): 66,
        date(2026, 1, 3): 100,
    }
    assert YEAR.until(date(2025, 12, 31)) == 0
    assert YEAR.until(date(2027, 1, 1)) == 365_000


def test_a_profile_has_its_months_in_their_parts() -> None:
    """Three quarters in November, one in December, each day of a month alike."""
    plan = Plan(40, FIRST, LAST, (0,) * 10 + (3, 1))
    assert plan.until(date(2026, 10, 31)) == 0
    assert plan.until(date(2026, 11, 15)) == 15
    assert plan.until(date(2026, 11, 30)) == 30
    assert plan.until(date(2026, 12, 31)) == 40


def test_of_two_days_nothing_is_foretold() -> None:
    """Three days are the least."""
    assert forecast(YEAR, spent([1000] * 2), date(2026, 1, 3)) is None
    assert forecast(YEAR, spent([1000] * 3), date(2026, 1, 4)) is not None
    assert forecast(YEAR, spent([1000] * 9, covered=499), date(2026, 1, 10)) is None


def test_the_pace_goes_on() -> None:
    """Ten days of 1200: 365 of them; used up on the day that passes the amount."""
    found = forecast(YEAR, spent([1200] * 10), date(2026, 1, 11))
    assert found == Forecast(
        "pace",
        10,
        438_000,
        438_000,
        438_000,
        date(2026, 11, 1),
        date(2026, 11, 1),
        date(2026, 11, 1),
    )


def test_weekdays_are_as_they_were_once_there_are_four_weeks() -> None:
    """1 January 2026 is a Thursday: 261 working days of 1000, 104 days of 100."""
    amounts = [
        1000 if day.weekday() < 5 else 100 for day in days(FIRST, FIRST + timedelta(days=27))
    ]
    found = forecast(YEAR, spent(amounts), date(2026, 1, 29))
    assert found is not None
    assert (found.rule, found.days) == ("weekdays", 28)
    assert found.value == 261 * 1000 + 104 * 100
    assert found.low == found.high == found.value


def test_the_band_is_of_the_weeks_that_were() -> None:
    """Two weeks of 100, six of 200 a day: as if all that remain were the least, or the most; or
    went on rising as the last four weeks did from the four before."""
    amounts = [100] * 14 + [200] * 42
    plan = Plan(10**6, FIRST, FIRST + timedelta(days=65))
    found = forecast(plan, spent(amounts), FIRST + timedelta(days=56))
    assert found is not None
    so_far = sum(amounts)
    assert found.value == so_far + 10 * 200
    assert found.low == so_far + 10 * 100
    drift = Fraction(200 - 150, 200 * 28)
    assert found.high == int(so_far + sum(200 * (1 + drift * n) for n in range(1, 11)))


def test_what_was_not_covered_is_filled_but_in_the_lower_end() -> None:
    """A day half covered says 200 for a whole one; a day of which nothing is known, too."""
    plan = Plan(10**6, FIRST, FIRST + timedelta(days=9))
    known = spent([200, 200, 200]) + spent([100], FIRST + timedelta(days=3), 500)
    found = forecast(plan, known, FIRST + timedelta(days=5))
    assert found is not None
    assert found.value == 700 + 100 + 200 + 5 * 200
    assert found.low == 700 + 5 * 200


def test_days_before_the_period_tell_of_its_first_ones() -> None:
    """In proportion to the profile, of days that it has a part for."""
    before = spent([50] * 5, date(2025, 12, 27))
    plan = Plan(31_000, FIRST, date(2026, 1, 31))
    found = forecast(plan, before, FIRST)
    assert found is not None
    assert found.value == 31 * 50


@pytest.mark.parametrize(
    ("used", "coverage", "value", "expected"),
    [
        (101, 0, 0, "exceeded"),
        (100, 1000, 100, "on_track"),
        (50, 1000, 101, "at_risk"),
        (50, 100, 101, "at_risk"),
        (50, 899, 90, "not_enough_coverage"),
        (50, 900, 90, "on_track"),
        (50, 1000, None, "not_enough_coverage"),
    ],
)
def test_a_state_is_said_of_what_is_known(
    used: int, coverage: int, value: int | None, expected: str
) -> None:
    """Low coverage withholds "on track" alone."""
    told = None if value is None else Forecast("pace", 3, 0, value, value, None, None, None)
    assert state(100, used, coverage, told) == expected


def test_thresholds_are_reached_at_their_amount() -> None:
    """Not before."""
    assert passed(1000, 499, [500, 800]) == []
    assert passed(1000, 500, [800, 500]) == [500]
    assert passed(1000, 5000, [1000, 500, 800]) == [500, 800, 1000]


@given(
    st.lists(st.integers(0, 10**15), min_size=3, max_size=80),
    st.lists(st.integers(0, 1000), min_size=12, max_size=12).filter(any),
    st.integers(1, 10**18),
)
def test_a_band_holds_its_forecast(amounts: list[int], months: list[int], amount: int) -> None:
    """Whatever was used: low, value and high are in order, not less than what was measured, and
    the days of exhaustion are in order too."""
    plan = Plan(amount, FIRST, LAST, tuple(months))
    told = spent(amounts)
    found = forecast(plan, told, told[-1].day + timedelta(days=1))
    if found is None:
        return
    assert sum(amounts) <= found.low <= found.value <= found.high
    dates = [
        one or date.max for one in (found.exhausted_early, found.exhausted, found.exhausted_late)
    ]
    assert dates == sorted(dates)
