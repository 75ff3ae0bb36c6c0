"""The cost of a token from measured energy: found where the data tell it, refused where not."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from footprint import shared
from footprint.allocation import TokenWeights, Usage
from footprint.interval import Interval
from footprint.shared import Rules, Share, Spending
from footprint.token_fit import LEAST_SAMPLES, Fit, Refusal, Sample, fit, ranged


def day(
    energy: Callable[[int, int, random.Random], float], samples: int = 96, seed: int = 1
) -> list[Sample]:
    """Quarter-hours of a server whose prompt and generated tokens vary by themselves."""
    chance = random.Random(seed)
    found = []
    for _ in range(samples):
        prompt, generated = chance.randrange(500_000), chance.randrange(100_000)
        found.append(Sample(prompt, generated, 900, round(energy(prompt, generated, chance))))
    return found


def linear(prompt: int, generated: int, _: random.Random) -> float:
    """200 uJ a prompt token, 1400 a generated one, 30 W beside."""
    return 200 * prompt + 1400 * generated + 27_000_000_000 / 1000


def test_a_linear_server_is_found_exactly() -> None:
    """1:7, whatever stands beside."""
    assert fit(day(linear)) == Fit(TokenWeights(1000, 7000), 1000, 96, 0)


def test_noise_leaves_the_ratio_near() -> None:
    """A tenth of noise on every quarter-hour: within a tenth of 7."""
    found = fit(day(lambda p, g, chance: linear(p, g, chance) * chance.uniform(0.9, 1.1)))
    assert isinstance(found, Fit)
    assert 6300 < found.weights.generated < 7700
    assert found.explained_permille < 1000
    assert 40 <= found.off_permille <= 70  # of a noise that is even from -10 to 10 %: 58


def test_intervals_without_tokens_are_left_out() -> None:
    """A night says nothing of what a token costs."""
    night = [Sample(0, 0, 900, 5_000_000)] * 100
    assert fit([*day(linear), *night]) == fit(day(linear))


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (day(linear, LEAST_SAMPLES - 1), "47 intervals with tokens; 48 are needed"),
        (
            [Sample(n * 1000, n * 210 + n % 3, 900, n * 500_000) for n in range(1, 97)],
            "rise and fall together",
        ),
        (
            [Sample(n * 1000, 70, 900, n * 500_000) for n in range(1, 97)],
            "rise and fall together",
        ),
        (day(lambda _p, _g, chance: chance.uniform(1e6, 9e6)), "% of the energy's variance"),
        (day(lambda _p, g, _: 900 * g), "show no cost of their own"),
        (day(lambda p, _g, _: 900 * p), "show no cost of their own"),
        (day(lambda p, g, _: 10 * p + 900 * g), "show no cost of their own"),
    ],
    ids=["few", "together", "constant", "unrelated", "generated only", "prompt only", "1 to 90"],
)
def test_what_the_data_do_not_tell_is_refused(samples: list[Sample], why: str) -> None:
    """With a reason that a person can check."""
    found = fit(samples)
    assert isinstance(found, Refusal)
    assert why in found.why
    assert (found.off_permille is None) == (found.reason == "few")


def test_a_ratio_that_depends_on_the_intervals_chosen_is_refused() -> None:
    """Every other interval is another server's."""
    first, second = day(lambda p, g, _: 100 * p + 900 * g), day(lambda p, g, _: 300 * p + 600 * g)
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    found = fit(mixed)
    assert isinstance(found, Refusal)
    assert "every other interval" in found.why


FEW = Refusal("few", "", 0)


@pytest.mark.parametrize(
    ("found", "reads", "writes"),
    [
        (FEW, (1000, 4000), (2000, 5000)),
        (Refusal("together", "", 96, 25), (925, 4300), (1850, 5375)),
        (Fit(TokenWeights(1000, 36000), 990, 96, 0), (600, 4000), (2000, 5400)),
        (Fit(TokenWeights(1000, 36000), 900, 96, 100), (420, 5200), (1400, 6000)),
        (Refusal("unexplained", "", 96, 600), (0, 6000), (0, 6000)),
    ],
    ids=["few", "refused", "exact", "both", "no bound"],
)
def test_a_range_carries_what_the_servers_energy_tells(
    found: Fit | Refusal, reads: tuple[int, int], writes: tuple[int, int]
) -> None:
    """1000 prompt tokens against 250 generated ones, 6000 uJ: 1 : 2 and 1 : 20, the weights found,
    and three times what the tokens leave unexplained; never less than nothing or more than all."""
    start = datetime(2026, 11, 2, 8, tzinfo=UTC)
    end = start + timedelta(minutes=15)
    usage = [
        Usage(start, end, consumer, 1, prompt, generated)
        for consumer, prompt, generated in (("reads", 1000, 0), ("writes", 0, 250))
    ]
    spending = [Spending(start, "gpu", "GPU-a", "dynamic", "counter", 6000)]
    split = shared.split(Rules("albert"), spending, usage, [], [Interval(start, end)])
    assert ranged(split, found).shares == {
        "reads": Share(3000, *reads),
        "writes": Share(3000, *writes),
    }
