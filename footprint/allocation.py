"""A shared server's energy over the SIA that used it: by tokens, exactly, with the range.

In: active energy of one server by interval, what each consumer asked of it by interval, and the
weight of a token. Out: for each interval whose part is whose, in microjoules that add up to the
energy under `==` (law 1), and what stays on the server's own line because nobody said who used it.
METHOD.md, "Shared servers", has the words and worked numbers. Idle energy is not divided here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from footprint.attribution import attribute
from footprint.interval import Interval


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
    """What one consumer asked of a server over an interval: numbers of requests and of tokens.

    `cached_tokens` of the prompt came from a cache and cost nothing (0 where none are told apart).
    The consumer is a SIA, or `@unattributed` for what the server counted and no gateway named.
    """

    start: datetime
    end: datetime
    consumer: str
    requests: int
    prompt_tokens: int
    generated_tokens: int
    cached_tokens: int = 0

    def __post_init__(self) -> None:
        numbers = (self.requests, self.prompt_tokens, self.generated_tokens, self.cached_tokens)
        if min(numbers) < 0:
            raise ValueError(f"usage of {self.consumer} from {self.start}: a number is negative")
        if self.cached_tokens > self.prompt_tokens:
            raise ValueError(
                f"usage of {self.consumer} from {self.start}: {self.cached_tokens} tokens were "
                f"cached, of a prompt of {self.prompt_tokens}"
            )
        Interval(self.start, self.end)

    def weight(self, weights: TokenWeights) -> int:
        """Its tokens, weighed."""
        uncached = self.prompt_tokens - self.cached_tokens
        return uncached * weights.prompt + self.generated_tokens * weights.generated


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
    blocks = _blocks(usage)
    found = []
    pieces = sorted(spent, key=lambda piece: piece.start)
    place = 0
    for block in blocks:
        while place < len(pieces) and pieces[place].end <= block.start:
            found.append(_unallocated(pieces[place]))
            place += 1
        inside = []
        while place < len(pieces) and pieces[place].start < block.end:
            inside.append(_checked(pieces[place], block))
            place += 1
        if inside:
            found.append(block.divide(sum(piece.energy_uj for piece in inside), weights))
    return found + [_unallocated(piece) for piece in pieces[place:]]


class _Block(msgspec.Struct):
    """Usage whose intervals overlap."""

    start: datetime
    end: datetime
    usage: list[Usage]

    def divide(self, energy_uj: int, weights: TokenWeights) -> Allotment:
        """This energy over its consumers."""
        totals: dict[str, int] = {}
        for one in self.usage:
            totals[one.consumer] = totals.get(one.consumer, 0) + one.weight(weights)
        if not any(totals.values()):
            return Allotment(self.start, self.end, {}, energy_uj)
        return Allotment(self.start, self.end, attribute(energy_uj, totals), 0)


def _blocks(usage: Iterable[Usage]) -> list[_Block]:
    """Usage in order, what overlaps together."""
    blocks: list[_Block] = []
    for one in sorted(usage, key=lambda one: (one.start, one.end)):
        if blocks and one.start < blocks[-1].end:
            blocks[-1].end = max(blocks[-1].end, one.end)
            blocks[-1].usage.append(one)
        else:
            blocks.append(_Block(one.start, one.end, [one]))
    return blocks


def _checked(piece: Spent, block: _Block) -> Spent:
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
