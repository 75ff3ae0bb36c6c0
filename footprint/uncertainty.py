"""How far an amount may be off: errors add linearly inside a group, in quadrature across groups.

In: amounts with the relative errors of what they rest on, each under the name of the group that
errs together (one kind of sensor, one site's PUE, one factor). Out: bounds. To first order:
METHOD.md, "Uncertainty", has the equations, worked numbers and what a simulation says of them.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import Literal

import msgspec

from footprint.ledger import Component, Quality
from footprint.units import times

SourceKind = Literal["sensor", "coverage", "pue", "factor", "split"]


class Error(msgspec.Struct, frozen=True):
    """By what part of itself an amount may be lower and higher, at 95 %, all amounts of `group`
    together; `source` is who says so."""

    kind: SourceKind
    group: str
    down: Fraction
    up: Fraction
    source: str


class Deviation(msgspec.Struct, frozen=True):
    """How far an amount may be off because of a group, in its own unit."""

    kind: SourceKind
    group: str
    down: int
    up: int
    source: str


class Bounds(msgspec.Struct, frozen=True):
    """The least and the most that an amount may be."""

    low: int
    high: int


class Accuracy(msgspec.Struct, frozen=True):
    """The relative error of a kind of sensor in permille, upward and, unless another is said,
    downward, and where that is from: a publication, or a code (METHOD.md, "Uncertainty")."""

    up_permille: int
    source: str
    down_permille: int | None = None


# Down: by as much as the curves of METHOD.md, "Hosts without counters", differ.
_MODEL = Accuracy(500, "assumed-models", down_permille=667)
ACCURACY: Mapping[tuple[Component, Quality], Accuracy] = {
    ("gpu", "counter"): Accuracy(50, "assumed-later"),  # NVML API reference, Fermi and Kepler
    ("gpu", "integrated"): Accuracy(100, "assumed-sampled"),
    ("cpu", "counter"): Accuracy(50, "assumed"),
    ("cpu", "integrated"): Accuracy(100, "assumed"),
    ("dram", "counter"): Accuracy(200, "assumed"),
    ("dram", "integrated"): Accuracy(200, "assumed"),
    ("cpu", "modelled"): _MODEL,
    ("dram", "modelled"): _MODEL,
    ("gpu", "modelled"): _MODEL,
}
"""By component and quality: counters are joules that a device counts, integrated is its power over
time."""


def of_sensor(component: Component, quality: Quality) -> Error:
    """What sensors of a kind may be off: taken to err together, whatever their number."""
    one = ACCURACY[component, quality]
    down_permille = one.up_permille if one.down_permille is None else one.down_permille
    parts = (Fraction(down_permille, 1000), Fraction(one.up_permille, 1000))
    return Error("sensor", f"{component} {quality}", *parts, one.source)


def of_range(
    kind: SourceKind,
    group: str,
    value: Decimal | None,
    ends: tuple[Decimal | None, Decimal | None],
    source: str,
) -> Error:
    """A range about a value; none where an end is not known, or the value is zero or unknown."""
    low, high = ends
    if not value or low is None or high is None:
        return Error(kind, group, Fraction(0), Fraction(0), source)
    whole = Fraction(value)
    return Error(kind, group, 1 - Fraction(low) / whole, Fraction(high) / whole - 1, source)


def deviations(amount: int, errors: Iterable[Error]) -> list[Deviation]:
    """What each error makes of an amount, rounded half to even."""
    return [
        Deviation(one.kind, one.group, times(amount, one.down), times(amount, one.up), one.source)
        for one in errors
        if one.down or one.up
    ]


def added(found: Iterable[Deviation]) -> list[Deviation]:
    """One for each group, the greatest first: inside a group deviations add up."""
    sums: dict[tuple[SourceKind, str], Deviation] = {}
    for one in found:
        held = sums.get((one.kind, one.group))
        if held is not None:
            one = Deviation(  # noqa: PLW2901 - the same, and what there was
                one.kind, one.group, held.down + one.down, held.up + one.up, one.source
            )
        sums[one.kind, one.group] = one
    return sorted(sums.values(), key=lambda one: (-max(one.down, one.up), one.kind, one.group))


def bounds(amount: int, found: Iterable[Deviation]) -> Bounds:
    """Groups err on their own: their deviations in quadrature, each way, rounded outward; nothing
    is below zero."""
    each = added(found)
    down = _root(sum(one.down * one.down for one in each))
    up = _root(sum(one.up * one.up for one in each))
    return Bounds(max(0, amount - down), amount + up)


def _root(square: int) -> int:
    """The square root, rounded up."""
    root = isqrt(square)
    return root + (root * root < square)
