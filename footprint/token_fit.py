"""What a token costs a server, from its own measured energy; or why that cannot be said.

In: intervals with uncached prompt tokens, generated tokens, duration and active energy. Out: the
weights for `shared.split()`, or a refusal in words; and a split's ranges that carry what was found.
The energy of an interval is taken for

    prompt tokens x a + generated tokens x b + duration x c,     a, b, c >= 0

by least squares with non-negative coefficients (C. L. Lawson, R. J. Hanson, Solving Least Squares
Problems, 1974, chapter 23). With three columns every set of them is tried, in exact fractions: the
best set without a negative coefficient is the solution. METHOD.md, "Shared servers".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import combinations
from math import ceil, isqrt
from typing import Literal

import msgspec
from msgspec.structs import replace

from footprint.allocation import TokenWeights, weights_of
from footprint.attribution import attribute
from footprint.counts import counted
from footprint.interval import QUARTER_HOUR_SECONDS
from footprint.shared import Divided, Split

LEAST_SAMPLES = 48
"""Half a day of quarter-hours in which tokens were used."""
MOST_TOGETHER = Fraction(95, 100)
"""Of the squared correlation between prompt and generated tokens: above it, one could stand for the
other."""
LEAST_EXPLAINED = Fraction(6, 10)
"""Of the energy's variance, by the tokens."""
MOST_APART = Fraction(3, 2)
"""Between the ratios found in every other interval and in the rest."""
COVERAGE = 3
"""Root mean squares on both sides of a range (a coverage factor: JCGM 100:2008, 6.2). Not 2: errors
of quarter-hours that are alike do not average out, and telling active from idle energy has one of
its own. With 2, one in sixteen shares of the simulated servers was beyond its range (by 0.9 %)."""
MOST_RATIO = 50
"""Beyond it a generated token would cost more than any source has it: something else is seen."""
SCALE = 1000

Column = Sequence[int]


class Sample(msgspec.Struct, frozen=True):
    """One interval: tokens, duration in seconds, active energy in microjoules."""

    prompt_tokens: int
    generated_tokens: int
    seconds: int
    energy_uj: int


class Fit(msgspec.Struct, frozen=True):
    """The weights found: a prompt token as SCALE. `explained` permille of the energy's variance;
    from so many `samples`. `off_permille`: by how much the energy of an interval is off the fitted
    one, root mean square, of the mean energy."""

    weights: TokenWeights
    explained_permille: int
    samples: int
    off_permille: int


Reason = Literal["few", "together", "unexplained", "no_cost", "unsteady"]


class Refusal(msgspec.Struct, frozen=True):
    """Why the data do not tell the weights: in words and as a code; from so many `samples`.
    `off_permille` as in `Fit`, None where they are too few to say."""

    reason: Reason
    why: str
    samples: int
    off_permille: int | None = None


def samples(divided: Iterable[Divided]) -> list[Sample]:
    """The quarter-hours of a server's month in which all tokens are told apart and energy is known,
    of all its models together."""
    quarters: dict[datetime, list[Divided]] = defaultdict(list)
    for part in divided:
        if part.end - part.start == timedelta(seconds=QUARTER_HOUR_SECONDS):
            quarters[part.start].append(part)
    found = []
    for parts in quarters.values():
        counts = counted(one for part in parts for one in part.usage)
        energy_uj = sum(part.energy_uj for part in parts)
        if counts.prompt_tokens is not None and counts.generated_tokens is not None and energy_uj:
            uncached = counts.prompt_tokens - counts.cached_tokens
            found.append(Sample(uncached, counts.generated_tokens, QUARTER_HOUR_SECONDS, energy_uj))
    return found


def fit(samples: Sequence[Sample]) -> Fit | Refusal:
    """The weights of a server's tokens, where its data identify them."""
    used = [sample for sample in samples if sample.prompt_tokens or sample.generated_tokens]
    count = len(used)
    if count < LEAST_SAMPLES:
        return Refusal("few", f"{count} intervals with tokens; {LEAST_SAMPLES} are needed", count)
    ratio, explained, off = _ratio(used)
    together = _correlation_squared(
        [sample.prompt_tokens for sample in used], [sample.generated_tokens for sample in used]
    )
    if together > MOST_TOGETHER:
        why = "prompt and generated tokens rise and fall together: one could be the other"
        return Refusal("together", why, count, off)
    if explained < LEAST_EXPLAINED:
        why = f"tokens explain {_percent(explained)} % of the energy's variance"
        return Refusal("unexplained", why, count, off)
    if ratio is None or not 0 < ratio <= MOST_RATIO:
        why = "prompt or generated tokens show no cost of their own"
        return Refusal("no_cost", why, count, off)
    halves = [_ratio(used[first::2])[0] for first in (0, 1)]
    if any(half is None or not ratio / MOST_APART < half < ratio * MOST_APART for half in halves):
        why = "every other interval gives another ratio than the rest"
        return Refusal("unsteady", why, count, off)
    weights = TokenWeights(SCALE, round(ratio * SCALE))
    return Fit(weights, int(explained * 1000), count, off)


def ranged(split: Split, fit: Fit | Refusal) -> Split:
    """The split with ranges that carry what the server's own energy tells: the weights found are
    one end more, and COVERAGE times `off_permille` widens them on both sides."""
    fitted: Counter[str] = Counter()
    if isinstance(fit, Fit):
        for part in split.divided:
            weights = weights_of(part.usage, fit.weights)
            fitted.update(attribute(part.energy_uj, weights, split.rules.code))
    off_permille = COVERAGE * (fit.off_permille or 0)
    shares = {}
    for consumer, share in split.shares.items():
        ends = [share.least_uj, share.most_uj, fitted.get(consumer, share.active_uj)]
        least_uj = min(ends) * max(0, 1000 - off_permille) // 1000
        most_uj = min(split.active_uj, -(-max(ends) * (1000 + off_permille) // 1000))
        shares[consumer] = replace(share, least_uj=least_uj, most_uj=most_uj)
    return replace(split, shares=shares)


def _ratio(samples: Sequence[Sample]) -> tuple[Fraction | None, Fraction, int]:
    """What a generated token costs in prompt tokens (None: one of them nothing), how much of the
    variance that explains, and what it leaves: root mean square in permille of the mean, rounded
    up."""
    columns = (
        [sample.prompt_tokens for sample in samples],
        [sample.generated_tokens for sample in samples],
        [sample.seconds for sample in samples],
    )
    energy = [sample.energy_uj for sample in samples]
    costs, residual = _non_negative(columns, energy)
    spread = _spread(energy)
    explained = 1 - residual / spread if spread else Fraction(0)
    # (sqrt(residual / n) / (sum / n))^2 = residual n / sum^2
    squared = residual * len(energy) * 1_000_000 / sum(energy) ** 2
    off_permille = isqrt(ceil(squared) - 1) + 1 if squared else 0
    prompt, generated = costs[0], costs[1]
    return (generated / prompt if prompt else None), explained, off_permille


def _non_negative(columns: Sequence[Column], target: Column) -> tuple[list[Fraction], Fraction]:
    """The non-negative coefficients of least squares, and the sum of squares they leave."""
    whole = Fraction(_dot(target, target))
    best = [Fraction(0)] * len(columns), whole
    for size in range(1, len(columns) + 1):
        for chosen in combinations(range(len(columns)), size):
            found = _solve(
                [[_dot(columns[i], columns[j]) for j in chosen] for i in chosen],
                [_dot(columns[i], target) for i in chosen],
            )
            if found is None or min(found) < 0:
                continue
            left = whole - sum(
                value * _dot(columns[i], target) for i, value in zip(chosen, found, strict=True)
            )
            if left < best[1]:
                costs = [Fraction(0)] * len(columns)
                for i, value in zip(chosen, found, strict=True):
                    costs[i] = value
                best = costs, left
    return best


def _solve(matrix: list[list[int]], right: list[int]) -> list[Fraction] | None:
    """The solution of a system of equations, by elimination; None where there is not one."""
    both = zip(matrix, right, strict=True)
    rows = [[*map(Fraction, row), Fraction(value)] for row, value in both]
    for place in range(len(rows)):
        pivot = next((n for n in range(place, len(rows)) if rows[n][place]), None)
        if pivot is None:
            return None
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for other in range(len(rows)):
            if other != place and rows[other][place]:
                times = rows[other][place] / rows[place][place]
                rows[other] = [
                    value - times * own for value, own in zip(rows[other], rows[place], strict=True)
                ]
    return [row[-1] / row[place] for place, row in enumerate(rows)]


def _dot(one: Column, other: Column) -> int:
    return sum(left * right for left, right in zip(one, other, strict=True))


def _spread(values: Column) -> Fraction:
    """The sum of squares about the mean."""
    return _dot(values, values) - Fraction(sum(values) ** 2, len(values))


def _correlation_squared(one: Column, other: Column) -> Fraction:
    """Of two columns; 1 where one of them does not vary."""
    spreads = _spread(one) * _spread(other)
    if not spreads:
        return Fraction(1)
    common = _dot(one, other) - Fraction(sum(one) * sum(other), len(one))
    return common * common / spreads


def _percent(part: Fraction) -> int:
    return max(0, int(part * 100))
