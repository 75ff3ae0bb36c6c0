"""The cost of a token from measured energy: found where the data tell it, refused where not."""

import random
from collections.abc import Callable

import pytest

from footprint.allocation import TokenWeights
from footprint.token_fit import LEAST_SAMPLES, Fit, Refusal, Sample, fit


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
    assert fit(day(linear)) == Fit(TokenWeights(1000, 7000), 1000, 96)


def test_noise_leaves_the_ratio_near() -> None:
    """A tenth of noise on every quarter-hour: within a tenth of 7."""
    found = fit(day(lambda p, g, chance: linear(p, g, chance) * chance.uniform(0.9, 1.1)))
    assert isinstance(found, Fit)
    assert 6300 < found.weights.generated < 7700
    assert found.explained_permille < 1000


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


def test_a_ratio_that_depends_on_the_intervals_chosen_is_refused() -> None:
    """Every other interval is another server's."""
    first, second = day(lambda p, g, _: 100 * p + 900 * g), day(lambda p, g, _: 300 * p + 600 * g)
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    found = fit(mixed)
    assert isinstance(found, Refusal)
    assert "every other interval" in found.why
