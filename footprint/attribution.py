"""The one split function of the house: integer energy over integer weights, nothing lost.

In: microjoules and non-negative weights (CPU nanoseconds, bytes, permille). Out: shares in
microjoules that add up to the energy under `==` (law 1). METHOD.md, "Attribution", has the words
and worked numbers.
"""

from collections.abc import Mapping
from typing import Literal

from footprint import codes
from footprint.units import uj_from_power

Part = Literal["static", "dynamic", "undivided"]

Shares = dict[str, int]
"""What each consumer is accounted of one energy, in microjoules."""

Parts = dict[Part, Shares]
"""The shares of one device over one interval, part by part."""


def attribute(energy_uj: int, weights: Mapping[str, int], otherwise: str = codes.SYSTEM) -> Shares:
    """Split `energy_uj` (uJ, not negative) over `weights` (code to non-negative integer).

    Largest-remainder method (Hamilton's): each gets floor(energy * weight / sum of weights), then
    one microjoule more to the largest remainders, equal ones in the order of their codes. The
    shares add up to `energy_uj` exactly; a code of weight zero gets no share. Where all weights are
    zero, everything goes to `otherwise`.

    Raises ValueError for a negative energy or weight.
    """
    if energy_uj < 0:
        raise ValueError(f"attribute: energy of {energy_uj} uJ is negative")
    total = sum(weights.values())
    if total <= 0:
        _refuse_negative(weights)
        return {otherwise: energy_uj}
    if len(weights) == 1:
        return dict.fromkeys(weights, energy_uj)
    shares: Shares = {}
    remainders, left = [], energy_uj
    for code, weight in weights.items():
        if weight > 0:
            exact = energy_uj * weight
            shares[code] = share_uj = exact // total
            left -= share_uj
            remainders.append((share_uj * total - exact, code))  # negative: the largest first
        elif weight:
            _refuse_negative(weights)
    if left:
        remainders.sort()
        for _, code in remainders[:left]:
            shares[code] += 1
    return shares


def _refuse_negative(weights: Mapping[str, int]) -> None:
    for code, weight in weights.items():
        if weight < 0:
            raise ValueError(f"attribute: weight {weight} of {code!r} is negative")


def divide(
    energy_uj: int,
    duration_ns: int,
    *,
    floor_uw: int | None,
    static_weights: Mapping[str, int],
    dynamic_weights: Mapping[str, int],
    otherwise: str = codes.SYSTEM,
) -> Parts:
    """One device's energy over its consumers, static and dynamic parts apart.

    `floor_uw` is the device's measured static power in microwatts, or None while it is not known:
    then the whole is `undivided` and follows `dynamic_weights`. Otherwise static = min(floor,
    reading) over `duration_ns` (nanoseconds) follows `static_weights`, the rest is dynamic.
    Shares of 0 uJ are left out; the rest add up to `energy_uj` exactly.
    """
    parts: Parts
    if floor_uw is None:
        parts = {"undivided": attribute(energy_uj, dynamic_weights, otherwise)}
    elif (static_uj := uj_from_power(floor_uw, duration_ns)) >= energy_uj:
        parts = {"static": attribute(energy_uj, static_weights, otherwise)}
    else:
        parts = {
            "static": attribute(static_uj, static_weights, otherwise),
            "dynamic": attribute(energy_uj - static_uj, dynamic_weights, otherwise),
        }
    for part, shares in parts.items():
        if not all(shares.values()):
            parts[part] = {consumer: share for consumer, share in shares.items() if share}
    return parts
