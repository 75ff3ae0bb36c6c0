"""Shared servers: every microjoule goes to who used it, or stays where nobody said."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from footprint.allocation import (
    DEFAULT,
    Range,
    Spent,
    TokenWeights,
    Usage,
    allot,
    by_model,
    ranges,
    weigh,
)
from footprint.codes import UNATTRIBUTED

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def used(
    consumer: str, prompt: int, generated: int, *, at: int = 0, quarters: int = 1, cached: int = 0
) -> Usage:
    """Usage from the `at`-th quarter-hour on."""
    start = BEGIN + at * QUARTER
    return Usage(start, start + quarters * QUARTER, consumer, 1, prompt, generated, cached)


def spent(at: int, energy_uj: int) -> Spent:
    """Energy of the `at`-th quarter-hour."""
    return Spent(BEGIN + at * QUARTER, BEGIN + (at + 1) * QUARTER, energy_uj)


def test_generated_tokens_weigh_more_and_cached_ones_nothing() -> None:
    """1000 prompt tokens of which 600 cached, and 100 generated: 400 + 4 x 100 against 800."""
    (found,) = allot([spent(0, 160)], [used("chat", 1000, 100, cached=600), used("tri", 800, 0)])
    assert found.shares_uj == {"chat": 80, "tri": 80}
    assert found.unallocated_uj == 0


def test_each_quarter_hour_is_divided_on_its_own() -> None:
    """Who asked while little was drawn pays little, though the tokens are the same."""
    usage = [used("chat", 10, 0), used("tri", 10, 0, at=1)]
    found = allot([spent(1, 900), spent(0, 100)], usage)
    assert [part.shares_uj for part in found] == [{"chat": 100}, {"tri": 900}]


def test_usage_of_a_day_takes_its_quarter_hours_with_it() -> None:
    """A daily export beside a gateway that tells quarter-hours: divided together, over the day."""
    usage = [used("chat", 30, 0, at=1), used("tri", 10, 0, quarters=4)]
    (found,) = allot([spent(at, 100) for at in range(4)], usage)
    assert found.shares_uj == {"chat": 300, "tri": 100}
    assert (found.start, found.end) == (BEGIN, BEGIN + 4 * QUARTER)


def test_energy_without_usage_stays_on_the_servers_line() -> None:
    """Before, between and after usage; and where all of it weighs nothing."""
    usage = [used("chat", 5, 0, at=1), used("tri", 9, 0, at=3, cached=9)]
    found = allot([spent(at, 10 + at) for at in range(5)], usage)
    assert [part.unallocated_uj for part in found] == [10, 0, 12, 13, 14]
    assert [part.shares_uj for part in found] == [{}, {"chat": 11}, {}, {}, {}]


def test_usage_without_energy_is_no_line() -> None:
    """The server was not metered then: nothing to divide is not zero."""
    assert allot([], [used("chat", 5, 5)]) == []


def test_energy_over_the_edge_of_usage_is_refused() -> None:
    """Whose the part outside would be, nobody can say."""
    hour = Spent(BEGIN, BEGIN + 4 * QUARTER, 100)
    with pytest.raises(ValueError, match="lies over the edge of usage"):
        allot([hour], [used("chat", 1, 1, at=1)])
    with pytest.raises(ValueError, match="lies over the edge of usage"):
        allot([hour], [used("chat", 1, 1, quarters=2)])


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
        (found,) = allot([spent(0, 400)], usage, each)
        assert found.shares_uj == {"chat": 300, "tri": 100}


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


def test_the_range_says_what_other_weights_would_give() -> None:
    """Who prompts gains where generating is dear, and the other way round."""
    usage = [used("reads", 1000, 0), used("writes", 0, 250)]
    found = ranges([spent(0, 6000)], usage)
    assert found == {
        "reads": Range(3000, 1000, 4000),
        "writes": Range(3000, 2000, 5000),
    }
    fitted = ranges([spent(0, 8000)], usage, TokenWeights(1000, 28000))
    assert fitted["reads"] == Range(1000, 1000, 5333)


def test_models_divide_by_the_energy_of_their_boards() -> None:
    """A board of no model is nobody's; where no board used any, nothing is told apart."""
    boards = {"GPU-a": 300, "GPU-b": 100, "GPU-c": 100, "GPU-d": 0}
    mapped = {"GPU-a": "large", "GPU-b": "small", "GPU-c": "small"}
    assert list(by_model(1000, boards, mapped)) == [("large", 600), ("small", 400)]
    assert list(by_model(1000, boards, {"GPU-a": "large"})) == [("", 400), ("large", 600)]
    assert list(by_model(7, {"GPU-a": 0}, mapped)) == [("", 7)]


tokens = st.integers(0, 10**7)
consumers = st.sampled_from(["chat", "tri", "carte", UNATTRIBUTED])
usages = st.lists(
    st.builds(
        lambda consumer, prompt, generated, at, quarters: used(
            consumer, prompt, generated, at=at, quarters=quarters
        ),
        consumers,
        tokens,
        tokens,
        st.integers(0, 8),
        st.sampled_from([1, 1, 1, 4]),
    ),
    max_size=20,
)
energies = st.lists(st.integers(0, 10**12), max_size=12)
weights = st.builds(TokenWeights, st.integers(1, 5000), st.integers(1, 90_000))


@given(energies, usages, st.one_of(st.just(DEFAULT), weights))
def test_the_servers_energy_is_conserved(
    energy: list[int], usage: list[Usage], each: TokenWeights
) -> None:
    """Whatever the usage: shares and what is unallocated add up to the energy, and intervals are
    those of the energy, in order, none twice."""
    pieces = [spent(at, energy_uj) for at, energy_uj in enumerate(energy)]
    last = len(pieces)
    inside = [one for one in usage if one.end <= BEGIN + last * QUARTER]
    found = allot(pieces, inside, each)
    divided = sum(sum(part.shares_uj.values()) + part.unallocated_uj for part in found)
    assert divided == sum(energy)
    assert all(before.end <= after.start for before, after in pairwise(found))
    for consumer, span in ranges(pieces, inside, each).items():
        assert span.least_uj <= span.energy_uj <= span.most_uj, consumer
