"""Usage pages: who asked shared servers for what, numbered and chained like pages of energy.

In and out: canonical bytes, as `footprint.ledger` has them. A usage page covers a UTC quarter-hour
or less, or one Paris day where a gateway tells days only. It holds counts by consumer, what the
servers themselves counted, and the time in which a gateway could not be asked. Nothing about a
person can be in it: consumers are codes, and models are named as the register names them.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from footprint import codes
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, floor_to, paris_date, paris_day
from footprint.ledger import (
    GENESIS,
    Code,
    Consumer,
    Hash,
    Identifier,
    PageError,
    Versions,
    utc_interval,
)

FORMAT: Literal[1] = 1

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""Exact in any JSON reader (RFC 8259, 6)."""
Asked = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""Requests, tokens, units: more than any server can answer in a day."""

Origin = Literal["litellm", "sglang", "opengatellm", "litellm-csv", "api"]
"""What the counts come from."""

Cause = Literal["unreachable", "unreadable", "restarted"]
"""Why counts may be missing: the gateway did not answer, gave what is no count, or lost its
counters."""


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict about what it decodes."""


class Line(_Wire, frozen=True):
    """What one consumer asked of one model of a server: `server` is the consumer under which pages
    of energy have it. `requests` is None where they are not counted; `total_tokens` is given
    instead of the others where nothing tells prompt from answer. `units` are functional units of
    the consumer that were done with it (pages, documents, seconds of audio), None where nobody
    counts them; `estimated_uj` and `estimated_ug` are the gateway's own estimates of the energy and
    of greenhouse gases, in no sum of ours. The latter is left out where there is none, so that
    pages from before it was kept have the bytes that they had.
    """

    server: Code
    model: Code
    consumer: Consumer
    requests: Asked | None
    prompt_tokens: Asked | None
    cached_tokens: Asked
    generated_tokens: Asked | None
    total_tokens: Asked | None = None
    units: Asked | None = None
    estimated_uj: Count | None = None
    estimated_ug: Count | msgspec.UnsetType = msgspec.UNSET


class Gap(_Wire, frozen=True):
    """Time of the page in which counts may be missing, and why."""

    start: datetime
    end: datetime
    cause: Cause


class UsagePage(_Wire, frozen=True):
    """One interval of one gateway. `totals` are the servers' own counts (consumer `@unattributed`):
    what they hold beyond the named lines nobody named."""

    format: Literal[1]
    host_id: Code
    ledger_id: Identifier
    seq: Count
    previous_hash: Hash
    start: datetime
    end: datetime
    origin: Origin
    versions: Versions
    lines: Annotated[list[Line], msgspec.Meta(max_length=100_000)]
    totals: Annotated[list[Line], msgspec.Meta(max_length=1000)]
    gaps: Annotated[list[Gap], msgspec.Meta(max_length=1000)]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(UsagePage)


def canonical_bytes(page: UsagePage) -> bytes:
    """The page as the bytes that are hashed, sent and kept."""
    return _encoder.encode(page)


def decode(body: bytes) -> UsagePage:
    """The page in canonical bytes, checked whole. Raises PageError."""
    try:
        page = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PageError(f"usage page: {_without_values(str(error))}") from None
    check(page)
    if canonical_bytes(page) != body:
        raise PageError(
            "usage page: bytes are not canonical; encode with fields in order, no white space"
        )
    return page


def _without_values(message: str) -> str:
    """msgspec repeats an unknown field and a value that is not one of a few: it may be a name."""
    words, _, place = message.partition(" - at ")
    said = next((said for said in _REPEATS if words.startswith(said)), words)
    return f"{said} - at {place}" if place.startswith("`$") else said


_REPEATS = ("Invalid enum value", "Object contains unknown field", "Invalid value")


def check(page: UsagePage) -> None:
    """Raise PageError where the content contradicts itself: an interval that is neither inside one
    quarter-hour nor one Paris day, a line twice, tokens that cannot be, a gap outside."""
    interval = utc_interval(page.start, page.end, "usage page")
    if not (_is_quarter(interval) or _is_day(interval)):
        raise PageError(
            f"usage page: {page.start} to {page.end} is neither inside one UTC quarter-hour nor "
            "one day of Europe/Paris"
        )
    if (page.seq == 0) != (page.previous_hash == GENESIS):
        raise PageError(
            f"usage page: seq {page.seq} with previous_hash {page.previous_hash[:8]}..."
        )
    for what, lines in (("line", page.lines), ("total", page.totals)):
        _check_lines(what, lines)
    named = [line for line in page.totals if line.consumer != codes.UNATTRIBUTED]
    if named:
        raise PageError(f"total of {named[0].server}: a server names no consumer")
    for gap in page.gaps:
        inside = utc_interval(gap.start, gap.end, "gap").intersection(interval)
        if inside is None or inside != Interval(gap.start, gap.end):
            raise PageError(f"gap {gap.start} to {gap.end} is not inside the page")


def _check_lines(what: str, lines: list[Line]) -> None:
    seen = set()
    for line in lines:
        identity = (line.server, line.model, line.consumer)
        if identity in seen:
            raise PageError(f"{what} {identity}: twice")
        seen.add(identity)
        apart = line.prompt_tokens is not None and line.generated_tokens is not None
        together = line.prompt_tokens is None and line.generated_tokens is None
        if not (apart if line.total_tokens is None else together):
            raise PageError(
                f"{what} {identity}: give prompt and generated tokens, or their total alone"
            )
        if line.cached_tokens > (line.prompt_tokens or 0):
            raise PageError(f"{what} {identity}: more tokens cached than prompted")


def _is_quarter(interval: Interval) -> bool:
    quarter = floor_to(interval.start, QUARTER_HOUR_SECONDS)
    seconds = (interval.end - quarter).total_seconds()
    return bool(interval.microseconds) and seconds <= QUARTER_HOUR_SECONDS


def _is_day(interval: Interval) -> bool:
    try:
        return interval == paris_day(paris_date(interval.start))
    except OverflowError:  # the first and the last day of the calendar have none in Paris
        return False
