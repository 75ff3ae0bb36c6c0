"""The one split function of the house: integer energy over integer weights, nothing lost.

In: microjoules and non-negative weights (CPU nanoseconds, bytes, permille). Out: shares in
microjoules that add up to the energy under `==` (law 1). METHOD.md, "Attribution", has the words
and worked numbers.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from footprint import codes
from footprint.units import uj_from_power

Part = Literal["static", "dynamic", "undivided"]


class Share(msgspec.Struct, frozen=True):
    """What one consumer is accounted of one device over one interval, in microjoules."""

    consumer: str
    part: Part
    energy_uj: int


def attribute(
    energy_uj: int, weights: Mapping[str, int], otherwise: str = codes.SYSTEM
) -> dict[str, int]:
    """Split `energy_uj` (uJ, not negative) over `weights` (code to non-negative integer).

    Largest-remainder method (Hamilton's): each gets floor(energy * weight / sum of weights), then
    one microjoule more to the largest remainders, equal ones in the order of their codes. The
    shares add up to `energy_uj` exactly; a code of weight zero gets no share. Where all weights are
    zero, everything goes to `otherwise`.

    Raises ValueError for a negative energy or weight.
    """
    if energy_uj < 0:
        raise ValueError(f"attribute: energy of {energy_uj} uJ is negative")
    if min(weights.values(), default=0) <= 0:
        weights = _positive(weights)
        if not weights:
            return {otherwise: energy_uj}
    if len(weights) == 1:
        return dict.fromkeys(weights, energy_uj)
    total = sum(weights.values())
    shares, remainders = {}, []
    for code, weight in weights.items():
        shares[code], remainder = divmod(energy_uj * weight, total)
        remainders.append((-remainder, code))
    left = energy_uj - sum(shares.values())
    for _, code in sorted(remainders)[:left]:
        shares[code] += 1
    return shares


def _positive(weights: Mapping[str, int]) -> Mapping[str, int]:
    for code, weight in weights.items():
        if weight < 0:
            raise ValueError(f"attribute: weight {weight} of {code!r} is negative")
    return {code: weight for code, weight in weights.items() if weight}


def divide(
    energy_uj: int,
    duration_ns: int,
    *,
    floor_uw: int | None,
    static_weights: Mapping[str, int],
    dynamic_weights: Mapping[str, int],
    otherwise: str = codes.SYSTEM,
) -> list[Share]:
    """One device's energy over its consumers, static and dynamic parts apart.

    `floor_uw` is the device's measured static power in microwatts, or None while it is not known:
    then the whole is `undivided` and follows `dynamic_weights`. Otherwise static = min(floor,
    reading) over `duration_ns` (nanoseconds) follows `static_weights`, the rest is dynamic.
    Shares of 0 uJ are left out; the rest add up to `energy_uj` exactly.
    """
    if floor_uw is None:
        return _portion("undivided", energy_uj, dynamic_weights, otherwise)
    static_uj = min(uj_from_power(floor_uw, duration_ns), energy_uj)
    return [
        *_portion("static", static_uj, static_weights, otherwise),
        *_portion("dynamic", energy_uj - static_uj, dynamic_weights, otherwise),
    ]


def _portion(part: Part, energy_uj: int, weights: Mapping[str, int], otherwise: str) -> list[Share]:
    if not energy_uj:
        return []
    return [
        Share(consumer, part, share_uj)
        for consumer, share_uj in attribute(energy_uj, weights, otherwise).items()
        if share_uj
    ]
