"""The floor: power of whole minutes of rest, the lowest of thirty days, never a guess."""

from hypothesis import given
from hypothesis import strategies as st

from footprint.floor import MEMORY_US, REST_US, Minute, Rest, rests

S = 1_000_000
DAY = 86_400 * S
W = 1_000_000


def minute(rest: Rest, start_us: int, power_w: int, *, step_us: int = S) -> int:
    """A minute of rest at a constant power; its end."""
    for at_us in range(start_us, start_us + REST_US, step_us):
        rest.see(at_us, at_us + step_us, power_w * step_us, resting=True)
    return start_us + REST_US


def test_a_minute_of_rest_is_a_floor_and_less_is_none() -> None:
    """59 seconds tell nothing; the sixtieth does."""
    rest = Rest()
    for second in range(59):
        rest.see(second * S, (second + 1) * S, 40 * S, resting=True)
    assert rest.floor(59 * S) is None
    rest.see(59 * S, 60 * S, 40 * S, resting=True)
    assert rest.floor(60 * S) == Minute(40 * W, 60 * S)


def test_work_or_a_hole_in_the_middle_begins_the_minute_anew() -> None:
    """A busy second, and a second that was not seen."""
    for breaks in ("work", "hole"):
        rest = Rest()
        for second in range(90):
            if second == 45 and breaks == "hole":
                continue
            rest.see(second * S, (second + 1) * S, 40 * S, resting=second != 45 or breaks == "hole")
        assert rest.floor(90 * S) is None


def test_the_lowest_of_thirty_days_holds_and_is_forgotten_after() -> None:
    """A cool night's floor gives way to the next lowest when it is too old."""
    rest = Rest()
    first = minute(rest, 0, 40)
    minute(rest, 10 * DAY, 44)
    last = minute(rest, 20 * DAY, 42)
    assert rest.floor(last) == Minute(40 * W, first)
    assert rest.floor(first + MEMORY_US) == Minute(40 * W, first)
    assert rest.floor(first + MEMORY_US + 1) == Minute(42 * W, last)
    assert rest.floor(last + MEMORY_US + 1) is None


def test_a_counter_that_stands_still_measures_nothing() -> None:
    """Zero is no floor."""
    rest = Rest()
    minute(rest, 0, 0)
    assert rest.floor(REST_US) is None


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20)), min_size=1, max_size=60),
    st.integers(0, 40),
)
def test_the_floor_is_the_lowest_minute_that_is_remembered(
    minutes: list[tuple[int, int]], later: int
) -> None:
    """Whatever came in which order: the same as looking through all of them."""
    rest, seen, at_us = Rest(), [], 0
    for power_w, days in minutes:
        at_us = minute(rest, at_us + days * DAY, power_w, step_us=REST_US)
        seen.append((power_w * W, at_us))
    now_us = at_us + later * DAY
    young = [(power_uw, end_us) for power_uw, end_us in seen if end_us >= now_us - MEMORY_US]
    floor = rest.floor(now_us)
    expected = min(young, key=lambda one: (one[0], -one[1]), default=None)
    assert (floor and (floor.power_uw, floor.end_us)) == expected


def test_rest_is_five_thousandths_of_all_cpus() -> None:
    """On 8 logical CPUs 40 ms a second, and not a nanosecond more."""
    assert rests(40_000_000, 10**9, 8)
    assert not rests(40_000_001, 10**9, 8)
