"""How far a controller is off, as METHOD.md derives it: no load breaks the bound, one all but
reaches it."""

import random
from itertools import pairwise

import pytest

from exporters.bmc import EVERY_SECONDS
from exporters.twin.controller import MEAN_S
from exporters.twin.wallreferee import LATE_S, RESOLUTION_UW, power_bound_uj

LOW_W, HIGH_W = 800, 5800
HALF = 2
"""Half seconds in a second: what the load below is given in."""
BEFORE = 20 * HALF
POLLS = 200
OVER_S = (POLLS - 1) * EVERY_SECONDS
Load = list[int]
"""Watts in each half second; the first poll comes after BEFORE of them."""


def off_uj(load: Load, missed: frozenset[int] = frozenset()) -> float:
    """What trapezia between polls of a late mean, unrounded, differ from the truth by."""
    every, late, mean = (round(seconds * HALF) for seconds in (EVERY_SECONDS, LATE_S, MEAN_S))
    samples = [
        (place, sum(load[place - late - mean : place - late]) / mean)
        for number in range(POLLS)
        if number not in missed and (place := BEFORE + number * every)
    ]
    measured = sum(
        (before + after) / 2 * (end - start) for (start, before), (end, after) in pairwise(samples)
    )
    true = sum(load[BEFORE : BEFORE + (POLLS - 1) * every])
    return (measured - true) / HALF * 1e6


def bound_uj(missed: int = 0) -> float:
    """The bound without its part for rounding, of which there is none here."""
    whole_uj = power_bound_uj((HIGH_W - LOW_W) * 10**6, OVER_S, missed)
    return whole_uj - RESOLUTION_UW / 2 * OVER_S


@pytest.mark.parametrize("seed", range(30))
def test_no_load_breaks_the_bound(seed: int) -> None:
    """Bursts of random lengths, half a second to a minute, and single polls without an answer."""
    chance = random.Random(seed)
    load: Load = []
    longest = chance.choice([1, 4, 20, 120])
    while len(load) < BEFORE + POLLS * EVERY_SECONDS * HALF:
        watts = chance.choice([LOW_W, HIGH_W, chance.randint(LOW_W, HIGH_W)])
        load += [watts] * chance.randint(1, longest)
    missed = frozenset(chance.sample(range(2, POLLS - 2, 3), seed))
    assert abs(off_uj(load, missed)) <= bound_uj(len(missed))


def test_a_load_that_rises_at_the_end_all_but_reaches_it() -> None:
    """High for just as long as the controller is late: the bound is no larger than it need be."""
    high = round((LATE_S + MEAN_S / 2) * HALF)
    low = BEFORE + OVER_S * HALF - high
    off = off_uj([LOW_W] * low + [HIGH_W] * high)
    assert 0.9 * bound_uj() < -off <= bound_uj()


def test_a_load_in_step_with_unanswered_polls_all_but_reaches_theirs() -> None:
    """High whenever the weights of a missing poll's neighbours are: each costs up to a second."""
    missed = frozenset(range(10, POLLS - 10, 6))
    steady = [LOW_W] * (BEFORE + POLLS * EVERY_SECONDS * HALF)
    gained = []
    for place in range(len(steady)):
        tried = steady.copy()
        tried[place] = HIGH_W
        gained.append(off_uj(tried, missed) > 1e-3)
    worst = [HIGH_W if more else LOW_W for more in gained]
    off = off_uj(worst, missed)
    assert 0.9 * bound_uj(len(missed)) < off <= bound_uj(len(missed))
