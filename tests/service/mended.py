"""Pages that a generator made from their schema, mended until the service can accept them.

In: a page as JSON that fits its schema, which says nothing of sums, order and chains; the head of
its ledger and a quarter-hour that is free. Out: canonical bytes and their hash. What is generated
stays where it can: names, texts, amounts, how long a page lasts, what is in it.
"""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from footprint import ledger, usage
from footprint.ledger import Page
from footprint.usage import UsagePage
from tests.pages import Sealed, seal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = ("start", "end", "at", "floor_at")
FREE = ("parameters", "host")
"""Texts by names that anybody may choose, `at` among them."""
QUARTER = timedelta(minutes=15)
MOST_UJ = 10**12
SERVER = "albert-large"
"""Of each page's first line."""
Json = dict[str, Any]


def page(generated: Json, head: ledger.Head, quarter: datetime) -> Sealed[Page]:
    """A page of energy that follows `head`. Raises msgspec.ValidationError for what is no page."""
    found = msgspec.convert(_dated(generated), Page)
    start, end = _inside(found.start, found.end, quarter)
    sensors, entries = _conserved(found)
    return seal(
        msgspec.structs.replace(
            found,
            host_id=head.host_id,
            ledger_id=head.ledger_id,
            seq=head.seq + 1,
            previous_hash=head.hash,
            start=start,
            end=end,
            sensors=sensors,
            entries=entries,
            gaps=[_gap(gap, start, end) for gap in found.gaps],
            nodes=[_gap(node, start, end) for node in found.nodes],
        )
    )


def usage_page(generated: Json, head: ledger.Head, quarter: datetime) -> Sealed[UsagePage]:
    """A page of usage that follows `head`. Raises msgspec.ValidationError for what is no page."""
    found = msgspec.convert(_dated(generated), UsagePage)
    start, end = _inside(found.start, found.end, quarter)
    totals = [msgspec.structs.replace(line, consumer="@unattributed") for line in found.totals]
    return seal(
        msgspec.structs.replace(
            found,
            host_id=head.host_id,
            ledger_id=head.ledger_id,
            seq=head.seq + 1,
            previous_hash=head.hash,
            start=start,
            end=end,
            lines=_told(found.lines),
            totals=_told(totals),
            gaps=[_gap(gap, start, end) for gap in found.gaps],
        )
    )


def _dated(value: Any) -> Any:
    """The same, every instant one that exists and is in UTC (a schema allows leap seconds, the year
    0, and zones), every whole number written as one (JSON Schema takes 1.0 for an integer)."""
    if isinstance(value, list):
        return [_dated(item) for item in value]
    if isinstance(value, float):
        return int(value)
    if not isinstance(value, dict):
        return value
    return {
        key: item
        if key in FREE
        else _instant(item)
        if key in INSTANTS and isinstance(item, str)
        else _dated(item)
        for key, item in value.items()
    }


def _instant(text: str) -> datetime:
    try:
        return msgspec.convert(text, datetime).replace(tzinfo=UTC)
    except msgspec.ValidationError:
        return EPOCH + timedelta(microseconds=zlib.crc32(text.encode()))


def _inside(start: datetime, end: datetime, quarter: datetime) -> tuple[datetime, datetime]:
    """Two instants as generated, but in this quarter-hour, and one after the other."""
    first, last = sorted((_of_quarter(start), _of_quarter(end)))
    return quarter + first, quarter + max(last, first + timedelta(microseconds=1))


def _of_quarter(instant: datetime) -> timedelta:
    return (instant - EPOCH) % QUARTER


def _gap(gap: Any, start: datetime, end: datetime) -> Any:
    """Something with a start and an end, inside the page."""
    moments = sorted(start + (instant - EPOCH) % (end - start) for instant in (gap.start, gap.end))
    last = max(moments[1], moments[0] + timedelta(microseconds=1))
    return msgspec.structs.replace(gap, start=moments[0], end=last)


def _conserved(found: Page) -> tuple[list[ledger.SensorState], list[ledger.Entry]]:
    """Each device once, each entry on one of them, and what was metered their sum (law 1)."""
    states: dict[tuple[str, str], ledger.SensorState] = {}
    evidence = []
    for state in found.sensors:
        key = (str(state.component), state.device)
        if state.component is None or state.evidence or key in states:
            evidence.append(_state(state, 0, evidence=True))
        else:
            states[key] = state
    kept, metered = _entries(found.entries, list(states.values()))
    counted = [_state(state, metered.get(key, 0)) for key, state in states.items()]
    return [*counted, *evidence], kept


def _entries(
    entries: list[ledger.Entry], states: list[ledger.SensorState]
) -> tuple[list[ledger.Entry], dict[tuple[str, str], int]]:
    kept: dict[tuple[str, ...], ledger.Entry] = {}
    metered: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(entries if states else ()):
        state = states[index % len(states)]
        key = (str(state.component), state.device)
        if (*key, entry.consumer, entry.part) in kept:
            continue
        kept[*key, entry.consumer, entry.part] = mended = msgspec.structs.replace(
            entry,
            component=state.component,
            device=state.device,
            quality=state.quality,
            energy_uj=entry.energy_uj % MOST_UJ,
        )
        metered[key] = metered.get(key, 0) + mended.energy_uj
    return list(kept.values()), metered


def _state(
    state: ledger.SensorState, metered_uj: int, *, evidence: bool = False
) -> ledger.SensorState:
    return msgspec.structs.replace(
        state,
        evidence=evidence,
        metered_uj=metered_uj,
        interpolated_uj=min(state.interpolated_uj, metered_uj),
    )


def _told(lines: list[usage.Line]) -> list[usage.Line]:
    """Each place and consumer once; tokens apart, or their total alone."""
    found: dict[tuple[str, ...], usage.Line] = {}
    for line in lines:
        prompt, generated = line.prompt_tokens, line.generated_tokens
        apart = line.total_tokens is None
        if apart:
            prompt, generated = prompt or 0, generated or 0
        mended = msgspec.structs.replace(
            line,
            server=line.server if found else SERVER,
            prompt_tokens=prompt if apart else None,
            generated_tokens=generated if apart else None,
            cached_tokens=min(line.cached_tokens, prompt or 0) if apart else 0,
        )
        found.setdefault((mended.server, line.model, line.consumer), mended)
    return list(found.values())
