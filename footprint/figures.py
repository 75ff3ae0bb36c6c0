"""From facts to figures: lines, their sums, coverage. Every format shows what is computed here.

In: periods (`amounts`), and the cover of each device. Out: `Line`, totals and `Coverage`. All above
a line is a sum of lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from footprint import amounts, codes
from footprint.amounts import Amount, Period
from footprint.applied import PueUse
from footprint.codes import ConsumerKind
from footprint.facility import NO_SITE
from footprint.impact import overhead_uj
from footprint.ledger import Component
from footprint.statement import (
    ComponentTotal,
    ConsumerTotal,
    Coverage,
    Figure,
    Line,
    PhaseTotal,
    SiteTotal,
)

COMPONENTS: tuple[Component, ...] = ("cpu", "dram", "gpu")


class DeviceCover(msgspec.Struct, frozen=True):
    """How long a device's energy is known, of how long it should be, in microseconds; or so many
    `devices` that count alike, their times summed."""

    host_id: str
    component: Component
    device: str
    covered_us: int
    expected_us: int
    rated_power_uw: int | None
    devices: int = 1


class Named(msgspec.Struct, frozen=True):
    """What the register says of the SIA and the shared servers that it knows: code to name."""

    names: Mapping[str, str]
    servers: Mapping[str, str] = {}

    def of(self, consumer: str) -> tuple[ConsumerKind, str | None, bool]:
        """What a consumer is, its name, and whether it is registered (the reserved consumers need
        not be)."""
        if consumer in self.servers:
            return "server", self.servers[consumer], True
        if consumer in codes.RESERVED:
            return consumer[1:], None, True  # type: ignore[return-value]
        return "sia", self.names.get(consumer), consumer in self.names


def lines(
    periods: Iterable[Period], devices: Sequence[DeviceCover], project: str | None = None
) -> list[Line]:
    """The lines of a statement, in order; those of one project's share where it is given."""
    covers = {component: coverage(devices, {component}) for component in COMPONENTS}
    found = amounts.of_lines(periods, project)
    return [
        Line(
            codes.sia_of(consumer),
            component,
            part,
            found[consumer, component, part, via].figure(covers[component]),
            via or None,
            codes.phase_of(consumer),
        )
        for consumer, component, part, via in sorted(found)
    ]


def total(found: Iterable[Line], cover: Coverage) -> Figure:
    """The sum of lines."""
    amount = Amount()
    for line in found:
        amount.add_figure(line.figure)
    return amount.figure(cover)


def site_totals(whole: Figure, pues: Iterable[PueUse], names: Mapping[str, str]) -> list[SiteTotal]:
    """What stands at each site, in the order of sites (hosts of none first), PUE by PUE."""
    ordered = sorted(pues, key=lambda pue: (pue.site or NO_SITE, pue.valid_from or "", pue.id))
    return [
        _site_total(pue, names.get(pue.site or NO_SITE), whole)
        for pue in ordered
        if pue.id in whole.pue_uj
    ]


def _site_total(pue: PueUse, name: str | None, whole: Figure) -> SiteTotal:
    energy_uj = whole.pue_uj[pue.id]

    def adds_uj(value: Decimal | None) -> int | None:
        return None if value is None else overhead_uj(energy_uj, value)

    return SiteTotal(
        site=pue.site,
        name=name,
        pue=pue.id,
        energy_uj=energy_uj,
        overhead_uj=None if pue.value is None else whole.overhead_uj[pue.id],
        overhead_low_uj=adds_uj(pue.low),
        overhead_high_uj=adds_uj(pue.high),
    )


def consumer_totals(
    found: Sequence[Line], devices: Sequence[DeviceCover], named: Named
) -> list[ConsumerTotal]:
    """Sums by consumer: SIA in the order of their codes, then the reserved consumers. What is their
    own and what came via shared servers stand apart where there is some of the latter."""
    names = sorted({line.consumer for line in found}, key=lambda name: (name[0] == "@", name))
    totals = []
    for consumer in names:
        lines_of = [line for line in found if line.consumer == consumer]
        shared = [line for line in lines_of if line.via is not None]
        own = [line for line in lines_of if line.via is None]
        totals.append(
            ConsumerTotal(
                consumer,
                *named.of(consumer),
                _sum(lines_of, devices),
                own=_sum(own, devices) if shared else None,
                shared=_sum(shared, devices) if shared else None,
                phases=_phases(lines_of, devices),
            )
        )
    return totals


def _phases(found: Sequence[Line], devices: Sequence[DeviceCover]) -> list[PhaseTotal]:
    """The sums by phase, where any is declared; what is declared for none comes last."""
    told = {line.phase for line in found}
    if told <= {None}:
        return []
    return [
        PhaseTotal(phase, _sum([line for line in found if line.phase == phase], devices))
        for phase in (*codes.PHASES, None)
        if phase in told
    ]


def _sum(found: Sequence[Line], devices: Sequence[DeviceCover]) -> Figure:
    return total(found, coverage(devices, {line.component for line in found}))


def component_totals(found: Sequence[Line], devices: Sequence[DeviceCover]) -> list[ComponentTotal]:
    """Sums by component, for those that were expected or have energy."""
    totals = []
    for component in COMPONENTS:
        own = [line for line in found if line.component == component]
        cover = coverage(devices, {component})
        if own or cover.expected_us:
            totals.append(ComponentTotal(component, cover, total(own, cover)))
    return totals


def coverage(devices: Iterable[DeviceCover], components: set[Component] | None = None) -> Coverage:
    """Time covered over time expected, of the devices of some components (None: all).

    Where every device declares a rated power, each counts by its power over their mean power, so
    that the sum stays a time: an unseen GPU of 700 W weighs more than an unseen CPU of 200 W.
    """
    chosen = [
        device
        for device in devices
        if device.expected_us and (components is None or device.component in components)
    ]
    weights = [device.rated_power_uw or 0 for device in chosen]
    weighted = bool(chosen) and all(weight > 0 for weight in weights)
    if not weighted:
        weights = [1] * len(chosen)
    covered = sum(d.covered_us * weight for d, weight in zip(chosen, weights, strict=True))
    expected = sum(d.expected_us * weight for d, weight in zip(chosen, weights, strict=True))
    number = sum(device.devices for device in chosen) or 1
    whole = sum(d.devices * weight for d, weight in zip(chosen, weights, strict=True)) or 1
    expected_us = expected * number // whole
    covered_us = covered * number // whole
    if covered < expected:
        # Rounding must not make a whole of what lacks a part of a microsecond.
        covered_us = min(covered_us, max(0, expected_us - 1))
    return Coverage(covered_us, expected_us, weighted)
