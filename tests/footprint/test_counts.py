"""Sums of usage in which unknown stays unknown, and what nobody named."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from footprint.allocation import Usage
from footprint.codes import UNATTRIBUTED
from footprint.counts import Counts, counted, unnamed

START, END = datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 2, 8, 15, tzinfo=UTC)


def used(prompt: int, generated: int, cached: int = 0, requests: int | None = 1) -> Usage:
    """A line that tells prompt from generated tokens."""
    return Usage(START, END, "chat", requests, prompt, generated, cached, model="m")


def total(tokens: int) -> Usage:
    """A line that knows a total alone."""
    return Usage(START, END, "tri", 2, None, None, 0, tokens, model="m")


def test_what_one_line_does_not_tell_is_unknown_of_the_sum() -> None:
    """Not zero; all tokens are known whichever way they are told."""
    assert counted([used(10, 5, 3), total(7)]) == Counts(3, None, 3, None, 22, None)
    assert counted([used(10, 5), used(1, 1, requests=None)]).requests is None
    assert counted([]) == Counts(0, 0, 0, 0, 0, 0)


def test_the_rest_is_the_difference_of_each_number() -> None:
    """Requests, prompt, cached and generated tokens; never below zero."""
    rest = unnamed([used(100, 50, 30, 9)], [used(60, 55, 20, 4)])
    assert rest == msgspec.structs.replace(used(40, 0, 10, 5), consumer=UNATTRIBUTED)


def test_a_rest_of_nothing_is_no_line() -> None:
    """Nor is one where the server was not asked for its own counts."""
    assert unnamed([used(60, 55, 20, 4)], [used(60, 55, 20, 4)]) is None
    assert unnamed([], [used(60, 55)]) is None


def test_where_one_side_knows_totals_alone_the_rest_does_too() -> None:
    """What of it was prompted nobody can say."""
    rest = unnamed([used(100, 50)], [used(10, 5), total(35)])
    assert rest is not None
    assert (rest.prompt_tokens, rest.generated_tokens, rest.total_tokens) == (None, None, 100)


tokens = st.integers(0, 1000)
lines = st.lists(st.builds(used, tokens, tokens), min_size=1, max_size=4)


@given(lines, lines)
def test_named_and_rest_are_never_less_than_the_servers_own_counts(
    totals: list[Usage], named: list[Usage]
) -> None:
    """And are the same where no gateway tells more than the server counted."""
    rest = unnamed(totals, named)
    whole, part = counted(totals), counted(named)
    both = part.tokens + (rest.tokens if rest else 0)
    assert both >= whole.tokens
    if all(getattr(whole, f) >= getattr(part, f) for f in ("prompt_tokens", "generated_tokens")):
        assert both == whole.tokens
