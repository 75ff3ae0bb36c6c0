"""What is told of a budget, and when: once, and not while it is quiet."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import alert
from footprint.alert import Change, Quiet, Standing, Watched
from footprint.interval import PARIS

HALF = Watched("threshold", 50)
FORECAST = Watched("forecast")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NIGHTS = Quiet(time(19), time(8))
WORKING = Quiet(time(19), time(8), weekends=True)


def paris(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS)


@given(st.lists(st.sampled_from([True, False, None]), max_size=60), st.integers(1, 30))
def test_raised_and_over_take_turns(course: list[bool | None], hours: int) -> None:
    """Whatever is seen, nothing is told twice; what is unknown tells nothing; over is told of what
    was not so for a whole day."""
    standing: dict[Watched, Standing] = {}
    told: list[str] = []
    now, seen = NOW, []
    for so in course:
        now += timedelta(hours=hours)
        seen.append((now, so))
        for change in alert.changes(standing, {FORECAST: so}, now):
            if change.event == "raised":
                standing[FORECAST] = Standing(now)
            elif change.event == "cleared":
                held = standing.pop(FORECAST)
                assert held.calm_since is not None
                calm = [one for at, one in seen if at >= held.calm_since]
                assert True not in calm
                assert now - held.calm_since >= timedelta(hours=24)
            else:
                standing[FORECAST] = Standing(standing[FORECAST].raised, change.calm_since)
            told += [change.event] if change.event else []
    assert told == (["raised", "cleared"] * len(told))[: len(told)]
    assert len(told) == 0 or True in course


def test_a_threshold_is_over_at_once() -> None:
    """What was used falls only where it is restated."""
    standing = {HALF: Standing(NOW)}
    assert alert.changes(standing, {HALF: False}, NOW) == [Change(HALF, "cleared")]
    assert alert.changes(standing, {HALF: True}, NOW) == []
    assert alert.changes(standing, {HALF: None}, NOW) == []
    assert alert.changes(standing, {}, NOW) == [Change(HALF, "ended")]


AGAIN = datetime(2026, 10, 25, 1, 1, tzinfo=UTC)
"""A minute into the hour that comes twice, when it comes again."""


@pytest.mark.parametrize(
    ("quiet", "now", "due"),
    [
        (None, paris(20, 23), paris(20, 23)),
        (NIGHTS, paris(20, 12), paris(20, 12)),
        (NIGHTS, paris(20, 19), paris(21, 8)),
        (NIGHTS, paris(21, 7, 59), paris(21, 8)),
        (NIGHTS, paris(21, 8), paris(21, 8)),
        (WORKING, paris(20, 18, 59), paris(20, 18, 59)),
        (WORKING, paris(20, 20), paris(23, 8)),  # a Friday evening
        (WORKING, paris(22, 12), paris(23, 8)),
        (Quiet(time(12), time(14)), paris(20, 13), paris(20, 14)),
        (Quiet(time(20), time(0)), paris(20, 21), paris(21, 0)),
        (Quiet(time(0), time(0), weekends=True), paris(21, 1), paris(23, 0)),
        (NIGHTS, paris(24, 23, month=10), paris(25, 8, month=10)),  # the clocks go back
        (Quiet(time(16), time(2, 30)), AGAIN, AGAIN + timedelta(minutes=29)),
    ],
)
def test_messages_wait_until_it_is_not_quiet(
    quiet: Quiet | None, now: datetime, due: datetime
) -> None:
    """In hours of Paris, also where the clocks change."""
    assert alert.due(now, quiet) == due


@given(
    st.timedeltas(timedelta(0), timedelta(days=365)),
    st.times(),
    st.times(),
    st.booleans(),
)
def test_the_hour_comes(after: timedelta, start: time, end: time, weekends: bool) -> None:
    """Within three days, and it is not quiet then."""
    quiet, now = Quiet(start, end, weekends), NOW + after
    found = alert.due(now, quiet)
    assert not quiet.covers(found.astimezone(PARIS))
    assert now <= found <= now + timedelta(days=3, hours=25)
