"""A power sensor that looks a quarter of the time, as some boards' do: the bound of METHOD.md, and
the load that breaks it."""

import random
from collections.abc import Callable

import pytest

from exporters.sensors.integral import Integral
from exporters.sensors.nvml import pause_seconds
from footprint.reading import PowerSample

W = 1_000_000
MS = 1_000_000
PERIOD_NS, WINDOW_NS = 100 * MS, 25 * MS
SECONDS = 900
END_NS = PERIOD_NS + SECONDS * 10**9
SAMPLES = SECONDS * 5
LOW_W, HIGH_W = 100, 700
BOUND_J = 4 * (1 + 1 / 24) ** 0.5 * (HIGH_W - LOW_W) / 2 / SAMPLES**0.5 * SECONDS
Load = Callable[[int], float]
"""Joules drawn from 0 until an instant in nanoseconds."""


def square(period_ns: int, on_ns: int, phase_ns: int = 0) -> Load:
    """High for `on_ns` of each period, low for the rest."""

    def joules(at_ns: int) -> float:
        whole, rest = divmod(at_ns + phase_ns, period_ns)
        high_ns = whole * on_ns + min(rest, on_ns) - min(phase_ns, on_ns)
        return (LOW_W * at_ns + (HIGH_W - LOW_W) * high_ns) / 1e9

    return joules


def sampled(seed: int) -> list[int]:
    """When the agent looks: at the first instant and the last, and between as its thread does."""
    chance, times = random.Random(seed), [PERIOD_NS]
    while times[-1] < END_NS:
        times.append(times[-1] + round(pause_seconds(chance) * 1e9))
    return [*times[:-1], END_NS]


def integrated(load: Load, seed: int = 1) -> float:
    """What the sensor's samples add up to: each shows the mean of the newest whole window."""
    integral = Integral("process")
    for at_ns in sampled(seed):
        end_ns = at_ns // PERIOD_NS * PERIOD_NS
        watts = (load(end_ns) - load(end_ns - WINDOW_NS)) / (WINDOW_NS / 1e9)
        integral.add(PowerSample(round(watts * W), at_ns, "boot"))
    counter = integral.counter()
    assert counter is not None
    return counter.value_uj / W


def true(load: Load) -> float:
    """What was drawn meanwhile."""
    return load(END_NS) - load(PERIOD_NS)


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
    assert abs(integrated(load, seed) - drawn) <= BOUND_J
    assert BOUND_J / drawn < 0.05


@pytest.mark.parametrize("period_ms", [200, 400, 600, 1000, 2000])
@pytest.mark.parametrize("phase", [0, 0.1, 0.25, 0.5, 0.75])
def test_a_load_in_step_with_the_agents_own_looks_is_within_the_bound(
    period_ms: int, phase: float
) -> None:
    """Half of the time high: whoever looks every 200 ms would see 700 W, or 100 W, of 400 W."""
    period_ns = period_ms * MS
    load = square(period_ns, period_ns // 2, round(phase * period_ns))
    assert true(load) == pytest.approx(400 * SECONDS, rel=1e-3)
    assert abs(integrated(load) - true(load)) <= BOUND_J


@pytest.mark.parametrize(
    ("period_ms", "high_ms", "watts", "seen_watts"), [(50, 25, 400, 100), (250, 125, 400, 340)]
)
def test_a_beat_that_the_windows_do_not_sample_breaks_the_bound(
    period_ms: float, high_ms: float, watts: int, seen_watts: int
) -> None:
    """A whole fraction of the sensor's period, and five of them in two of its beats: METHOD.md."""
    load = square(round(period_ms * MS), round(high_ms * MS))
    assert true(load) == pytest.approx(watts * SECONDS, rel=1e-3)
    assert integrated(load) == pytest.approx(seen_watts * SECONDS, rel=0.05)
    assert abs(integrated(load) - true(load)) > BOUND_J


def test_a_load_locked_to_the_sensor_breaks_the_bound() -> None:
    """A load whose period is the sensor's own, high only while it looks, or only while it does not:
    taken for 700 W and for 100 W where it draws 250 W."""
    seen = square(PERIOD_NS, WINDOW_NS, phase_ns=WINDOW_NS)
    hidden = square(PERIOD_NS, WINDOW_NS)
    for load, watts in ((seen, HIGH_W), (hidden, LOW_W)):
        assert true(load) == pytest.approx(250 * SECONDS, rel=1e-6)
        assert integrated(load) == pytest.approx(watts * SECONDS, rel=1e-6)
        assert abs(integrated(load) - true(load)) > BOUND_J
