"""Requests to services outside the house: sums of them, ranges, and what cannot be said."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import external
from footprint.counts import Counts
from footprint.external import MEASURES, Asked, Ends, Range, Reason, Request, dependence, estimate


class Straight:
    """Hosts of which each request uses `each`, and each generated token `token`: both a range."""

    name, data, assumptions = "straight", {}, []

    def __init__(self, each: tuple[int, int], token: tuple[int, int]) -> None:
        self.each, self.token = each, token

    def of_provider(self, _provider: str, _zone: str | None) -> list[external.Assumption]:
        return []

    def request(
        self, _provider: str, model: str, _zone: str | None, tokens: int
    ) -> Request | Reason:
        if model != "known":
            return "model_unknown"
        ends = (each + token * tokens for each, token in zip(self.each, self.token, strict=True))
        return Request(dict.fromkeys(MEASURES, Ends(*map(Fraction, ends))), ("guessed",))


def counts(requests: int | None, generated: int | None, tokens: int | None = None) -> Counts:
    """Of a line whose prompt is not looked at."""
    return Counts(requests, 0, 0, generated, generated or 0 if tokens is None else tokens, None)


def asked(of: Counts, model: str = "known", permille: int = 1000) -> Asked:
    return Asked("provider", model, None, of, permille)


HOSTS = Straight((7, 9), (2, 5))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_one_sum_of_tokens_is_the_sum_of_the_requests(requests: list[int]) -> None:
    """Whichever of them had how many: exact, both ends."""
    told = estimate(HOSTS, asked(counts(len(requests), sum(requests))))
    assert isinstance(told, Request)
    assert told.causes["energy_uj"] == Ends(
        sum(Fraction(7 + 2 * tokens) for tokens in requests),
        sum(Fraction(9 + 5 * tokens) for tokens in requests),
    )


def test_nothing_asked_is_nothing() -> None:
    """No request causes nothing; a token without a counted request had one."""
    none = estimate(HOSTS, asked(counts(0, 0)))
    assert isinstance(none, Request)
    assert set(none.causes.values()) == {Ends(Fraction(0), Fraction(0))}
    one = estimate(HOSTS, asked(counts(0, 10)))
    assert isinstance(one, Request)
    assert one.causes["energy_uj"] == Ends(Fraction(27), Fraction(59))


def test_tokens_told_together_are_a_range() -> None:
    """None or all of them may have been generated, and that is said."""
    told = estimate(HOSTS, asked(counts(3, None, 100)))
    assert isinstance(told, Request)
    assert told.causes["energy_uj"] == Ends(Fraction(21), Fraction(27 + 500))
    assert told.warnings == ("guessed", external.TOGETHER)


def test_requests_that_nobody_counts_matter_where_each_has_a_part_of_its_own() -> None:
    """There the estimate is unknown; where a request alone uses nothing, it is known."""
    assert estimate(HOSTS, asked(counts(None, 100))) == "requests_not_counted"
    told = estimate(Straight((0, 0), (2, 5)), asked(counts(None, 100)))
    assert isinstance(told, Request)
    assert told.causes["energy_uj"] == Ends(Fraction(200), Fraction(500))
    nothing = estimate(HOSTS, asked(counts(None, 0)))
    assert isinstance(nothing, Request)
    assert nothing.causes["energy_uj"] == Ends(Fraction(0), Fraction(0))


def test_what_the_estimator_does_not_know_is_unknown() -> None:
    """Its reason, and no figure."""
    assert estimate(HOSTS, asked(counts(1, 1), "other")) == "model_unknown"


def test_a_project_carries_its_part() -> None:
    """Permille of both ends, before anything is rounded."""
    told = estimate(HOSTS, asked(counts(1, 1), permille=333))
    assert isinstance(told, Request)
    assert told.causes["water_ul"] == Ends(Fraction(9 * 333, 1000), Fraction(14 * 333, 1000))
    assert external.rounded(told.causes)["water_ul"] == Range(3, 5)


@pytest.mark.parametrize(
    ("inside", "complete", "low", "high"),
    [
        (900, True, "100.0", "250.0"),
        (900, False, "100.0", None),
        (None, True, None, None),
        (0, True, "1000.0", "1000.0"),
    ],
)
def test_dependence_is_of_both_together(
    inside: int | None, complete: bool, low: str | None, high: str | None
) -> None:
    """Its upper end is unknown where something outside is."""
    found = dependence("energy_uj", inside, Range(100, 300), complete=complete)
    assert (found.low, found.high) == (low and Decimal(low), high and Decimal(high))
    assert dependence("energy_uj", 0, Range(0, 0), complete=True).low is None
