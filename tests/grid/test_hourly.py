"""Each joule meets the grid of its own quarter-hour, on change days too."""

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.applied import GridUse
from footprint.factor_table import parse
from footprint.grid import hourly
from footprint.grid.day import GridDay, GridTime, grid_day
from footprint.grid.hourly import QUARTER_US, Grid, Weighed
from footprint.grid.quarter import Quarter
from footprint.interval import paris_day, quarter_hours, to_us

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SHIPPED = parse(
    files("footprint.service").joinpath("data/french_electricity.csv").read_text("utf-8"), NOW
)
DAY = date(2026, 2, 1)
START_US = to_us(paris_day(DAY).start)


def told(start: datetime, direct: int | None, life_cycle: int | None) -> GridTime:
    return GridTime(start, "real-time", {}, None, direct, life_cycle)


def grid_of(day: date, intensities: list[int | None]) -> Grid:
    """A day with these direct intensities, and half of them over the life cycle."""
    quarters = [
        told(piece.start, one, None if one is None else one // 2)
        for piece, one in zip(quarter_hours(paris_day(day)), intensities, strict=True)
    ]
    found = GridDay("FR", day, NOW, {}, {}, quarters, [])
    return Grid({"FR": [found]}, {"": "FR", "salle": "FR", "halle": "DE"})


@pytest.mark.parametrize(
    ("day", "quarters"),
    [(date(2026, 3, 29), 92), (date(2026, 2, 1), 96), (date(2026, 10, 25), 100)],
)
def test_a_joule_meets_its_own_quarter_hour(day: date, quarters: int) -> None:
    """Of UTC, on the days when clocks change as on any other: a profile with one joule in it finds
    the intensity that stands at the same place."""
    grid = grid_of(day, [10**6 + n for n in range(quarters)])
    start_us = to_us(paris_day(day).start)
    for n in range(quarters):
        profile = [0] * quarters
        profile[n] = 7
        assert grid.weigh("salle", start_us, profile)["hourly_direct"] == Weighed(
            7 * (10**6 + n), 7
        )
        one = grid.weigh("salle", start_us + n * QUARTER_US, [7])
        assert one["hourly_direct"] == Weighed(7 * (10**6 + n), 7)
        assert one["hourly_life_cycle"].uj_ug_per_kwh == 7 * ((10**6 + n) // 2)


profiles = st.lists(st.integers(0, 2**53), min_size=96, max_size=96)
intensities = st.lists(st.one_of(st.none(), st.integers(0, 10**9)), min_size=96, max_size=96)


@given(profiles, intensities)
def test_a_day_at_once_is_its_quarter_hours(profile: list[int], known: list[int | None]) -> None:
    """Weighed together or one by one: the same; energy of unknown quarter-hours is not counted."""
    grid = grid_of(DAY, known)
    whole = grid.weigh("", START_US, profile)
    parts = [grid.weigh("", START_US + n * QUARTER_US, [uj]) for n, uj in enumerate(profile) if uj]
    assert whole == hourly.total(parts)
    known_uj = sum(uj for uj, one in zip(profile, known, strict=True) if one is not None)
    assert whole.get("hourly_direct", Weighed(0, 0)).known_uj == known_uj


def test_what_is_not_known_is_in_no_view() -> None:
    """A site of another zone, a time of which nothing was imported, and no grid at all."""
    grid = grid_of(DAY, [5] * 96)
    assert grid.weigh("halle", START_US, [1] * 96) == {}
    assert grid.weigh("salle", START_US - 96 * QUARTER_US, [1] * 96) == {}
    assert Grid().weigh("", START_US, [1]) == {}
    assert grid.knows(paris_day(DAY))
    assert not grid.knows(paris_day(DAY + timedelta(days=1)))
    assert not Grid().knows(paris_day(DAY))


def test_a_view_has_its_own_factors() -> None:
    """Those of combustion for the direct one, of the life cycle for the other; and what is known of
    the grid."""
    quarter = Quarter(
        START_US // 10**6, "consolidated", (35, 0, 4525, 47799, 5710, 0, 8750, 1086), 37
    )
    day = grid_day("FR", DAY, {quarter.start_s: quarter}, SHIPPED, NOW)
    grid = Grid({"FR": [day]}, {"": "FR"})
    found = grid.factors([""])
    assert {use.basis for use in found["hourly_direct"]} == {"direct CO2, combustion"}
    assert len(found["hourly_direct"]) == 4
    assert {use.basis for use in found["hourly_life_cycle"]} == {"life-cycle, generation"}
    assert len(found["hourly_life_cycle"]) == 8
    (use,) = grid.uses([""])
    assert use == GridUse("FR", {"consolidated": 1}, use.generation_sha256)
    assert len(use.generation_sha256) == 64
    assert grid.uses(["elsewhere"]) == []
    seen = grid.weigh("", START_US, [36 * 10**11])
    assert seen["hourly_direct"].uj_ug_per_kwh == 36 * 10**11 * 36_805_729
    assert seen["hourly_life_cycle"].uj_ug_per_kwh == 36 * 10**11 * 51_591_373
