"""A month's figures with their evidence, and what the present looks like: plain structs, no SQL.

In: facts summed by the store. Out: `Statement` and `Overview`, which every format (JSON, CSV, HTML,
API) is rendered from, so that no format can differ from another. Each figure carries its quality,
boundary, coverage and factor (law 5).
"""

from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Literal

import msgspec

from footprint.attribution import Part
from footprint.ledger import Component, Quality


class Coverage(msgspec.Struct, frozen=True):
    """Time in which a component's energy is known, over the time it should be, in microseconds
    summed over devices (weighted by rated power where every device declares one)."""

    covered_us: int
    expected_us: int
    weighted: bool

    @property
    def ratio(self) -> Decimal | None:
        """Covered over expected, four decimals rounded down; None where nothing was expected."""
        if not self.expected_us:
            return None
        ratio = Decimal(self.covered_us) / self.expected_us
        return ratio.quantize(Decimal("0.0001"), ROUND_DOWN)


class FactorUse(msgspec.Struct, frozen=True):
    """A factor as it was applied: everything needed to dispute it."""

    id: str
    indicator: str
    zone: str
    value: Decimal
    unit: str
    valid_from: str
    valid_to: str | None
    basis: str
    method: str
    uncertainty_percent: Decimal | None
    source: str
    published: str
    provisional: bool


class Figure(msgspec.Struct, frozen=True):
    """An amount of energy and what it caused, with its evidence.

    `emissions_ug` is None where no factor applies. `quality_uj` and `boundary_uj` say how much of
    `energy_uj` is of which quality (counter, integrated, modelled) and boundary (components, wall);
    their values add up to it. `factors` names the `FactorUse.id`s applied.
    """

    energy_uj: int
    energy_kwh: Decimal
    emissions_ug: int | None
    emissions_g: Decimal | None
    quality_uj: dict[Quality, int]
    boundary_uj: dict[str, int]
    coverage: Decimal | None
    factors: list[str]
    provisional: bool


class Line(msgspec.Struct, frozen=True):
    """The atom of a statement: one consumer, component and part. All else is a sum of lines."""

    consumer: str
    component: Component
    part: Part
    figure: Figure


class ConsumerTotal(msgspec.Struct, frozen=True):
    """A consumer's sum. `kind` tells SIA from idle, system and the rest, which stand apart."""

    consumer: str
    kind: Literal["sia", "system", "agent", "idle", "unregistered", "unattributed"]
    name: str | None
    registered: bool
    figure: Figure


class ComponentTotal(msgspec.Struct, frozen=True):
    """A component's sum over consumers, with its own coverage."""

    component: Component
    coverage: Coverage
    figure: Figure


class HostBoundary(msgspec.Struct, frozen=True):
    """What of a host is inside the figures: components measured or modelled, and those nobody
    measures, which are unknown, not zero."""

    host_id: str
    boundary: Literal["components", "wall"]
    present: dict[Component, list[Quality]]
    absent: list[Component]


class GapTotal(msgspec.Struct, frozen=True):
    """Time in which something is unknown, by what and why: a cause that a page gives, or `no_page`
    where no accepted page covers a device that was expected."""

    kind: Literal["gap", "blind"]
    component: Component
    cause: str
    duration_us: int


class PlatformMeter(msgspec.Struct, frozen=True):
    """A node meter's hosts over the month, in microjoules and microseconds.

    `platform_uj` = `node_uj` - `components_uj`, both over the time that both cover (`common_us`).
    `residue_uj` is node energy outside that time, `set_aside_uj` that of quarter-hours in which
    another meter of a host counted: node energy of the month is the sum of the three.
    `node_quality_uj` and `components_quality_uj` say how the two were obtained.
    """

    meter: str
    hosts: list[str]
    node_uj: int
    components_uj: int
    platform_uj: int
    residue_uj: int
    set_aside_uj: int
    node_us: int
    common_us: int
    node_quality_uj: dict[Quality, int]
    components_quality_uj: dict[Quality, int]


class PlatformAnomaly(msgspec.Struct, frozen=True):
    """A day (Paris) on which a node meter says less than the components of its own hosts: one of
    the meters named is wrong, or the hosts are not those it feeds."""

    day: str
    meter: str
    hosts: list[str]
    sensors: list[str]
    node_uj: int
    components_uj: int
    platform_uj: int


class PlatformModelled(msgspec.Struct, frozen=True):
    """A range for the platform of `hosts` without a node meter, which are of one model; in no sum.

    The powers are the least, the mean and the greatest of `from_days` days of `from_hosts`, hosts
    of the same model with a meter, over `from_quarter_hours` of common cover; the energies are
    these powers over `covered_us`, the time that the components of `hosts` are covered.
    `components_uj` is what these components used. `devices` counts each component's devices.
    """

    quality: Literal["modelled"]
    machine: str
    processor: str
    devices: dict[Component, int]
    gpus: list[str]
    hosts: list[str]
    components_uj: int
    covered_us: int
    power_low_uw: int
    power_uw: int
    power_high_uw: int
    energy_low_uj: int
    energy_uj: int
    energy_high_uj: int
    from_hosts: list[str]
    from_days: int
    from_quarter_hours: int


class Platform(msgspec.Struct, frozen=True):
    """What the hosts with a node meter draw beyond their components; in no other figure.

    `energy_uj` and the sums beside it are those of `meters`. Of `unmetered_hosts` the platform is
    unknown, not zero: their components used `unmetered_components_uj`, and for some of them
    `modelled` has a range, which is in none of these sums. `overlapping` facts were left out, since
    an earlier one of the same meter covers their time.
    """

    boundary: Literal["wall"]
    energy_uj: int
    energy_kwh: Decimal
    node_uj: int
    components_uj: int
    residue_uj: int
    set_aside_uj: int
    node_us: int
    common_us: int
    overlapping: int
    meters: list[PlatformMeter]
    anomalies: list[PlatformAnomaly]
    unmetered_hosts: list[str]
    unmetered_components_uj: int = 0
    modelled: list[PlatformModelled] = []


class LedgerHead(msgspec.Struct, frozen=True):
    """The last page of a ledger that the figures rest on."""

    host_id: str
    ledger_id: str
    seq: int
    hash: str


class Scope(msgspec.Struct, frozen=True):
    """Whose figures: the whole, one project or one SIA."""

    kind: Literal["all", "project", "sia"]
    code: str | None
    name: str | None


class Statement(msgspec.Struct, frozen=True):
    """A month (Europe/Paris) in figures. `closed` is False: figures so far, which pages and
    factors that arrive later can still change. `platform` is None for a project or a SIA: it is
    nobody's share yet."""

    format: Literal[1]
    month: str
    start: datetime
    end: datetime
    as_of: datetime
    closed: bool
    scope: Scope
    method_version: str
    zone: str
    total: Figure
    consumers: list[ConsumerTotal]
    components: list[ComponentTotal]
    lines: list[Line]
    hosts: list[HostBoundary]
    gaps: list[GapTotal]
    factors: list[FactorUse]
    omissions: list[str]
    quarantined_pages: int
    ledgers: list[LedgerHead]
    platform: Platform | None = None


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
    kind: Literal["sia", "system", "agent", "idle", "unregistered", "unattributed"]
    name: str | None
    registered: bool
    power_uw: int | None
    today: Figure


class Overview(msgspec.Struct, frozen=True):
    """What the first page shows. `factor_error` says what to import where no factor applies."""

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
    factor_error: str | None
    quarantined_pages: int
