"""A shared server's energy over the SIA that used it: by tokens, exactly, with the range.

In: active energy of one server by interval, what each consumer asked of it by interval, and the
weight of a token. Out: for each interval whose part is whose, in microjoules that add up to the
energy under `==` (law 1), and what stays on the server's own line because nobody said who used it.
METHOD.md, "Shared servers", has the words and worked numbers. Idle energy is not divided here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from math import lcm

import msgspec

from footprint.attribution import attribute


class TokenWeights(msgspec.Struct, frozen=True):
    """What a prompt token that was not cached and a generated token weigh against each other."""

    prompt: int
    generated: int


DEFAULT = TokenWeights(1, 4)
"""A generated token costs 2 to 20 times a prompt token; 4 where nothing is known of the server
(data/NOTES.md, "Tokens"; to be fitted, `footprint/token_fit.py`)."""
LEAST, MOST = TokenWeights(1, 2), TokenWeights(1, 20)
"""The ends of the range that goes with every split."""


class Usage(msgspec.Struct, frozen=True):
    """What one consumer asked of a model of a server over an interval: numbers of requests and of
    tokens, None where they are not counted.

    `cached_tokens` of the prompt came from a cache and cost nothing (0 where none are told apart).
    `total_tokens` stands instead of prompt and generated ones where nothing tells them apart.
    `units` and `estimated_uj` weigh nothing: what was done with it, and what the gateway takes it
    for. The consumer is a SIA, or `@unattributed` for what the server counted and no gateway named.
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


class Spent(msgspec.Struct, frozen=True):
    """Active energy of the server over an interval, in microjoules."""

    start: datetime
    end: datetime
    energy_uj: int


class Allotment(msgspec.Struct, frozen=True):
    """The energy of one interval: microjoules by consumer, and what nobody's usage explains, which
    stays on the server's line. Both together are the energy of the interval."""

    start: datetime
    end: datetime
    shares_uj: Mapping[str, int]
    unallocated_uj: int


def allot(
    spent: Iterable[Spent], usage: Iterable[Usage], weights: TokenWeights = DEFAULT
) -> list[Allotment]:
    """Divide a server's active energy over those who used it, at the finest interval their usage
    has: usage of a day and of its quarter-hours are divided together, over the day.

    Energy outside of all usage, or where all of it weighs nothing, is unallocated. Raises
    ValueError where an interval of energy lies over the edge of one of usage.
    """
    found = []
    pieces = sorted(spent, key=lambda piece: piece.start)
    place = 0
    for block in blocks(usage):
        while place < len(pieces) and pieces[place].end <= block.start:
            found.append(_unallocated(pieces[place]))
            place += 1
        inside = []
        while place < len(pieces) and pieces[place].start < block.end:
            inside.append(_checked(pieces[place], block))
            place += 1
        if inside:
            found.append(_divide(block, sum(piece.energy_uj for piece in inside), weights))
    return found + [_unallocated(piece) for piece in pieces[place:]]


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


def _divide(block: Block, energy_uj: int, weights: TokenWeights) -> Allotment:
    totals = weights_of(block.usage, weights)
    if not any(totals.values()):
        return Allotment(block.start, block.end, {}, energy_uj)
    return Allotment(block.start, block.end, attribute(energy_uj, totals), 0)


def _checked(piece: Spent, block: Block) -> Spent:
    if piece.start < block.start or piece.end > block.end:
        raise ValueError(
            f"allocation: energy from {piece.start} to {piece.end} lies over the edge of usage "
            f"from {block.start} to {block.end}; usage is by quarter-hours or whole days"
        )
    return piece


def _unallocated(piece: Spent) -> Allotment:
    return Allotment(piece.start, piece.end, {}, piece.energy_uj)


class Range(msgspec.Struct, frozen=True):
    """A consumer's energy under the weights used, and the least and the most of it under these and
    the two ends of the range, in microjoules."""

    energy_uj: int
    least_uj: int
    most_uj: int


def ranges(
    spent: Sequence[Spent], usage: Sequence[Usage], weights: TokenWeights = DEFAULT
) -> dict[str, Range]:
    """Every consumer's sum with its range. The sums of one split add up; those of least and of most
    do not: what one consumer gains under other weights another loses."""
    splits = [_sums(allot(spent, usage, each)) for each in (weights, LEAST, MOST)]
    return {
        consumer: Range(
            energy_uj,
            min(split.get(consumer, 0) for split in splits),
            max(split.get(consumer, 0) for split in splits),
        )
        for consumer, energy_uj in splits[0].items()
    }


def _sums(allotments: Iterable[Allotment]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for allotment in allotments:
        for consumer, energy_uj in allotment.shares_uj.items():
            sums[consumer] = sums.get(consumer, 0) + energy_uj
    return sums


def by_model(
    energy_uj: int, gpu_uj: Mapping[str, int], mapped: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """A server's energy of one interval over the models it serves, by the measured energy of the
    boards each runs on: `gpu_uj` by board, `mapped` the model of each board. Boards of no model,
    and everything where no board of a model used any, come under the empty name."""
    weights: dict[str, int] = {}
    for board, board_uj in gpu_uj.items():
        model = mapped.get(board, "")
        weights[model] = weights.get(model, 0) + board_uj
    yield from sorted(attribute(energy_uj, weights, otherwise="").items())
