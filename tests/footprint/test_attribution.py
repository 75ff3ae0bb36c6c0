"""The split function at its edges; the laws are in tests/laws/test_conservation.py."""

import pytest

from footprint.attribution import attribute, divide
from footprint.codes import IDLE, SYSTEM


def test_nobody_worked() -> None:
    """Without a positive weight all goes to the system, or to whom the caller names."""
    assert attribute(5, {}) == {SYSTEM: 5}
    assert attribute(5, {"chat": 0}, IDLE) == {IDLE: 5}
    assert attribute(0, {}) == {SYSTEM: 0}


def test_ties_go_in_the_order_of_codes() -> None:
    """Equal remainders are broken the same way on every host, whatever the order of the weights."""
    assert attribute(4, {"c": 1, "a": 1, "b": 1}) == {"c": 1, "a": 2, "b": 1}
    assert attribute(5, {"c": 1, "a": 1, "b": 1}) == {"c": 1, "a": 2, "b": 2}


def test_the_largest_remainder_comes_before_the_first_code() -> None:
    """10 over 6 and 1: 8.57 and 1.43, so the microjoule left goes to the first by remainder."""
    assert attribute(10, {"a": 1, "b": 6}) == {"a": 1, "b": 9}


@pytest.mark.parametrize(
    ("energy_uj", "weights"), [(-1, {"a": 1}), (1, {"a": -1}), (1, {"a": 2, "b": -1})]
)
def test_negative_amounts_are_refused(energy_uj: int, weights: dict[str, int]) -> None:
    """Neither a debt nor a negative weight is divided."""
    with pytest.raises(ValueError, match="is negative"):
        attribute(energy_uj, weights)


def test_a_floor_above_the_reading_is_capped() -> None:
    """Static is at most what was metered: then nothing is dynamic."""
    shares = divide(
        3,
        10**9,
        floor_uw=10,
        static_weights={"a": 1},
        dynamic_weights={"b": 1},
    )
    assert shares == {"static": {"a": 3}}


def test_a_floor_of_zero_is_a_floor() -> None:
    """A device known to draw nothing at rest is all dynamic, not undivided."""
    shares = divide(3, 10**9, floor_uw=0, static_weights={}, dynamic_weights={"b": 1})
    assert shares == {"static": {}, "dynamic": {"b": 3}}


def test_a_consumer_may_hold_both_parts() -> None:
    """Static and dynamic energy of one consumer stay apart; who gets nothing has no share."""
    shares = divide(
        10,
        10**9,
        floor_uw=4,
        static_weights={},
        dynamic_weights={SYSTEM: 1, "a": 2, "b": 0},
    )
    assert shares == {"static": {SYSTEM: 4}, "dynamic": {SYSTEM: 2, "a": 4}}
