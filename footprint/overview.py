"""What the present looks like: plain structs, no SQL.

In: facts summed by the store. Out: `Overview`, which the first page and the API are rendered from.
"""

from datetime import datetime
from typing import Literal

import msgspec

from footprint.applied import FactorUse, PueUse
from footprint.codes import ConsumerKind
from footprint.ledger import Component, Quality
from footprint.statement import Coverage, Figure


class HostNow(msgspec.Struct, frozen=True):
    """A host and its newest page; `silent` when that is older than two quarter-hours."""

    host_id: str
    page_start: datetime
    page_end: datetime
    silent: bool


class SensorNow(msgspec.Struct, frozen=True):
    """What one device's newest page says of its sensor."""

    host_id: str
    sensor: str
    component: Component | None
    device: str
    covers: str
    evidence: bool
    quality: Quality
    status: Literal["ok", "degraded", "failed"]
    last_error: str


class ConsumerNow(msgspec.Struct, frozen=True):
    """A consumer now and since midnight in Paris. `power_uw` is the mean over the covered
    time of the newest page of each host that is not silent; None (unknown) where its energy today
    came only from hosts that are silent, or devices that the newest page knows nothing of."""

    consumer: str
    kind: ConsumerKind
    name: str | None
    registered: bool
    power_uw: int | None
    today: Figure


class Overview(msgspec.Struct, frozen=True):
    """What the first page shows. `zones_without_factor`: of their electricity the registry has no
    factor, so that greenhouse gases are not available."""

    at: datetime
    since: datetime
    zone: str
    hosts: list[HostNow]
    sensors: list[SensorNow]
    consumers: list[ConsumerNow]
    total: Figure
    coverage: dict[Component, Coverage]
    absent: list[Component]
    factors: list[FactorUse]
    zones_without_factor: list[str]
    pues: list[PueUse]
    quarantined_pages: int
