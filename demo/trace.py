"""The request trace that the demonstration replays, and how it is scaled down to a small host.

In: `trace.csv` (see trace.LICENSE). Out: an endless sequence of requests in the trace's order,
with its gaps between arrivals and its token counts in proportion.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

TRACE = Path(__file__).with_name("trace.csv")


class Request(NamedTuple):
    """One request as recorded: seconds since the request before it, and tokens in and out."""

    gap_s: float
    prompt_tokens: int
    generated_tokens: int


class Mean(NamedTuple):
    """The trace's averages: requests a second, tokens in and out per request."""

    requests_per_s: float
    prompt_tokens: float
    generated_tokens: float


def read(path: Path = TRACE) -> list[Request]:
    """The trace's requests, in order. Raises ValueError where the file is not such a trace."""
    with path.open(newline="", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    if len(rows) < 2 or {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} - set(rows[0]):
        raise ValueError(
            f"{path}: not a request trace; it needs TIMESTAMP, ContextTokens, GeneratedTokens"
        )
    # Seven decimals: Python reads six.
    arrivals = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    gaps_s = [(after - before).total_seconds() for before, after in pairwise(arrivals)]
    # The first request has none before it: it gets the average, so that the loop keeps the rate.
    gaps_s.insert(0, sum(gaps_s) / len(gaps_s))
    return [
        Request(gap_s, int(row["ContextTokens"]), int(row["GeneratedTokens"]))
        for gap_s, row in zip(gaps_s, rows, strict=True)
    ]


def mean(requests: list[Request]) -> Mean:
    """What the trace asks on average."""
    count = len(requests)
    return Mean(
        count / sum(request.gap_s for request in requests),
        sum(request.prompt_tokens for request in requests) / count,
        sum(request.generated_tokens for request in requests) / count,
    )


def endless(requests: list[Request]) -> Iterator[Request]:
    """The trace over and over."""
    while True:
        yield from requests


def scaled(tokens: int, divisor: int) -> int:
    """`tokens` divided by `divisor`, rounded half up, never below one."""
    return max(1, (2 * tokens + divisor) // (2 * divisor))
