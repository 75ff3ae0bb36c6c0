"""Real usage pages to test with, as a gateway's reader writes them; `pages.chain` seals them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from footprint import ledger, usage
from footprint.usage import Line, Origin, UsagePage
from tests.pages import START, Sealed, chain

LEDGER = "00000000-0000-4000-8000-00000000a001"
SERVER, MODEL = "albert-large", "mistral-small"
TOKENS = {"chat-demo": (1000, 90), "tri-courrier": (500, 60)}
"""Prompted and generated tokens by consumer."""


def line(
    consumer: str = "chat-demo",
    prompt_tokens: int = 1000,
    generated_tokens: int = 90,
    *,
    server: str = SERVER,
    model: str = MODEL,
    cached_tokens: int = 0,
    requests: int | None = 10,
) -> Line:
    """What one consumer asked of one model."""
    return Line(
        server=server,
        model=model,
        consumer=consumer,
        requests=requests,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        generated_tokens=generated_tokens,
    )


def make_page(
    *,
    seq: int = 0,
    previous_hash: str = ledger.GENESIS,
    start: datetime = START,
    seconds: int = 900,
    tokens: Mapping[str, tuple[int, int]] = TOKENS,
    lines: Sequence[Line] | None = None,
    totals: Sequence[Line] = (),
    gaps: Sequence[usage.Gap] = (),
    origin: Origin = "litellm",
    host_id: str = "gateway-1",
    ledger_id: str = LEDGER,
    server: str = SERVER,
) -> UsagePage:
    """One interval of a gateway; `lines` None: one a consumer in `tokens`."""
    named = [line(consumer, *counts, server=server) for consumer, counts in tokens.items()]
    return UsagePage(
        format=1,
        host_id=host_id,
        ledger_id=ledger_id,
        seq=seq,
        previous_hash=previous_hash,
        start=start,
        end=start + timedelta(seconds=seconds),
        origin=origin,
        versions=ledger.Versions(agent="0.1.0", method="2026.1"),
        lines=named if lines is None else list(lines),
        totals=list(totals),
        gaps=list(gaps),
    )


def make_ledger(
    count: int = 4,
    *,
    start: datetime = START,
    seconds: int = 900,
    tokens: Mapping[str, tuple[int, int]] = TOKENS,
    host_id: str = "gateway-1",
    ledger_id: str = LEDGER,
    server: str = SERVER,
) -> list[Sealed[UsagePage]]:
    """`count` pages of `seconds` each, one after another, numbered and chained."""
    return list(
        chain(
            make_page(
                start=start + timedelta(seconds=seconds * index),
                seconds=seconds,
                tokens=tokens,
                host_id=host_id,
                ledger_id=ledger_id,
                server=server,
            )
            for index in range(count)
        )
    )
