"""Holds the node meter's facts against the wall: are all of them there, and how far from the truth?

In: a `Run` of a host with a controller. Out: `WallBalance`. Everything that the controller showed
must be in the pages, to the microjoule. What it showed may differ from the truth by what METHOD.md,
"How far a controller is off", derives from its lag, its mean and its resolution. `platform` differs
by that, and by what spreading over a partly known time does: how much that is, is found by
spreading true energies in the same way. Platform is derived by the service's own pure code.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from exporters.bmc import EVERY_SECONDS
from exporters.twin.controller import ENERGY_STEP_UJ, LAG_S, MEAN_S, SUPPLIES_PERMILLE
from exporters.twin.run import HOST_ID, POLL_AT, Run
from exporters.twin.walllog import NO_ANSWER, WallLog
from footprint import nodes
from footprint.interval import to_us
from footprint.ledger import Page
from footprint.nodes import DeviceEnergy, DeviceKey, Facts, NodeEnergy, Span

US_PER_S, STEPS_PER_S = 1_000_000, 10
MOST_APART_US = 5 * US_PER_S
"""METHOD.md: samples further apart than this say nothing of the time between."""
LATE_S = LAG_S + POLL_AT / STEPS_PER_S
"""How old the newest second of what a poll reads is."""
RESOLUTION_UW = len(SUPPLIES_PERMILLE) * 1_000_000


class Compared(msgspec.Struct, frozen=True):
    """One energy of the wall in microjoules: true, measured, and how far off the meter may be.

    `spread_uj` is what spreading over partly known time moves, were the meter perfect; `over_us`
    the time that both are of.
    """

    what: str
    true_uj: int
    spread_uj: int
    measured_uj: int
    bound_uj: int
    over_us: int

    @property
    def off_uj(self) -> int:
        """What the meter is off by: measured less true, spreading apart."""
        return self.measured_uj - self.true_uj - self.spread_uj

    @property
    def holds(self) -> bool:
        """Whether the bound does."""
        return abs(self.off_uj) <= self.bound_uj


class WallBalance(msgspec.Struct, frozen=True):
    """The account of a node meter. `lost_uj` and `lost_us`: what it showed less what is in pages,
    to be zero; `runs` are stretches without a hole, `missed` polls inside them without answer."""

    polls: int
    unanswered: int
    runs: int
    missed: int
    lost_uj: int
    lost_us: int
    node: Compared
    platform: Compared
    residue_uj: int

    @property
    def balances(self) -> bool:
        """Everything shown is there, and both energies are within their bounds."""
        exact = not (self.lost_uj or self.lost_us)
        return exact and self.node.holds and self.platform.holds


class _Shown(msgspec.Struct, frozen=True):
    """What the controller showed over `spans`, and how often it was asked in vain inside them."""

    spans: list[Span]
    energy_uj: int
    missed: int


def balance(run: Run) -> WallBalance | None:
    """The account of the run's node meter; None where the host has none."""
    if run.wall is None:
        return None
    polls = list(run.wall.polls())
    counts = run.plan.bmc == "energy"
    shown = _counted(polls) if counts else _integrated(polls)
    facts, left_out = nodes.disjoint(_facts(run.pages))
    measured_uj = sum(fact.energy_uj for fact in [*facts, *left_out])
    measured_us = sum(fact.end_us - fact.start_us for fact in facts)
    shown_us = _length(shown.spans)
    return WallBalance(
        polls=len(polls),
        unanswered=sum(value == NO_ANSWER for _, value in polls),
        runs=len(shown.spans),
        missed=shown.missed,
        lost_uj=shown.energy_uj - measured_uj,
        lost_us=shown_us - measured_us,
        node=Compared(
            what="node",
            true_uj=round(sum(run.wall.wall_uj(*span) for span in shown.spans)),
            spread_uj=0,
            measured_uj=measured_uj,
            bound_uj=_meter_bound_uj(run, shown, len(shown.spans), shown_us),
            over_us=measured_us,
        ),
        platform=(platform := _platform(run, run.wall, facts, shown))[0],
        residue_uj=platform[1],
    )


def _integrated(polls: Sequence[tuple[int, int]]) -> _Shown:
    """Trapezia between answers at most 5 s apart."""
    good = [poll for poll in polls if poll[1] != NO_ANSWER]
    spans: list[Span] = []
    energy_uj = covered_us = 0
    for (before_us, before_uw), (after_us, after_uw) in pairwise(good):
        if after_us - before_us > MOST_APART_US:
            continue
        energy_uj += (before_uw + after_uw) * (after_us - before_us) // (2 * US_PER_S)
        covered_us += after_us - before_us
        if spans and spans[-1][1] == before_us:
            spans[-1] = (spans[-1][0], after_us)
        else:
            spans.append((before_us, after_us))
    answered = len(good) - sum(not _inside(spans, at_us) for at_us, _ in good)
    due = sum((end - start) // (EVERY_SECONDS * US_PER_S) + 1 for start, end in spans)
    return _Shown(spans, energy_uj, due - answered)


def _counted(polls: Sequence[tuple[int, int]]) -> _Shown:
    """From the first answer to the last move of the counter, whatever was missed between."""
    good = [poll for poll in polls if poll[1] != NO_ANSWER]
    moves = [after for before, after in pairwise(good) if after[1] != before[1]]
    if not moves:
        return _Shown([], 0, 0)
    (start_us, first_uj), (end_us, last_uj) = good[0], moves[-1]
    return _Shown([(start_us, end_us)], last_uj - first_uj, 0)


def _inside(spans: Iterable[Span], at_us: int) -> bool:
    return any(start_us <= at_us <= end_us for start_us, end_us in spans)


def _meter_bound_uj(run: Run, shown: _Shown, stretches: int, over_us: int) -> int:
    """How far the meter may be off over so many stretches without a hole, so long together."""
    swing_uw = (run.truth.most_wall_uj - run.truth.least_wall_uj) * STEPS_PER_S
    if run.plan.bmc == "energy":
        return round(stretches * (swing_uw * LATE_S + ENERGY_STEP_UJ))
    return power_bound_uj(swing_uw, over_us / US_PER_S, shown.missed, stretches)


def power_bound_uj(swing_uw: int, over_s: float, unanswered: int, stretches: int = 1) -> int:
    """METHOD.md, "How far a controller is off", for this controller and this agent.

    `swing_uw`: most less least power in that time.
    """
    load_s = stretches * (LATE_S + MEAN_S / 2) + unanswered * EVERY_SECONDS / 2
    return round(swing_uw * load_s + RESOLUTION_UW / 2 * over_s)


def _platform(
    run: Run, wall: WallLog, facts: list[NodeEnergy], shown: _Shown
) -> tuple[Compared, int]:
    """Node less components over common cover, beside its true value; and the residue."""
    devices = list(_devices(run.pages))
    expected_us: dict[DeviceKey, int] = {}
    for device in devices:
        expected_us.setdefault(device.device, device.start_us)
    true_facts = [
        msgspec.structs.replace(fact, energy_uj=round(wall.wall_uj(fact.start_us, fact.end_us)))
        for fact in facts
    ]
    slices, perfect = (
        list(nodes.slices(Facts(some, devices, expected_us))) for some in (facts, true_facts)
    )
    common = _common(facts, devices)
    stretches = len(common) + sum(_is_cut(fact, common) for fact in facts)
    true_uj = round(sum(wall.wall_uj(*span) - wall.components_uj(*span) for span in common))
    found = Compared(
        what="platform",
        true_uj=true_uj,
        spread_uj=sum(one.platform_uj for one in perfect) - true_uj,
        measured_uj=sum(one.platform_uj for one in slices),
        bound_uj=_meter_bound_uj(run, shown, stretches, _length(common)),
        over_us=sum(one.common_us for one in slices),
    )
    return found, sum(one.residue_uj for one in slices)


def _is_cut(fact: NodeEnergy, common: Sequence[Span]) -> bool:
    """Whether a part of the fact's time is common and a part is not."""
    inside_us = _length(nodes.intersect([(fact.start_us, fact.end_us)], common))
    return 0 < inside_us < fact.end_us - fact.start_us


def _facts(pages: Iterable[Page]) -> Iterator[NodeEnergy]:
    for page in pages:
        for fact in page.nodes:
            start_us, end_us = to_us(fact.start), to_us(fact.end)
            meter = f"{page.host_id}/{fact.meter}"
            yield NodeEnergy(start_us, end_us, meter, (HOST_ID,), fact.energy_uj, fact.quality)


def _devices(pages: Iterable[Page]) -> Iterator[DeviceEnergy]:
    """Every component device, page by page, with the time for which it is known."""
    for page in pages:
        for state in page.sensors:
            if state.component is None or state.evidence:
                continue
            at_us, known = to_us(page.start), []
            for gap in page.gaps:
                if gap.kind == "gap" and gap.device == state.device:
                    known.append((at_us, to_us(gap.start)))
                    at_us = to_us(gap.end)
            known.append((at_us, to_us(page.end)))
            yield DeviceEnergy(
                (page.host_id, state.component, state.device),
                to_us(page.start),
                tuple(span for span in known if span[0] < span[1]),
                state.metered_uj,
                state.quality,
            )


def _common(facts: Iterable[NodeEnergy], devices: Iterable[DeviceEnergy]) -> list[Span]:
    """The time that the meter covers and in which every device is known, in stretches."""
    common = _joined((fact.start_us, fact.end_us) for fact in facts)
    known: dict[DeviceKey, list[Span]] = {}
    for device in devices:
        known.setdefault(device.device, []).extend(device.known)
    for spans in known.values():
        common = nodes.intersect(common, _joined(spans))
    return common


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start_us, end_us in sorted(spans):
        if joined and joined[-1][1] == start_us:
            joined[-1] = (joined[-1][0], end_us)
        else:
            joined.append((start_us, end_us))
    return joined


def _length(spans: Iterable[Span]) -> int:
    return sum(end_us - start_us for start_us, end_us in spans)
