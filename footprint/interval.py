"""Half-open intervals of aware UTC time; the quarter-hours of pages; the days and months of Paris.

Quarter-hours are the European electricity market's time unit (Regulation (EU) 2019/943, art. 8):
a page that ends on one meets the grid factor of its own quarter-hour. Days, months and French
factors follow Europe/Paris, so a day has 92, 96 or 100 quarter-hours.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

PARIS = ZoneInfo("Europe/Paris")
QUARTER_HOUR_SECONDS = 900
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2200, 12, 31)
"""The days that anything may name: no fact is older, and no conversion fails up to here."""
_AFTER_LAST = LAST_DAY + timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def is_utc(instant: datetime) -> bool:
    """Whether an instant is aware, and UTC."""
    return instant.tzinfo is UTC or instant.utcoffset() == timedelta(0)


class Interval(msgspec.Struct, frozen=True, order=True):
    """[start, end): two aware UTC instants, `end` not before `start`.

    Raises ValueError where an instant is naive or the interval runs backwards.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for instant in (self.start, self.end):
            if not is_utc(instant):
                raise ValueError(f"interval: {instant.isoformat()} is not an aware UTC instant")
        if self.end < self.start:
            raise ValueError(f"interval: ends at {self.end} before it starts at {self.start}")

    @property
    def microseconds(self) -> int:
        """Duration in integer microseconds."""
        return (self.end - self.start) // _MICROSECOND

    def intersection(self, other: "Interval") -> "Interval | None":
        """The common part, or None where there is none (touching ends have none)."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


def to_us(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exact."""
    return (instant - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The aware UTC instant `microseconds` after 1970-01-01T00:00Z, exact."""
    return _EPOCH + timedelta(microseconds=microseconds)


def check_page_seconds(page_seconds: int) -> int:
    """`page_seconds` if it divides a quarter-hour, else ValueError."""
    if page_seconds < 1 or QUARTER_HOUR_SECONDS % page_seconds:
        raise ValueError(
            f"page_seconds: {page_seconds} does not divide {QUARTER_HOUR_SECONDS}; "
            "choose 1, 5, 10, 60, 300 or 900"
        )
    return page_seconds


def floor_to(instant: datetime, seconds: int) -> datetime:
    """The last multiple of `seconds` since the epoch at or before `instant`."""
    size = seconds * 1_000_000
    return from_us(to_us(instant) // size * size)


def boundary_after(instant: datetime, seconds: int) -> datetime:
    """The first multiple of `seconds` since the epoch strictly after `instant`."""
    return floor_to(instant, seconds) + timedelta(seconds=seconds)


def cuts(interval: Interval, seconds: int) -> Iterator[Interval]:
    """The pieces of `interval` between multiples of `seconds`, in order; none if it is empty."""
    start = interval.start
    while start < interval.end:
        end = min(boundary_after(start, seconds), interval.end)
        yield Interval(start, end)
        start = end


def quarter_hours(interval: Interval) -> Iterator[Interval]:
    """The quarter-hours (or parts of them) that make up `interval`."""
    return cuts(interval, QUARTER_HOUR_SECONDS)


def check_day(day: date) -> date:
    """`day` if it is one that a fact may name, else ValueError."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


def paris_midnight(day: date) -> datetime:
    """The UTC instant at which `day` begins in Europe/Paris; a day outside of those that may be
    named counts as the nearest of them, so that nothing stored can fail."""
    day = min(max(day, FIRST_DAY), _AFTER_LAST)
    return datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)


def paris_day(day: date) -> Interval:
    """The UTC interval of a calendar day in Europe/Paris: 23, 24 or 25 hours."""
    return Interval(paris_midnight(day), paris_midnight(min(day, LAST_DAY) + timedelta(days=1)))


def paris_date(instant: datetime) -> date:
    """The calendar day of Europe/Paris that `instant` falls on."""
    return instant.astimezone(PARIS).date()


_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


def paris_month(month: str) -> Interval:
    """The UTC interval of a calendar month `YYYY-MM` in Europe/Paris.

    Raises ValueError with the form expected where `month` is not one.
    """
    match = _MONTH.fullmatch(month)
    if (
        not match
        or not 1 <= int(match[2]) <= 12
        or not (FIRST_DAY.year <= int(match[1]) <= LAST_DAY.year)
    ):
        raise ValueError(f"month: {month!r} is not a month; write YYYY-MM, such as 2026-11")
    year, number = int(match[1]), int(match[2])
    following = date(year + number // 12, number % 12 + 1, 1)
    return Interval(paris_midnight(date(year, number, 1)), paris_midnight(following))


def month_of(instant: datetime) -> str:
    """The month `YYYY-MM` of Europe/Paris that `instant` falls in."""
    return paris_date(instant).strftime("%Y-%m")
