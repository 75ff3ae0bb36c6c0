"""Real pages to test with: chained, canonical, conserving energy, as an agent would write them.

`make_ledger(...)` yields `Sealed` pages; `batch(...)` is the body of `POST /v1/pages` for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from footprint import ledger, usage
from footprint.ledger import Component, Entry, GapRecord, Page, Quality, SensorState
from footprint.usage import UsagePage

P = TypeVar("P", Page, UsagePage)

START = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
LEDGER = "00000000-0000-4000-8000-000000000001"
BOOT = "00000000-0000-4000-8000-00000000b001"
CONSUMERS = {"chat-demo": 600_000_000, "tri-courrier": 300_000_000, "@system": 100_000_001}


class Sealed(msgspec.Struct, Generic[P], frozen=True):
    """A page, of energy or of usage, with its canonical bytes and their hash."""

    page: P
    body: bytes
    hash: str


def seal(page: P) -> Sealed[P]:
    """The page as it is sent and kept."""
    canonical = usage if isinstance(page, UsagePage) else ledger
    body = canonical.canonical_bytes(page)
    return Sealed(page, body, ledger.hash_bytes(body))


def sensor_state(
    component: Component = "cpu",
    device: str = "package-0",
    *,
    metered_uj: int,
    quality: Quality = "counter",
    sensor: str = "rapl",
    rated_power_uw: int | None = None,
    evidence: bool = False,
) -> SensorState:
    """A sensor that read its device well."""
    return SensorState(
        sensor=sensor,
        device=device,
        component=component,
        covers=component,
        evidence=evidence,
        quality=quality,
        status="ok",
        metered_uj=metered_uj,
        interpolated_uj=0,
        readings=900,
        failures=0,
        last_error="",
        first=None,
        last=None,
        range_uj=None,
        rated_power_uw=rated_power_uw,
        floor_uw=None,
        floor_at=None,
        parameters={},
    )


def make_page(
    *,
    seq: int = 0,
    previous_hash: str = ledger.GENESIS,
    start: datetime = START,
    seconds: int = 900,
    consumers: Mapping[str, int] = CONSUMERS,
    component: Component = "cpu",
    device: str = "package-0",
    quality: Quality = "counter",
    rated_power_uw: int | None = None,
    gaps: Sequence[GapRecord] = (),
    host_id: str = "host-1",
    ledger_id: str = LEDGER,
    parent: ledger.Parent | None = None,
) -> Page:
    """One device's page; `consumers` gives microjoules by consumer."""
    return Page(
        format=1,
        host_id=host_id,
        ledger_id=ledger_id,
        seq=seq,
        previous_hash=previous_hash,
        parent=parent,
        boot_id=BOOT,
        start=start,
        end=start + timedelta(seconds=seconds),
        clock_offset_us=0,
        versions=ledger.Versions(agent="0.1.0", method="2026.1"),
        host={},
        sensors=[
            sensor_state(
                component,
                device,
                metered_uj=sum(consumers.values()),
                quality=quality,
                rated_power_uw=rated_power_uw,
            )
        ],
        entries=[
            Entry(
                component=component,
                device=device,
                consumer=consumer,
                part="undivided",
                energy_uj=energy_uj,
                quality=quality,
            )
            for consumer, energy_uj in consumers.items()
        ],
        gaps=list(gaps),
        nodes=[],
    )


def chain(pages: Iterable[P]) -> Iterator[Sealed[P]]:
    """The pages numbered from 0 and chained, whatever they said of themselves."""
    previous_hash = ledger.GENESIS
    for seq, page in enumerate(pages):
        sealed = seal(msgspec.structs.replace(page, seq=seq, previous_hash=previous_hash))
        previous_hash = sealed.hash
        yield sealed


def make_ledger(
    count: int = 4,
    *,
    start: datetime = START,
    seconds: int = 900,
    host_id: str = "host-1",
    ledger_id: str = LEDGER,
    consumers: Mapping[str, int] = CONSUMERS,
    component: Component = "cpu",
    device: str = "package-0",
    quality: Quality = "counter",
    rated_power_uw: int | None = None,
) -> list[Sealed[Page]]:
    """`count` pages of `seconds` each, one after another, numbered and chained."""
    return list(
        chain(
            make_page(
                start=start + timedelta(seconds=seconds * index),
                seconds=seconds,
                host_id=host_id,
                ledger_id=ledger_id,
                consumers=consumers,
                component=component,
                device=device,
                quality=quality,
                rated_power_uw=rated_power_uw,
            )
            for index in range(count)
        )
    )


def batch(pages: Iterable[Sealed[P]]) -> bytes:
    """The body of `POST /v1/pages`, or of `POST /v1/usage`."""
    envelopes = [ledger.Envelope(page.hash, msgspec.Raw(page.body)) for page in pages]
    return msgspec.json.encode(ledger.Batch(envelopes))
