"""Time: quarter-hours tile any interval, days and months of Paris tile the year."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.interval import (
    PARIS,
    Interval,
    boundary_after,
    cuts,
    floor_to,
    from_us,
    month_of,
    paris_date,
    paris_day,
    paris_month,
    quarter_hours,
    to_us,
)

instants = st.datetimes(datetime(1970, 1, 2), datetime(2120, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
durations = st.timedeltas(timedelta(0), timedelta(hours=60))
page_seconds = st.sampled_from([1, 5, 10, 60, 300, 900])
days = st.dates(date(1990, 1, 1), date(2100, 1, 1))

CHANGE_DAYS = [
    # The last Sundays of March and October (directive 2000/84/EC).
    (date(2024, 3, 31), 92),
    (date(2024, 10, 27), 100),
    (date(2025, 3, 30), 92),
    (date(2025, 10, 26), 100),
    (date(2026, 3, 29), 92),
    (date(2026, 10, 25), 100),
    (date(2027, 3, 28), 92),
    (date(2027, 10, 31), 100),
]


@given(instants, durations)
def test_quarter_hours_tile_any_interval(start: datetime, duration: timedelta) -> None:
    """The pieces meet end to end, each inside one UTC quarter-hour, and nothing is left over."""
    whole = Interval(start, start + duration)
    pieces = list(quarter_hours(whole))
    assert sum(piece.microseconds for piece in pieces) == whole.microseconds
    assert all(before.end == after.start for before, after in pairwise(pieces))
    if pieces:
        assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    for piece in pieces:
        assert piece.microseconds > 0
        assert piece.end <= boundary_after(piece.start, 900)
    for piece in pieces[1:]:
        assert piece.start == floor_to(piece.start, 900)
    assert bool(pieces) == bool(duration)


@given(instants, durations.map(lambda d: d / 60), st.sampled_from([5, 60, 300]))
def test_shorter_pages_tile_the_quarter_hours(start, duration, seconds) -> None:  # type: ignore[no-untyped-def]
    """Every boundary of a quarter-hour is also one of any page length that divides it."""
    whole = Interval(start, start + duration)
    ends = {piece.end for piece in cuts(whole, seconds)}
    assert {piece.end for piece in quarter_hours(whole)} <= ends


@given(instants, page_seconds)
def test_an_instant_lies_between_its_boundaries(instant: datetime, seconds: int) -> None:
    """floor_to <= instant < boundary_after, one page apart."""
    below, above = floor_to(instant, seconds), boundary_after(instant, seconds)
    assert below <= instant < above
    assert above - below == timedelta(seconds=seconds)


@given(instants)
def test_microseconds_are_exact(instant: datetime) -> None:
    """An instant survives its count of microseconds."""
    assert from_us(to_us(instant)) == instant


@pytest.mark.parametrize(("day", "quarters"), CHANGE_DAYS)
def test_change_days_are_short_or_long(day: date, quarters: int) -> None:
    """The spring day has 92 quarter-hours and the autumn day 100; their neighbours have 96."""
    assert len(list(quarter_hours(paris_day(day)))) == quarters
    for neighbour in (day - timedelta(days=1), day + timedelta(days=1)):
        assert len(list(quarter_hours(paris_day(neighbour)))) == 96


@given(days)
def test_days_tile_time(day: date) -> None:
    """A day of Paris ends where the next begins, is whole quarter-hours, and holds its instants."""
    interval = paris_day(day)
    assert interval.end == paris_day(day + timedelta(days=1)).start
    assert len(list(quarter_hours(interval))) in (92, 96, 100)
    assert floor_to(interval.start, 900) == interval.start
    assert paris_date(interval.start) == day
    assert paris_date(interval.end - timedelta(microseconds=1)) == day
    assert interval.start.astimezone(PARIS).hour == 0


@pytest.mark.parametrize("year", [1999, 2024, 2025, 2026, 2027, 2100])
def test_months_tile_the_year(year: int) -> None:
    """The twelve months meet end to end and are exactly the days of the year."""
    months = [paris_month(f"{year}-{number:02}") for number in range(1, 13)]
    assert all(before.end == after.start for before, after in pairwise(months))
    assert months[0].start == paris_day(date(year, 1, 1)).start
    assert months[-1].end == paris_day(date(year, 12, 31)).end


@given(instants)
def test_an_instant_lies_in_its_month(instant: datetime) -> None:
    """The month an instant falls in contains it."""
    month = paris_month(month_of(instant))
    assert month.start <= instant < month.end


@given(instants, durations, instants, durations)
def test_intersections_are_common_time(a, a_long, b, b_long) -> None:  # type: ignore[no-untyped-def]
    """The same either way round, inside both, and none where the ends only touch."""
    one, other = Interval(a, a + a_long), Interval(b, b + b_long)
    common = one.intersection(other)
    assert common == other.intersection(one)
    if common:
        assert max(a, b) == common.start < common.end == min(one.end, other.end)
    assert one.intersection(Interval(one.end, one.end + b_long)) is None


@given(instants, durations)
def test_overlaps_add_up_over_days(start: datetime, duration: timedelta) -> None:
    """An interval's common time with each day it touches adds up to the interval."""
    whole = Interval(start, start + duration)
    count = (paris_date(whole.end) - paris_date(start)).days + 1
    touched = [paris_day(paris_date(start) + timedelta(days=n)) for n in range(count)]
    common = [whole.intersection(day) for day in touched]
    assert sum(part.microseconds for part in common if part) == whole.microseconds
