"""Usage pages: what they can hold, and that they chain like pages of energy."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from footprint.ledger import GENESIS, ChainError, PageError, Versions, check_follows, hash_bytes
from footprint.usage import FORMAT, Gap, Line, UsagePage, canonical_bytes, decode

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
LEDGER = "0" * 32


def line(consumer: str = "chat", **other: int | str | None) -> Line:
    """40 requests, 1000 tokens of prompt of which 200 cached, 90 generated."""
    fields: dict[str, int | str | None] = {
        "server": "albert-large",
        "model": "mistral-small",
        "consumer": consumer,
        "requests": 40,
        "prompt_tokens": 1000,
        "cached_tokens": 200,
        "generated_tokens": 90,
    }
    return msgspec.convert(fields | other, Line)


def page(**other: object) -> UsagePage:
    """The first quarter-hour of a gateway."""
    fields = {
        "format": FORMAT,
        "host_id": "gateway-1",
        "ledger_id": LEDGER,
        "seq": 0,
        "previous_hash": GENESIS,
        "start": START,
        "end": START + QUARTER,
        "origin": "litellm",
        "versions": Versions(agent="0", method="2026.1"),
        "lines": [line(), line("tri")],
        "totals": [line("@unattributed", prompt_tokens=5000)],
        "gaps": [],
    }
    return UsagePage(**(fields | other))  # type: ignore[arg-type]


def test_a_page_comes_back_from_its_bytes() -> None:
    """Byte for byte, with what was not counted still unknown."""
    whole = page(lines=[line(), line("tri", requests=None)])
    assert decode(canonical_bytes(whole)) == whole
    daily = page(
        start=datetime(2026, 11, 1, 23, tzinfo=UTC),
        end=datetime(2026, 11, 2, 23, tzinfo=UTC),
        origin="litellm-csv",
        lines=[line(prompt_tokens=None, generated_tokens=None, cached_tokens=0, total_tokens=7)],
    )
    assert decode(canonical_bytes(daily)) == daily


def test_pages_follow_each_other_as_those_of_energy_do() -> None:
    """The same check, by number and hash."""
    first = page()
    digest = hash_bytes(canonical_bytes(first))
    second = page(seq=1, previous_hash=digest, start=START + QUARTER, end=START + 2 * QUARTER)
    check_follows(second, first, digest)
    with pytest.raises(ChainError, match="does not follow"):
        check_follows(second, first, GENESIS)
    with pytest.raises(ChainError, match="stands where page 1 belongs"):
        check_follows(page(seq=2, previous_hash=digest), first, digest)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"end": START + 2 * QUARTER}, "neither inside one UTC quarter-hour nor one day"),
        ({"end": START}, "neither inside"),
        ({"start": START.replace(tzinfo=None)}, "not an aware UTC instant"),
        ({"seq": 1}, "seq 1 with previous_hash 00000000"),
        ({"lines": [line(), line()]}, "twice"),
        ({"lines": [line(cached_tokens=1001)]}, "more tokens cached than prompted"),
        ({"lines": [line(prompt_tokens=None)]}, "prompt and generated tokens, or their total"),
        ({"lines": [line(total_tokens=1)]}, "prompt and generated tokens, or their total"),
        ({"totals": [line()]}, "a server names no consumer"),
        ({"gaps": [Gap(start=START, end=START + 2 * QUARTER, cause="restarted")]}, "not inside"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused(change: dict[str, object], says: str) -> None:
    """With what and where."""
    with pytest.raises(PageError, match=says):
        decode(canonical_bytes(page(**change)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body + b" ",
        lambda body: body.replace(b'"chat"', b'"jean.dupont@example.org"'),
        lambda body: body.replace(b'"mistral-small"', b'"Mistral Small"'),
        lambda body: body.replace(b'"requests":40', b'"requests":-1'),
        lambda body: body.replace(b'"requests":40', b'"user":"x","requests":40'),
        lambda body: body[:-1],
    ],
)
def test_bytes_that_are_no_page_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    """White space, names of persons where codes belong, unknown fields, a cut."""
    with pytest.raises(PageError):
        decode(spoil(canonical_bytes(page())))
