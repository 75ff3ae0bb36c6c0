"""A draft of usage as a page: lines of all endpoints together, in the form that is hashed and sent.

In: a draft, and where the page goes. Out: its canonical bytes, checked as the receiver checks them.
"""

from collections.abc import Iterable, Mapping

import msgspec

from exporters.gateway.book import Draft
from exporters.gateway.tally import Tally
from footprint import METHOD_VERSION, __version__
from footprint.interval import from_us
from footprint.ledger import MAX_UJ, Versions
from footprint.usage import FORMAT, Gap, Line, Origin, UsagePage, canonical_bytes, decode


class Link(msgspec.Struct, frozen=True):
    """Where the next page goes."""

    host_id: str
    ledger_id: str
    seq: int
    previous_hash: str


def body(draft: Draft, origin: Origin, link: Link) -> bytes:
    """The draft as the next page. Raises PageError where nobody could use it."""
    page = UsagePage(
        format=FORMAT,
        host_id=link.host_id,
        ledger_id=link.ledger_id,
        seq=link.seq,
        previous_hash=link.previous_hash,
        start=from_us(draft.start_us),
        end=from_us(draft.end_us),
        origin=origin,
        versions=Versions(agent=__version__, method=METHOD_VERSION),
        lines=_lines(draft.lines),
        totals=_lines(draft.totals),
        gaps=[Gap(from_us(start), from_us(end), cause) for cause, start, end in draft.gaps],
    )
    encoded = canonical_bytes(page)
    decode(encoded)  # a page that nobody can use must never leave: better to stop here
    return encoded


def _lines(tallies: Mapping[str, Tally]) -> list[Line]:
    return [_line(place, tally) for place, tally in sorted(_together(tallies.items()).items())]


def _together(items: Iterable[tuple[str, Tally]]) -> dict[str, Tally]:
    """By server, model and consumer, whichever endpoints told it."""
    result: dict[str, Tally] = {}
    for key, tally in items:
        place = key.partition(" ")[2]
        if place not in result:
            result[place] = Tally(requests=0 if tally.requests is not None else None)
        result[place].add(tally)
    return result


def _line(place: str, tally: Tally) -> Line:
    """Counters of one server are not read at one instant: at the edge of a page it may show more
    tokens cached than prompted, which are told as prompted."""
    server, model, consumer = place.split(" ")
    together = tally.total is not None
    return Line(
        server=server,
        model=model,
        consumer=consumer,
        requests=tally.requests,
        prompt_tokens=None if together else tally.prompt,
        cached_tokens=0 if together else min(tally.cached, tally.prompt),
        generated_tokens=None if together else tally.generated,
        total_tokens=tally.total,
        estimated_uj=_told(tally.estimated_uj),
        estimated_ug=msgspec.UNSET if tally.estimated_ug is None else tally.estimated_ug,
    )


def _told(estimated_uj: int | None) -> int | None:
    """The gateway's own estimate, unless it is more than a page can hold: 2.5 MWh."""
    return estimated_uj if estimated_uj is not None and estimated_uj <= MAX_UJ else None
