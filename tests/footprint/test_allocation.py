"""What usage weighs, and what of it is divided together."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from footprint.allocation import DEFAULT, TokenWeights, Usage, blocks, weigh, weights_of

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def used(
    consumer: str, prompt: int, generated: int, *, at: int = 0, quarters: int = 1, cached: int = 0
) -> Usage:
    """Usage from the `at`-th quarter-hour on."""
    start = BEGIN + at * QUARTER
    return Usage(start, start + quarters * QUARTER, consumer, 1, prompt, generated, cached)


def test_generated_tokens_weigh_more_and_cached_ones_nothing() -> None:
    """1000 prompt tokens of which 600 cached, and 100 generated: 400 + 4 x 100 against 800."""
    usage = [used("chat", 1000, 100, cached=600), used("tri", 800, 0)]
    assert weights_of(usage, DEFAULT) == {"chat": 800, "tri": 800}


def test_what_overlaps_is_one_block() -> None:
    """A daily export takes its quarter-hours with it; what only touches is another block."""
    quarter, day, after = (
        used("chat", 30, 0, at=1),
        used("tri", 10, 0, quarters=4),
        used("tri", 1, 0, at=4),
    )
    found = blocks([after, quarter, day])
    assert [(block.start, block.end, block.usage) for block in found] == [
        (BEGIN, BEGIN + 4 * QUARTER, [day, quarter]),
        (BEGIN + 4 * QUARTER, BEGIN + 5 * QUARTER, [after]),
    ]


@pytest.mark.parametrize(
    ("prompt", "generated", "cached", "says"),
    [(-1, 0, 0, "negative"), (1, -1, 0, "negative"), (3, 0, 4, "4 tokens were cached")],
)
def test_impossible_numbers_are_refused(
    prompt: int, generated: int, cached: int, says: str
) -> None:
    """Of a gateway that counts badly."""
    with pytest.raises(ValueError, match=says):
        used("chat", prompt, generated, cached=cached)


def whole(consumer: str, total: int, *, model: str = "") -> Usage:
    """Usage of which the total alone is known, of the first quarter-hour."""
    return Usage(BEGIN, BEGIN + QUARTER, consumer, None, None, None, 0, total, model)


def test_totals_alone_weigh_as_totals_where_nobody_tells_more() -> None:
    """No weight of a generated token can favour anyone."""
    usage = [whole("chat", 300), whole("tri", 100)]
    for each in (DEFAULT, TokenWeights(1, 20)):
        assert weights_of(usage, each) == {"chat": 300, "tri": 100}


def test_a_total_alone_weighs_as_the_other_lines_of_its_model() -> None:
    """Of its own model where that has any, else of all lines; cached tokens weigh nothing."""
    large = replace(used("chat", 100, 0, cached=50), model="large")
    small = replace(used("tri", 0, 100), model="small")
    assert weigh([large, small, whole("carte", 10, model="large")], DEFAULT) == [100, 800, 10]
    assert weigh([large, small, whole("carte", 10, model="small")], DEFAULT) == [50, 400, 40]
    assert weigh([large, small, whole("carte", 40)], DEFAULT) == [200, 1600, 360]


def test_prompt_and_generated_tokens_or_their_total() -> None:
    """Not both, not half of them."""
    with pytest.raises(ValueError, match="or their total alone"):
        replace(used("chat", 1, 1), total_tokens=2)
    with pytest.raises(ValueError, match="or their total alone"):
        replace(used("chat", 1, 1), generated_tokens=None)
