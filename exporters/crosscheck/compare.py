"""Component by component: both figures, their ratio, and whether the same counters agree.

In: what both sides measured and when each read. Out: `Row`s. Only a row in which both read the same
counters, and the agent without a gap, is judged. The bound on its difference is what the devices
can draw in the time by which the two sides read apart at both ends, plus what one update of the
counter can hide there, plus CodeCarbon's rounding of the unit.
"""

from decimal import Decimal

import msgspec

from exporters.crosscheck import causes
from exporters.crosscheck.ours import COMPONENTS, Measured, Meter
from exporters.crosscheck.tracker import Method, Tracked, Window
from footprint.units import joules, uj_from_power, uj_from_watt_hours

UPDATE_NS = {"rapl": 1_000_000, "nvml": 100_000_000}
"""How long a counter stands between two updates: about a millisecond (Intel SDM vol. 3B, 14.10.1),
a tenth of a second for NVIDIA's boards."""

UNIT_ERROR_DIVISOR = 1_000_000
"""CodeCarbon takes a joule for 2.77778e-7 kWh: 0.8 millionths too much."""

MEANINGLESS = 5
"""Two figures that a fifth of the energy may lie between do not confirm each other."""

FLOAT_ERROR_UJ = 1_000
"""Its sums are floats of kilowatt-hours: a counter's value loses less than a millijoule to them."""


class Edges(msgspec.Struct, frozen=True):
    """How far apart the two sides can have read, in nanoseconds."""

    start_ns: int
    end_ns: int


class Footprint(msgspec.Struct, frozen=True):
    """The agent's side of a row; its energy is None where nothing measures the component, or all
    of the interval is a gap."""

    energy_uj: int | None
    quality: str | None
    gap_seconds: Decimal
    devices: list[Meter]


class CodeCarbonSide(msgspec.Struct, frozen=True):
    """CodeCarbon's side: its own digits, and the same in joules."""

    energy_kwh: str
    energy_joules: Decimal
    method: Method | None


class Row(msgspec.Struct, frozen=True):
    """One component."""

    component: str
    footprint: Footprint
    codecarbon: CodeCarbonSide
    ratio: Decimal | None
    """CodeCarbon's figure over the agent's."""
    same_counters: bool
    verdict: str
    """`agree`, `differ`, or `not judged`."""
    difference_uj: int | None
    bound_uj: int | None
    causes: list[str]


def edges(
    starts: tuple[Window, Window],
    ends: tuple[Window, Window],
) -> Edges:
    """From the windows of both sides (agent, CodeCarbon) at the start and at the end."""
    return Edges(starts[0].farthest_ns(starts[1]), ends[0].farthest_ns(ends[1]))


def rows(measured: Measured, tracked: Tracked, apart: Edges) -> list[Row]:
    """A row a component, in their order."""
    return [_row(component, measured, tracked, apart) for component in COMPONENTS]


def _row(component: str, measured: Measured, tracked: Tracked, apart: Edges) -> Row:
    meters = measured.meters[component]
    method = tracked.methods.get(component)
    kwh = Decimal(tracked.energy_kwh[component])
    theirs_uj = uj_from_watt_hours(kwh.scaleb(3))
    length_us = measured.end_us - measured.start_us
    known = [meter.energy_uj for meter in meters if meter.gap_us < length_us]
    ours_uj = sum(known) if known else None
    whole = not any(meter.gap_us for meter in meters)
    difference_uj = theirs_uj - ours_uj if ours_uj is not None and method else None
    same = same_counters(meters, method)
    bound_uj = _bound_uj(meters, ours_uj or 0, apart) if same else None
    return Row(
        component=component,
        footprint=Footprint(
            energy_uj=ours_uj,
            quality=", ".join(sorted({meter.quality for meter in meters})) or None,
            gap_seconds=joules(sum(meter.gap_us for meter in meters)),
            devices=meters,
        ),
        codecarbon=CodeCarbonSide(tracked.energy_kwh[component], joules(theirs_uj), method),
        ratio=_ratio(theirs_uj, ours_uj) if method and whole else None,
        same_counters=same,
        verdict=_verdict(difference_uj, bound_uj, ours_uj or 0, meters),
        difference_uj=difference_uj,
        bound_uj=bound_uj,
        causes=causes.known(component, meters, method, measured.host, same=same),
    )


def same_counters(meters: list[Meter], method: Method | None) -> bool:
    """Whether both sides read the same hardware counters, no more and no fewer."""
    if method is None or not meters or any(meter.quality != "counter" for meter in meters):
        return False
    names = sorted(meter.device for meter in meters)
    if method.method == "intel_rapl" and {meter.sensor for meter in meters} == {"rapl"}:
        return names == sorted(method.zones) and not any("mmio" in file for file in method.files)
    if method.method == "nvml" and {meter.sensor for meter in meters} == {"nvml"}:
        return names == sorted(method.cards) and not method.by_power
    return False


def _bound_uj(meters: list[Meter], energy_uj: int, apart: Edges) -> int | None:
    bound_uj = energy_uj // UNIT_ERROR_DIVISOR + FLOAT_ERROR_UJ * len(meters)
    for meter in meters:
        if meter.most_power_uw is None:
            return None
        apart_ns = apart.start_ns + apart.end_ns + 2 * UPDATE_NS[meter.sensor]
        bound_uj += uj_from_power(meter.most_power_uw, apart_ns)
    return bound_uj


def _verdict(
    difference_uj: int | None, bound_uj: int | None, energy_uj: int, meters: list[Meter]
) -> str:
    if difference_uj is None or bound_uj is None or any(meter.gap_us for meter in meters):
        return "not judged"
    if bound_uj * MEANINGLESS > energy_uj and abs(difference_uj) <= bound_uj:
        return "not judged"
    return "agree" if abs(difference_uj) <= bound_uj else "differ"


def _ratio(theirs_uj: int, ours_uj: int | None) -> Decimal | None:
    if not ours_uj:
        return None
    return (Decimal(theirs_uj) / ours_uj).quantize(Decimal("0.0001"))
