"""The shipped trace and its scaling."""

from itertools import islice
from pathlib import Path

import pytest

from demo import trace


def test_the_shipped_trace_is_four_hundred_requests_with_their_licence() -> None:
    """The extract asks about 5.4 requests a second of 1,164 tokens in and 265 out."""
    requests = trace.read()
    average = trace.mean(requests)
    assert len(requests) == 400
    assert round(average.requests_per_s, 1) == 5.4
    assert (round(average.prompt_tokens), round(average.generated_tokens)) == (1164, 265)
    assert "CC BY 4.0" in trace.TRACE.with_suffix(".LICENSE").read_text()
    assert trace.TRACE.stat().st_size < 20_000


def test_the_trace_repeats_in_its_order() -> None:
    """After the last request comes the first."""
    requests = trace.read()
    assert list(islice(trace.endless(requests), 401))[-1] == requests[0]


@pytest.mark.parametrize(("tokens", "divided"), [(0, 1), (19, 1), (20, 1), (59, 1), (60, 2)])
def test_tokens_are_divided_rounded_half_up_and_never_none(tokens: int, divided: int) -> None:
    """By 40."""
    assert trace.scaled(tokens, 40) == divided


def test_another_file_is_not_taken_for_a_trace(tmp_path: Path) -> None:
    """The error names the columns it needs."""
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(ValueError, match="ContextTokens"):
        trace.read(path)
