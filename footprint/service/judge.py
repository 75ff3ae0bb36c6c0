"""Whether a page whose hash and chain are right can be used: decided when it comes, and again by
`footprint fsck`.

In: a page's bytes and the instant it came. Out: the interval it claims; the page, or the reason why
it is kept but left out. Whether it overlaps a page held is the store's to say.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from footprint import ledger
from footprint.interval import QUARTER_HOUR_SECONDS, from_us, to_us
from footprint.service.store_chains import HeldPage, P

AHEAD_US = 15 * 60 * 1_000_000
"""How far a host's clock may be ahead of the service's."""
STAYS_US = 35 * 86_400_000_000
"""How long a month has been over before it may leave: agents keep delivered pages as long, and send
them again to a service that was restored from a backup."""
CLOCKS_US = 7 * 86_400_000_000
"""How far the clocks of a service and of whoever lets months leave may be apart, generously."""
EARLIEST_US = to_us(datetime(2020, 1, 1, tzinfo=UTC))
"""No host was metered before: its clock has lost the date."""


class _Times(msgspec.Struct):
    """The interval that a page claims, where it is readable at all."""

    start: datetime
    end: datetime


_decoder = msgspec.json.Decoder(_Times)
_stub_decoder = msgspec.json.Decoder(ledger.Stub)
_encoder = msgspec.json.Encoder()


def interval_us(body: bytes) -> tuple[int, int] | None:
    """Start and end in microseconds that a page claims; None where it has none, no zone, or one
    that lies beyond the calendar in UTC."""
    try:
        times = _decoder.decode(body)
        claimed = to_us(times.start), to_us(times.end)
        for instant_us in claimed:
            from_us(instant_us)
        return claimed
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, OverflowError, RecursionError):
        return None


def stub(head: ledger.PageHead, interval: tuple[int, int] | None) -> bytes:
    """What is kept instead of a page that cannot be read."""
    start, end = (from_us(us) for us in interval) if interval else (None, None)
    return _encoder.encode(
        ledger.Stub(head.host_id, head.ledger_id, head.seq, head.previous_hash, start, end)
    )


def is_stub(body: bytes) -> bool:
    """Whether these bytes are such a stub, and nothing besides."""
    try:
        return _encoder.encode(_stub_decoder.decode(body)) == body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def content(body: bytes, decode: Callable[[bytes], P]) -> P | str:
    """The page in `body`, or why it cannot be used."""
    try:
        page = decode(body)
        to_us(page.start), to_us(page.end)
    except (ledger.PageError, RecursionError, OverflowError) as error:
        return str(error) or type(error).__name__
    return page


def mistimed(start_us: int, end_us: int, came_us: int) -> str:
    """Why a page that came at `came_us` cannot be of that time; empty where it can."""
    if start_us < EARLIEST_US:
        return (
            f"clock: starts at {from_us(start_us).isoformat()}, before "
            f"{from_us(EARLIEST_US).isoformat()}; set the host's clock"
        )
    if end_us > came_us + AHEAD_US:
        whole_day = end_us - start_us > QUARTER_HOUR_SECONDS * 1_000_000
        remedy = (
            "tell a day when it is over" if whole_day else "set the host's clock, or the service's"
        )
        return (
            f"clock: ends at {from_us(end_us).isoformat()}, more than 15 minutes after it came, "
            f"{from_us(came_us).isoformat()}; {remedy}"
        )
    return ""


def restates(interval_us: tuple[int, int], other: tuple[int, int], *, same_ledger: bool) -> bool:
    """Whether usage of an interval takes the place of an accepted page's: told again in the ledger
    that told it, or a day from anywhere. Counters that two readers of one name look at are told
    twice, and neither takes the other's place."""
    start_us, end_us = interval_us
    whole_day = end_us - start_us > QUARTER_HOUR_SECONDS * 1_000_000
    return interval_us == other and (same_ledger or whole_day)


def overlap(other: HeldPage, start_us: int, end_us: int) -> str:
    """The reason where an accepted page shares time with a new one."""
    return (
        f"overlap: page {other.seq} of ledger {other.ledger_id} covers part of "
        f"{from_us(start_us).isoformat()} to {from_us(end_us).isoformat()}"
    )
