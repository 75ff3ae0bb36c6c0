"""What usage of a shared server weighs: its tokens, in blocks of time that are divided together.

In: what each consumer asked of the server by interval, and the weight of a token. Out: blocks, and
in each the weights by which `attribute()` divides energy. METHOD.md, "Shared servers", has the
words and worked numbers; `footprint/shared.py` divides.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from math import lcm

import msgspec


class TokenWeights(msgspec.Struct, frozen=True):
    """What a prompt token that was not cached and a generated token weigh against each other."""

    prompt: int
    generated: int


DEFAULT = TokenWeights(1, 4)
"""A generated token costs 2 to 20 times a prompt token; 4 where nothing is known of the server
(data/NOTES.md, "Tokens"; to be fitted, `footprint/token_fit.py`)."""
LEAST, MOST = TokenWeights(1, 2), TokenWeights(1, 20)
"""What sources have it between: two ends of the range that goes with every split."""


class Usage(msgspec.Struct, frozen=True):
    """What one consumer asked of a model of a server over an interval: numbers of requests and of
    tokens, None where they are not counted.

    `cached_tokens` of the prompt came from a cache and cost nothing (0 where none are told apart).
    `total_tokens` stands instead of prompt and generated ones where nothing tells them apart.
    `units`, `estimated_uj` and `estimated_ug` weigh nothing: what was done with it, and what the
    gateway takes it for. The consumer is a SIA, or `@unattributed` for what the server counted and
    no gateway named.
    """

    start: datetime
    end: datetime
    consumer: str
    requests: int | None
    prompt_tokens: int | None
    generated_tokens: int | None
    cached_tokens: int = 0
    total_tokens: int | None = None
    model: str = ""
    units: int | None = None
    estimated_uj: int | None = None
    origin: str = ""
    estimated_ug: int | None = None

    def __post_init__(self) -> None:
        tokens = (self.prompt_tokens, self.generated_tokens)
        if (self.total_tokens is None) == (None in tokens) or tokens.count(None) == 1:
            raise self._error("give prompt and generated tokens, or their total alone")
        numbers = (self.requests, *tokens, self.cached_tokens, self.total_tokens)
        if min(number or 0 for number in numbers) < 0:
            raise self._error("a number is negative")
        if self.cached_tokens > (self.prompt_tokens or 0):
            raise self._error(
                f"{self.cached_tokens} tokens were cached, of a prompt of {self.prompt_tokens}"
            )
        if self.end <= self.start:
            raise self._error(f"ends at {self.end}")

    def _error(self, why: str) -> ValueError:
        return ValueError(f"usage of {self.consumer} from {self.start}: {why}")

    @property
    def tokens(self) -> int:
        """All its tokens, cached ones too."""
        if self.total_tokens is not None:
            return self.total_tokens
        return (self.prompt_tokens or 0) + (self.generated_tokens or 0)

    def weight(self, weights: TokenWeights) -> int:
        """Its tokens, weighed; those of which only the total is known as prompt tokens."""
        if self.total_tokens is not None:
            return self.total_tokens * weights.prompt
        uncached = (self.prompt_tokens or 0) - self.cached_tokens
        return uncached * weights.prompt + (self.generated_tokens or 0) * weights.generated


def weigh(usage: Sequence[Usage], weights: TokenWeights) -> list[int]:
    """What each line weighs against the others, in whole numbers of one scale.

    A line with a total alone weighs, a token, what a token of the other lines of its model weighs
    on average (of all other lines where its model has none). Where no line tells prompt from
    generated tokens all weigh their totals.
    """
    if all(one.total_tokens is None for one in usage):
        return [one.weight(weights) for one in usage]
    apart = [one for one in usage if one.total_tokens is None and one.tokens]
    if not apart:
        return [one.weight(weights) for one in usage]
    means: dict[str, Fraction] = {}
    for one in usage:
        if one.total_tokens is not None and one.model not in means:
            same = [other for other in apart if other.model == one.model]
            means[one.model] = _mean(same or apart, weights)
    scale = lcm(*(mean.denominator for mean in means.values()))
    return [
        one.weight(weights) * scale
        if one.total_tokens is None
        else int(one.total_tokens * means[one.model] * scale)
        for one in usage
    ]


def _mean(usage: Sequence[Usage], weights: TokenWeights) -> Fraction:
    """What a token weighs on average."""
    weight = sum(one.weight(weights) for one in usage)
    return Fraction(weight, sum(one.tokens for one in usage))


def weights_of(usage: Sequence[Usage], weights: TokenWeights) -> dict[str, int]:
    """What each consumer's lines weigh together."""
    totals: dict[str, int] = {}
    for one, weight in zip(usage, weigh(usage, weights), strict=True):
        totals[one.consumer] = totals.get(one.consumer, 0) + weight
    return totals


class Block(msgspec.Struct):
    """Usage whose intervals overlap: it is divided together."""

    start: datetime
    end: datetime
    usage: list[Usage]


def blocks(usage: Iterable[Usage]) -> list[Block]:
    """Usage in order, what overlaps together."""
    found: list[Block] = []
    for one in sorted(usage, key=lambda one: (one.start, one.end)):
        if found and one.start < found[-1].end:
            found[-1].end = max(found[-1].end, one.end)
            found[-1].usage.append(one)
        else:
            found.append(Block(one.start, one.end, [one]))
    return found
