"""Bounds of intervals, pages and months: what is refused, and with which words."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from footprint import interval
from footprint.interval import Interval

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "instant",
    [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=1)))],
    ids=["naive", "offset"],
)
def test_only_aware_utc_instants_make_an_interval(instant: datetime) -> None:
    """Naive and local instants are refused at either end."""
    for start, end in ((instant, NOON), (NOON, instant)):
        with pytest.raises(ValueError, match="is not an aware UTC instant"):
            Interval(start, end)


def test_an_interval_does_not_run_backwards() -> None:
    """The end is not before the start; an empty interval is one."""
    with pytest.raises(ValueError, match="before it starts"):
        Interval(NOON, NOON - SECOND)
    assert Interval(NOON, NOON).microseconds == 0
    assert Interval(NOON, NOON + SECOND).microseconds == 1_000_000


def test_half_open_intervals_that_touch_share_nothing() -> None:
    """An instant belongs to one interval only."""
    before, after = Interval(NOON - SECOND, NOON), Interval(NOON, NOON + SECOND)
    assert before.intersection(after) is None
    assert Interval(NOON - SECOND, NOON + SECOND).intersection(after) == after


@pytest.mark.parametrize("seconds", [1, 5, 10, 60, 100, 300, 900])
def test_a_page_divides_the_quarter_hour(seconds: int) -> None:
    """Divisors of 900 are page lengths."""
    assert interval.check_page_seconds(seconds) == seconds


@pytest.mark.parametrize("seconds", [0, -900, 7, 901, 1800])
def test_other_page_lengths_are_refused(seconds: int) -> None:
    """A page must never cross a quarter-hour."""
    with pytest.raises(ValueError, match=f"page_seconds: {seconds} does not divide 900; choose"):
        interval.check_page_seconds(seconds)


def test_boundaries_are_utc_quarter_hours() -> None:
    """10:14:59.3 lies between 10:00 and 10:15; a boundary itself begins the next page."""
    instant = datetime(2026, 11, 21, 10, 14, 59, 300_000, tzinfo=UTC)
    quarter = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    assert interval.floor_to(instant, 900) == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    assert interval.boundary_after(instant, 900) == quarter
    assert interval.floor_to(quarter, 900) == quarter
    assert interval.boundary_after(quarter, 900) == quarter + 900 * SECOND


def test_microseconds_since_the_epoch() -> None:
    """Against a known instant: 2001-09-09T01:46:40Z is a thousand million seconds."""
    instant = datetime(2001, 9, 9, 1, 46, 40, 1, tzinfo=UTC)
    assert interval.to_us(instant) == 10**15 + 1
    assert interval.from_us(10**15 + 1) == instant


@pytest.mark.parametrize(
    "month",
    [
        "2026-13",
        "2026-00",
        "2026-1",
        "26-11",
        "2026/11",
        "2026-11\n",
        "",
        "1969-12",
        "9999-01",
        "٢٠٢٦-١١",
    ],
)
def test_what_is_no_month_is_refused_with_the_form(month: str) -> None:
    """One line says how to write it."""
    with pytest.raises(ValueError, match=r"is not a month; write YYYY-MM, such as 2026-11"):
        interval.paris_month(month)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_day_beyond_those_that_may_be_named_counts_as_the_nearest(day: date) -> None:
    """Whatever is stored, no conversion fails."""
    assert 1969 <= interval.paris_midnight(day).year <= 2200
    assert interval.paris_day(day).microseconds == 0
    with pytest.raises(ValueError, match="is not between 1970-01-01 and 2200-12-31"):
        interval.check_day(day)


def test_a_day_of_paris_in_winter_and_summer() -> None:
    """Midnight in Paris is 23:00 or 22:00 UTC of the day before."""
    assert interval.paris_midnight(date(2026, 1, 1)) == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert interval.paris_midnight(date(2026, 7, 1)) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert interval.paris_date(datetime(2026, 6, 30, 22, tzinfo=UTC)) == date(2026, 7, 1)
    assert interval.month_of(datetime(2026, 6, 30, 21, 59, tzinfo=UTC)) == "2026-06"
