"""A month's figures with their evidence: plain structs, no SQL.

In: facts summed by the store. Out: `Statement`, which every format (JSON, CSV, HTML, API) is
rendered from, so that no format can differ from another. Each figure carries its quality, boundary,
coverage and factor (law 5).
"""

from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Literal

import msgspec

from footprint.applied import (
    ContractUse,
    FactorUse,
    GridUse,
    Impact,
    ImpactUse,
    Measure,
    PueUse,
    View,
    Viewed,
    WueUse,
)
from footprint.attribution import Part
from footprint.codes import ConsumerKind, Phase
from footprint.counts import Counts
from footprint.embodied_statement import Embodied
from footprint.external import Externals
from footprint.ledger import Component, Quality
from footprint.platform_figures import Platform
from footprint.uncertainty import Bounds, Deviation


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


class Figure(msgspec.Struct, frozen=True):
    """An amount of energy and what it caused, with its evidence.

    `energy_uj` is that of hosts, `site_energy_uj` with what their sites use on top of it.
    `emissions_ug`, of the latter, is None where no factor applies. `quality_uj`, `boundary_uj` and
    `pue_uj` say how much of `energy_uj` is of which quality (counter, integrated, modelled), of
    which boundary (components, wall) and under which `PueUse.id`; their values add up to it.
    `overhead_uj` says how much each of the latter adds. `factors` names the `FactorUse.id`s
    applied to gases. An impact is None where a factor lacks for some of the energy.
    `views` of the gases are never added to `emissions_ug`; each says for how much of the energy.
    `intervals` has the ends between which each measure lies at 95 % (METHOD.md, "Uncertainty"); of
    what is not available there is none, and none at all where nobody asked for them.
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
    site_energy_uj: int
    site_energy_kwh: Decimal
    pue_uj: dict[str, int]
    overhead_uj: dict[str, int]
    impacts: dict[Impact, int | None]
    views: dict[View, Viewed]
    intervals: dict[Measure, Bounds] = {}


class Line(msgspec.Struct, frozen=True):
    """The atom of a statement: one consumer, component and part, the shared server `via` which it
    used the energy (None: its own), and the `phase` of its life that it was declared for. All else
    is a sum of lines."""

    consumer: str
    component: Component
    part: Part
    figure: Figure
    via: str | None = None
    phase: Phase | None = None


class Ratio(msgspec.Struct, frozen=True):
    """Energy and gases for each (1000) of something that was counted `sample` times, with
    `sample_uj` microjoules. None, and the `reason`, where it is not counted, or fewer than say
    anything."""

    sample: int | None
    sample_uj: int
    energy_wh: Decimal | None
    emissions_g: Decimal | None
    reason: Literal["not_counted", "too_few"] | None


class Efficiency(msgspec.Struct, frozen=True):
    """What a consumer's share of shared servers was for what it got; `unit` names its unit."""

    per_1000_generated_tokens: Ratio
    per_request: Ratio
    per_unit: Ratio
    unit: str | None


class PhaseTotal(msgspec.Struct, frozen=True):
    """What a consumer used in a phase of its life; None: of what was declared for no phase."""

    phase: Phase | None
    figure: Figure


class ConsumerTotal(msgspec.Struct, frozen=True):
    """A consumer's sum. `kind` tells SIA from shared servers, idle, system and the rest, which
    stand apart. Where it used shared servers `own` and `shared` are the two parts of `figure`; of a
    server, it is what nobody was found for. `phases` add up to `figure`; none where no energy was
    declared for one."""

    consumer: str
    kind: ConsumerKind
    name: str | None
    registered: bool
    figure: Figure
    own: Figure | None = None
    shared: Figure | None = None
    efficiency: Efficiency | None = None
    phases: list[PhaseTotal] = []


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


class WeightsUsed(msgspec.Struct, frozen=True):
    """What an uncached prompt token and a generated token weighed, and who says so."""

    prompt: int
    generated: int
    source: Literal["default", "declared", "fitted"]


class WeightsFit(msgspec.Struct, frozen=True):
    """What the server's own energy says of the weights, from so many quarter-hours, explaining so
    many permille of its variance; or the code of why it says nothing, and the words.
    `off_permille`: by how much a quarter-hour's energy is off what its tokens explain (root mean
    square, of the mean), None where they are too few; three times that widens every range."""

    prompt: int | None
    generated: int | None
    quarter_hours: int
    explained_permille: int | None
    off_permille: int | None
    refusal: str | None
    why: str | None


class Estimate(msgspec.Struct, frozen=True):
    """The gateway's own estimate beside our energy for the same lines; in no sum. `ratio` is
    estimated over measured, None where nothing was measured; `reasons` are codes of why they may
    differ. `estimated_ug`: its own estimate of greenhouse gases, None where it gives none."""

    estimated_uj: int
    measured_uj: int
    ratio: Decimal | None
    reasons: list[str]
    estimated_ug: int | None = None


class SharedConsumer(msgspec.Struct, frozen=True):
    """A consumer's part of a shared server: `energy_uj` = `active_uj` + `idle_uj`, the range
    of the active part (METHOD.md, "Shared servers"), and what it asked."""

    consumer: str
    kind: ConsumerKind
    name: str | None
    registered: bool
    energy_uj: int
    emissions_ug: int | None
    quality_uj: dict[Quality, int]
    active_uj: int
    least_uj: int
    most_uj: int
    idle_uj: int
    counts: Counts
    efficiency: Efficiency
    estimate: Estimate | None


class UsageGap(msgspec.Struct, frozen=True):
    """Time in which counts of usage may be missing, summed over the gateways that tell of the
    server."""

    cause: str
    duration_us: int


class Load(msgspec.Struct, frozen=True):
    """The quarter-hours in which a server generated from `from_per_s` tokens a second on to less
    than `to_per_s` (None: without end), and the joules for 1000 of these tokens; None below the
    least sample."""

    from_per_s: int
    to_per_s: int | None
    quarter_hours: int
    generated_tokens: int
    active_uj: int
    idle_uj: int
    active_j_per_1000: Decimal | None
    with_idle_j_per_1000: Decimal | None


class SharedServer(msgspec.Struct, frozen=True):
    """A server that serves several consumers: `energy_uj` = `active_uj` + `idle_uj`, of which
    `unallocated_uj` (active) and `unallocated_idle_uj` stay on its own line. `consumers` are those
    of the statement's scope, each whole, whatever part of it a project carries. `load` leaves out
    quarter-hours whose generated tokens are not counted."""

    code: str
    name: str
    weights: WeightsUsed
    fit: WeightsFit
    idle: Literal["use", "none"]
    energy_uj: int
    active_uj: int
    idle_uj: int
    unallocated_uj: int
    unallocated_idle_uj: int
    consumers: list[SharedConsumer]
    gaps: list[UsageGap]
    load: list[Load]
    estimate: Estimate | None


class SiteTotal(msgspec.Struct, frozen=True):
    """Energy of the hosts of a site under one PUE, what the site adds to it, and the range of the
    latter where the PUE is assumed (None: it is not, or no range is known)."""

    site: str | None
    name: str | None
    pue: str
    energy_uj: int
    overhead_uj: int | None
    overhead_low_uj: int | None
    overhead_high_uj: int | None


SciReason = Literal["no_factor", "no_hardware", "not_counted", "too_few"]


class Sci(msgspec.Struct, frozen=True):
    """Software Carbon Intensity of a SIA that has a functional unit (ISO/IEC 21031:2024): E
    (`energy_kwh`, with what sites use), I, their product O (`operational_ug`), M (`embodied_ug`)
    and R (`units`); None, with the `reasons`, where one of them is not known."""

    consumer: str
    unit: str
    units: int | None
    energy_kwh: Decimal
    intensity_g_per_kwh: Decimal | None
    operational_ug: int | None
    embodied_ug: int | None
    emissions_g_per_unit: Decimal | None
    reasons: list[SciReason]


class Uncertain(msgspec.Struct, frozen=True):
    """A measure of the statement's own total with the interval in which it lies at 95 %, and what
    that is made of, the greatest first (METHOD.md, "Uncertainty")."""

    measure: str
    value: int
    low: int
    high: int
    sources: list[Deviation]


class LedgerHead(msgspec.Struct, frozen=True):
    """The last page of a ledger that the figures rest on."""

    host_id: str
    ledger_id: str
    seq: int
    hash: str


class Scope(msgspec.Struct, frozen=True):
    """Whose figures: the whole, one project, one SIA, or what stays with one shared server."""

    kind: Literal["all", "project", "sia", "server"]
    code: str | None
    name: str | None


class Statement(msgspec.Struct, frozen=True):
    """A month (Europe/Paris) in figures. `closed` is False: figures so far, which pages and
    factors that arrive later can still change. `platform` is None for a project or a SIA: it is
    nobody's share yet. `usage_ledgers` are those of gateways, where servers were divided.
    `ledgers_root` stands for all of both (`merkle`). `sites` has a row for each of `pues`: all that
    the figures rest on. Greenhouse gases are None where energy of `zones_without_factor` is in
    them. `impact_factors` has the factors of `impacts` and of `views`. `externals` are AI services
    outside the house, in none of the other figures; None where none was used. What those in scope
    asked under the codes of `usage_unregistered` is in no figure: the register has no server, and
    no service outside, of that code."""

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
    servers: list[SharedServer] = []
    usage_ledgers: list[LedgerHead] = []
    ledgers_root: str = ""
    sites: list[SiteTotal] = []
    pues: list[PueUse] = []
    wues: list[WueUse] = []
    impacts: list[ImpactUse] = []
    impact_factors: list[FactorUse] = []
    zones_without_factor: list[str] = []
    views: list[ImpactUse] = []
    contracts: list[ContractUse] = []
    grid: list[GridUse] = []
    embodied: Embodied | None = None
    sci: list[Sci] = []
    uncertainty: list[Uncertain] = []
    externals: Externals | None = None
    usage_unregistered: list[str] = []
