"""Pages: what a host knows of one quarter-hour or less, numbered and chained by hash.

One definition for both sides of the wire. A page's canonical bytes are the JSON that
`canonical_bytes` writes: fields in the order declared here, no white space, instants in RFC 3339
with `Z`, integers only. Its hash is SHA-256 over those bytes; the next page carries it, so that a
changed, dropped, inserted or reordered page shows. A reader needs nothing but `sha256sum`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal, Protocol

import msgspec

from footprint import codes
from footprint.attribution import Part
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, is_utc, to_us
from footprint.reading import Cause

FORMAT: Literal[1] = 1
GENESIS = "0" * 64
"""`previous_hash` of a ledger's first page (seq 0)."""

Component = Literal["cpu", "dram", "gpu"]
Quality = Literal["counter", "integrated", "modelled"]

MAX_UJ = 2**53 - 1
"""Largest energy of one line: 2.5 MWh in a quarter-hour, exact in any JSON reader (RFC 8259, 6)."""

Microjoules = Annotated[int, msgspec.Meta(ge=0, le=MAX_UJ)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=rf"^{codes.CODE_PATTERN}\Z")]
Consumer = Annotated[str, msgspec.Meta(pattern=codes.CONSUMER_PATTERN)]
_DEVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}\Z"
Device = Annotated[str, msgspec.Meta(pattern=_DEVICE_PATTERN)]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{8,64}\Z")]
Line = Annotated[str, msgspec.Meta(max_length=200)]
Parameters = Annotated[dict[Line, Line], msgspec.Meta(max_length=32)]
_Said = Annotated[str, msgspec.Meta(max_length=128)]
"""A name that `check` compares with those said before: faster than a pattern for each entry."""


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict about what it decodes."""


class Entry(_Wire, frozen=True, gc=False):
    """Energy of one consumer on one device over the page: a fact, in microjoules. The device is one
    of the page's sensor states; the consumer a SIA code, with its phase where that is declared, or
    a reserved one (`codes`)."""

    component: Component
    device: Annotated[_Said, msgspec.Meta(extra_json_schema={"pattern": _DEVICE_PATTERN})]
    consumer: Annotated[_Said, msgspec.Meta(extra_json_schema={"pattern": codes.USER_PATTERN})]
    part: Part
    energy_uj: Microjoules
    quality: Quality


class GapRecord(_Wire, frozen=True, gc=False):
    """A stretch of the page in which something of one device is unknown.

    `gap`: its energy (lowers coverage). `blind`: whose it was; the energy is in the entries under
    `@unattributed`.
    """

    kind: Literal["gap", "blind"]
    component: Component
    device: Device
    start: datetime
    end: datetime
    cause: Cause


class CounterMark(_Wire, frozen=True, gc=False):
    """A raw cumulative reading: microjoules, and the instant it stands for."""

    value_uj: Natural
    at: datetime


class SensorState(_Wire, frozen=True):
    """The cover of one device by one sensor in this page, and the evidence for its entries.

    `metered_uj` equals the sum of the device's entries (law 1); of it, `interpolated_uj` was
    spread by elapsed time because its interval crossed a page's boundary. `first` and `last` are
    the raw counter at the edges of what was read. `floor_uw` is the measured static power, with its
    date; `rated_power_uw` weights coverage. A device that is only `evidence` (psys, core, a
    module's total) has no entries and is added to nothing.
    """

    sensor: Code
    device: Device
    component: Component | None
    covers: Line
    evidence: bool
    quality: Quality
    status: Literal["ok", "degraded", "failed"]
    metered_uj: Microjoules
    interpolated_uj: Microjoules
    readings: Natural
    failures: Natural
    last_error: Line
    first: CounterMark | None
    last: CounterMark | None
    range_uj: Natural | None
    rated_power_uw: Natural | None
    floor_uw: Natural | None
    floor_at: datetime | None
    parameters: Parameters


class NodeFact(_Wire, frozen=True):
    """Energy of whole hosts by a node meter (BMC, PDU), over its own interval: never summed with
    components; the service derives `platform` from it."""

    meter: Device
    host_ids: Annotated[list[Code], msgspec.Meta(min_length=1, max_length=1000)]
    start: datetime
    end: datetime
    energy_uj: Natural
    quality: Quality


class Parent(_Wire, frozen=True):
    """The ledger that this one continues after a divergence, and its last page."""

    ledger_id: Identifier
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    hash: Hash


Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}\Z")]
"""As releases are numbered; no room for words."""


class Versions(_Wire, frozen=True):
    """What produced the page."""

    agent: Version
    method: Version


class Page(_Wire, frozen=True):
    """A host's entries, gaps and sensor states of one quarter-hour or less.

    `clock_offset_us` is the wall clock less the page's own time when it was sealed, in microseconds
    (positive: the wall clock was ahead). `host` describes the machine: logical CPUs, memory,
    processor, virtualisation.
    """

    format: Literal[1]
    host_id: Code
    ledger_id: Identifier
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    previous_hash: Hash
    parent: Parent | None
    boot_id: Identifier
    start: datetime
    end: datetime
    clock_offset_us: Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
    versions: Versions
    host: Parameters
    sensors: Annotated[list[SensorState], msgspec.Meta(max_length=1000)]
    entries: Annotated[list[Entry], msgspec.Meta(max_length=100_000)]
    gaps: Annotated[list[GapRecord], msgspec.Meta(max_length=10_000)]
    nodes: Annotated[list[NodeFact], msgspec.Meta(max_length=1000)]


class PageHead(msgspec.Struct, frozen=True):
    """The part of a page that chains it, readable whatever the rest holds."""

    host_id: Code
    ledger_id: Identifier
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    previous_hash: Hash


class Stub(PageHead, frozen=True, omit_defaults=True):
    """What is kept of a page that cannot be read where the rest may name a person: its place in
    the chain, and the interval it claims."""

    start: datetime | None = None
    end: datetime | None = None


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page on its way: its bytes as they were hashed, and the hash."""

    hash: Hash
    page: msgspec.Raw


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/pages`, and of `POST /v1/usage` with usage pages in it."""

    pages: Annotated[list[Envelope], msgspec.Meta(min_length=1, max_length=1000)]


class Head(msgspec.Struct, frozen=True):
    """The last page of a ledger that somebody holds; `seq` is -1 and `hash` GENESIS for none."""

    host_id: str
    ledger_id: str
    seq: Annotated[int, msgspec.Meta(ge=-1, le=2**53 - 1)]
    hash: str


class PageError(ValueError):
    """A page whose content cannot be used; the message says what and where."""


class ChainError(ValueError):
    """A page that does not follow from the one before."""


_QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000
_CONSUMER = re.compile(codes.USER_PATTERN)
_encoder = msgspec.json.Encoder()
_page_decoder = msgspec.json.Decoder(Page)


def canonical_bytes(page: Page) -> bytes:
    """The page as the bytes that are hashed, sent and kept."""
    return _encoder.encode(page)


def hash_bytes(body: bytes) -> str:
    """SHA-256 of canonical bytes, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def decode(body: bytes) -> Page:
    """The page in canonical bytes, checked whole.

    Raises PageError where the bytes are not a page, not canonical, or its content contradicts
    itself.
    """
    try:
        page = _page_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PageError(f"page: {error}") from error
    check(page)
    if canonical_bytes(page) != body:
        raise PageError(
            "page: bytes are not canonical; encode with fields in order, no white space"
        )
    return page


def check(page: Page) -> None:
    """Raise PageError where the page's content contradicts itself.

    The interval lies inside one UTC quarter-hour; every instant is UTC; gaps lie inside the page;
    each entry belongs to a sensor state of its device that is not mere evidence, of the same
    quality; the entries of a device add up to its metered energy (law 1); no device is covered
    twice; no entry twice.
    """
    interval = utc_interval(page.start, page.end, "page")
    start_us, end_us = to_us(page.start), to_us(page.end)
    if start_us == end_us:
        raise PageError("page: start and end are the same instant")
    if start_us // _QUARTER_US != (end_us - 1) // _QUARTER_US:
        raise PageError(f"page: {page.start} to {page.end} crosses a UTC quarter-hour")
    if (page.seq == 0) != (page.previous_hash == GENESIS):
        raise PageError(f"page: seq {page.seq} with previous_hash {page.previous_hash[:8]}...")
    for gap in page.gaps:
        inside = utc_interval(gap.start, gap.end, "gap").intersection(interval)
        if inside is None or inside != Interval(gap.start, gap.end):
            raise PageError(f"gap of {gap.device}: {gap.start} to {gap.end} is not inside the page")
    for node in page.nodes:
        utc_interval(node.start, node.end, "node fact")
    for state in page.sensors:
        _check_state(state)
    _check_conservation(page)


def _check_state(state: SensorState) -> None:
    if state.interpolated_uj > state.metered_uj:
        raise PageError(f"sensor {state.sensor}: more interpolated than metered on {state.device}")
    marks = [mark.at for mark in (state.first, state.last) if mark]
    for instant in (*marks, state.floor_at) if state.floor_at else marks:
        if not is_utc(instant):
            utc_interval(instant, instant, f"sensor {state.sensor}: device {state.device}")


def _check_conservation(page: Page) -> None:
    left: dict[tuple[str | None, str], int] = {}
    quality: dict[tuple[str | None, str], Quality] = {}
    for state in page.sensors:
        if state.evidence:
            continue
        key = (state.component, state.device)
        if state.component is None or key in left:
            raise PageError(
                f"sensor {state.sensor}: device {state.device} is covered twice or by no component"
            )
        left[key], quality[key] = state.metered_uj, state.quality
    seen = set()
    for index, entry in enumerate(page.entries):
        if not _is_consumer(entry.consumer):
            raise PageError(f"page: $.entries[{index}].consumer is no code and not reserved")
        key = (entry.component, entry.device)
        identity = (entry.component, entry.device, entry.consumer, entry.part)
        if quality.get(key) != entry.quality or identity in seen:
            raise PageError(
                f"entry {identity}: no sensor state of that device and quality, or twice"
            )
        seen.add(identity)
        left[key] -= entry.energy_uj
    for (_, device), difference_uj in left.items():
        if difference_uj:
            raise PageError(
                f"device {device}: entries and metered energy differ by {difference_uj} uJ"
            )


@lru_cache(maxsize=4096)
def _is_consumer(name: str) -> bool:
    return _CONSUMER.match(name) is not None


def utc_interval(start: datetime, end: datetime, what: str) -> Interval:
    """The interval, or PageError that names what it is of."""
    try:
        return Interval(start, end)
    except ValueError as error:
        raise PageError(f"{what}: {error}") from error


def verify_chain(bodies: Iterable[bytes], last_hash: str | None = None) -> Iterator[Page]:
    """The pages of one ledger, in order from seq 0, each checked against the one before.

    Raises PageError or ChainError at the first page that was changed, dropped, inserted or
    reordered. Pages cut off the end show only against `last_hash`, the head that somebody else
    holds.
    """
    previous: Page | None = None
    previous_hash = GENESIS
    for body in bodies:
        page = decode(body)
        check_follows(page, previous, previous_hash)
        previous, previous_hash = page, hash_bytes(body)
        yield page
    if last_hash is not None and previous_hash != last_hash:
        raise ChainError(
            f"chain: ends with hash {previous_hash[:12]}..., {last_hash[:12]}... was expected"
        )


class Linked(Protocol):
    """What numbers and chains a page, of whatever kind."""

    @property
    def host_id(self) -> str:
        """Who writes the ledger."""

    @property
    def ledger_id(self) -> str:
        """Which ledger."""

    @property
    def seq(self) -> int:
        """Its number, from 0."""

    @property
    def previous_hash(self) -> str:
        """Of the page before."""

    @property
    def start(self) -> datetime:
        """Where its time begins."""

    @property
    def end(self) -> datetime:
        """Where it ends."""


def check_follows(page: Linked, previous: Linked | None, previous_hash: str) -> None:
    """Raise ChainError unless `page` is the next of its ledger after `previous` (None: none)."""
    expected_seq = previous.seq + 1 if previous else 0
    if page.seq != expected_seq:
        raise ChainError(f"chain: page {page.seq} stands where page {expected_seq} belongs")
    if page.previous_hash != previous_hash:
        raise ChainError(
            f"chain: page {page.seq} does not follow the page before it (hash differs)"
        )
    if previous is None:
        return
    if (page.host_id, page.ledger_id) != (previous.host_id, previous.ledger_id):
        raise ChainError(f"chain: page {page.seq} belongs to another host or ledger")
    if page.start < previous.end:
        raise ChainError(f"chain: page {page.seq} begins at {page.start} before the last one ended")
