"""A power sensor that looks a quarter of the time, as some boards' do: the bound of METHOD.md, and
the load that breaks it."""

import random
from collections.abc import Callable

import pytest

from exporters.sensors.integral import Integral
from footprint.reading import PowerSample

W = 1_000_000
MS = 1_000_000
PERIOD_NS, WINDOW_NS = 100 * MS, 25 * MS
STEP_NS = 200 * MS
SECONDS = 900
SAMPLES = SECONDS * 5
LOW_W, HIGH_W = 100, 700
BOUND_J = 4 * (HIGH_W - LOW_W) / 2 / SAMPLES**0.5 * SECONDS
Load = Callable[[int], float]
"""Joules drawn from 0 until an instant in nanoseconds."""


def square(period_ns: int, on_ns: int, phase_ns: int = 0) -> Load:
    """High for `on_ns` of each period, low for the rest."""

    def joules(at_ns: int) -> float:
        whole, rest = divmod(at_ns + phase_ns, period_ns)
        high_ns = whole * on_ns + min(rest, on_ns) - min(phase_ns, on_ns)
        return (LOW_W * at_ns + (HIGH_W - LOW_W) * high_ns) / 1e9

    return joules


def integrated(load: Load) -> float:
    """What the sensor's samples add up to: each shows the mean of the newest whole window."""
    integral = Integral("process")
    for number in range(SAMPLES + 1):
        at_ns = PERIOD_NS + number * STEP_NS
        end_ns = at_ns // PERIOD_NS * PERIOD_NS
        watts = (load(end_ns) - load(end_ns - WINDOW_NS)) / (WINDOW_NS / 1e9)
        integral.add(PowerSample(round(watts * W), at_ns, "boot"))
    counter = integral.counter()
    assert counter is not None
    return counter.value_uj / W


def true(load: Load) -> float:
    """What was drawn meanwhile."""
    return load(PERIOD_NS + SAMPLES * STEP_NS) - load(PERIOD_NS)


@pytest.mark.parametrize("seed", range(20))
def test_a_load_that_is_not_locked_to_the_sensor_is_within_the_bound(seed: int) -> None:
    """Requests of random lengths at random times, bursts shorter than a sample among them."""
    chance = random.Random(seed)
    edges, at_ns = [(0, 0.0)], 0
    total = 0.0
    while at_ns < (SECONDS + 1) * 10**9:
        for watts in (HIGH_W, LOW_W):
            length_ns = round(chance.expovariate(1 / (80 * MS)))
            at_ns += length_ns
            total += watts * length_ns / 1e9
            edges.append((at_ns, total))

    place = 0

    def load(until_ns: int) -> float:
        nonlocal place
        while place and edges[place][0] > until_ns:
            place -= 1
        while edges[place + 1][0] <= until_ns:
            place += 1
        (from_ns, before), (to_ns, after) = edges[place], edges[place + 1]
        return before + (after - before) * (until_ns - from_ns) / (to_ns - from_ns)

    drawn = true(load)
    assert abs(integrated(load) - drawn) <= BOUND_J
    assert BOUND_J / drawn < 0.05


def test_a_load_locked_to_the_sensor_breaks_the_bound() -> None:
    """A load whose period is the sensor's own, high only while it looks, or only while it does not:
    taken for 700 W and for 100 W where it draws 250 W."""
    seen = square(PERIOD_NS, WINDOW_NS, phase_ns=WINDOW_NS)
    hidden = square(PERIOD_NS, WINDOW_NS)
    for load, watts in ((seen, HIGH_W), (hidden, LOW_W)):
        assert true(load) == pytest.approx(250 * SECONDS, rel=1e-6)
        assert integrated(load) == pytest.approx(watts * SECONDS, rel=1e-6)
        assert abs(integrated(load) - true(load)) > BOUND_J
