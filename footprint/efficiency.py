"""What a shared server's energy was for what it gave: by token, request, unit, and load.

In: `Split`s and the emissions of each consumer's share. Out: `Efficiency`, `Load`, `Estimate` of a
statement. A ratio rests on the blocks in which both sides are known: usage of time in which the
server was not metered counts in none, and none is given below the least sample. METHOD.md, "Shared
servers".
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from footprint import units
from footprint.allocation import Usage, weigh
from footprint.attribution import attribute
from footprint.counts import known_sum
from footprint.interval import QUARTER_HOUR_SECONDS
from footprint.shared import Divided, Share, Split
from footprint.statement import Efficiency, Estimate, Load, Ratio

LEAST_TOKENS = 10_000
LEAST_REQUESTS = 100
LEAST_UNITS = 30
"""Below them a ratio says more of chance than of the server."""
LOADS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
"""Where the bins of load begin, in generated tokens a second."""
REASONS = {
    "opengatellm": (
        "estimate_by_model_size",
        "no_idle_energy",
        "whole_gpu_assumed",
        "other_boundary",
    )
}
"""Why the estimate of a gateway of this origin differs: OpenGateLLM takes it from EcoLogits, which
knows the model's parameters and generated tokens, and adds the rest of the host and the site."""
UNKNOWN_METHOD = "unknown_method"


class Sample(msgspec.Struct, frozen=True):
    """What was counted, and the energy and mass of the blocks in which it was; `count` None where
    it was in none."""

    count: int | None = None
    energy_uj: int = 0
    mass_ug: Fraction | None = Fraction(0)

    def __add__(self, other: "Sample") -> "Sample":
        known = [one for one in (self, other) if one.count is not None]
        if len(known) < 2:
            return known[0] if known else self
        masses = (self.mass_ug, other.mass_ug)
        mass = None if None in masses else sum((m for m in masses if m is not None), Fraction(0))
        count = known_sum((self.count, other.count))
        return Sample(count, self.energy_uj + other.energy_uj, mass)


Samples = tuple[Sample, Sample, Sample]
"""Of generated tokens, requests, units."""


def samples(split: Split, consumer: str, mass_ug: int | None) -> Samples:
    """What a consumer's ratios rest on; `mass_ug` is that of its whole share of the server."""
    counts: list[int | None] = [None, None, None]
    active_uj = [0, 0, 0]
    for found, lines in split.asked.get(consumer, ()):
        if found.energy_uj:
            share_uj = found.shares_uj.get(consumer, 0)
            for place, number in enumerate(_counted(lines)):
                if number is not None:
                    counts[place] = (counts[place] or 0) + number
                    active_uj[place] += share_uj
    tokens, requests, done = (
        _sample(split.shares.get(consumer, Share()), mass_ug, count, part_uj)
        for count, part_uj in zip(counts, active_uj, strict=True)
    )
    return tokens, requests, done


def _counted(lines: Sequence[Usage]) -> tuple[int | None, int | None, int | None]:
    """Generated tokens, requests and units; None where a line does not tell them."""
    if len(lines) == 1:
        one = lines[0]
        return one.generated_tokens, one.requests, one.units
    return (
        known_sum(one.generated_tokens for one in lines),
        known_sum(one.requests for one in lines),
        known_sum(one.units for one in lines),
    )


def _sample(share: Share, mass_ug: int | None, count: int | None, active_uj: int) -> Sample:
    """A part of a share with as much of its idle energy and mass."""
    if count is None:
        return Sample()
    idle_uj = share.idle_uj * active_uj // share.active_uj if share.active_uj else 0
    whole_uj = share.active_uj + share.idle_uj
    mass = None
    if mass_ug is not None:
        mass = Fraction(mass_ug * (active_uj + idle_uj), whole_uj) if whole_uj else Fraction(0)
    return Sample(count, active_uj + idle_uj, mass)


def efficiency(found: Sequence[Samples], unit: str | None) -> Efficiency:
    """The ratios over all of `found`, one of each server."""
    tokens, requests, done = (sum((one[place] for one in found), Sample()) for place in range(3))
    return Efficiency(
        per_1000_generated_tokens=_ratio(tokens, 1000, LEAST_TOKENS),
        per_request=_ratio(requests, 1, LEAST_REQUESTS),
        per_unit=_ratio(done, 1, LEAST_UNITS),
        unit=unit,
    )


def _ratio(sample: Sample, each: int, least: int) -> Ratio:
    reason: Literal["not_counted", "too_few"] | None = None
    if sample.count is None:
        reason = "not_counted"
    elif sample.count < least:
        reason = "too_few"
    if reason or not sample.count:
        return Ratio(sample.count, sample.energy_uj, None, None, reason)
    wh = Fraction(sample.energy_uj * each * 1000, units.UJ_PER_KWH * sample.count)
    grams = None
    if sample.mass_ug is not None:
        grams = _decimal(sample.mass_ug * each / (units.UG_PER_G * sample.count))
    return Ratio(sample.count, sample.energy_uj, _decimal(wh), grams, None)


def _decimal(value: Fraction, places: int = 9) -> Decimal:
    exact = Decimal(round(value * 10**places))  # half to even
    return exact.scaleb(-places).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def loads(split: Split) -> list[Load]:
    """Joules for 1000 generated tokens by load: how much cheaper a token is in a fuller batch."""
    bins: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for start, found in _quarter_hours(split.divided).items():
        generated = known_sum(one.generated_tokens for part in found for one in part.usage)
        active_uj = sum(part.energy_uj for part in found)
        if generated and active_uj:
            place = sum(generated >= edge * QUARTER_HOUR_SECONDS for edge in LOADS) - 1
            idle_uj = split.idle_by_quarter_uj.get(start, 0)
            bins[place].append((generated, active_uj, idle_uj))
    return [_load(place, bins[place]) for place in sorted(bins)]


def _quarter_hours(divided: Iterable[Divided]) -> dict[datetime, list[Divided]]:
    """What was divided by quarter-hour, of all groups of models; not what was over a day."""
    found: dict[datetime, list[Divided]] = defaultdict(list)
    for part in divided:
        if part.end - part.start == timedelta(seconds=QUARTER_HOUR_SECONDS):
            found[part.start].append(part)
    return found


def _load(place: int, found: Sequence[tuple[int, int, int]]) -> Load:
    generated, active_uj, idle_uj = (sum(column) for column in zip(*found, strict=True))
    enough = generated >= LEAST_TOKENS
    return Load(
        from_per_s=LOADS[place],
        to_per_s=LOADS[place + 1] if place + 1 < len(LOADS) else None,
        quarter_hours=len(found),
        generated_tokens=generated,
        active_uj=active_uj,
        idle_uj=idle_uj,
        active_j_per_1000=_joules_per_1000(active_uj, generated) if enough else None,
        with_idle_j_per_1000=_joules_per_1000(active_uj + idle_uj, generated) if enough else None,
    )


def _joules_per_1000(energy_uj: int, tokens: int) -> Decimal:
    return _decimal(Fraction(energy_uj * 1000, units.UJ_PER_J * tokens), 6)


def estimate(split: Split, consumer: str | None = None) -> Estimate | None:
    """The gateways' own estimates for a consumer's lines (None: for all), beside our energy for
    those lines, their part of the idle energy included; None where no gateway gives any."""
    estimated_uj = measured_uj = 0
    estimated_ug: list[int] = []
    origins: set[str] = set()
    for name in split.asked if consumer is None else (consumer,):
        active_uj = 0
        for found, lines in split.asked.get(name, ()):
            told = [one for one in lines if one.estimated_uj is not None]
            if told:
                estimated_uj += sum(one.estimated_uj or 0 for one in told)
                estimated_ug += [one.estimated_ug for one in told if one.estimated_ug is not None]
                origins.update(one.origin for one in told)
                active_uj += _of_estimated(split, found, lines, name)
        share = split.shares.get(name)
        if share is not None and share.active_uj:
            measured_uj += active_uj + share.idle_uj * active_uj // share.active_uj
    if not origins:
        return None
    ratio = _decimal(Fraction(estimated_uj, measured_uj), 4) if measured_uj else None
    reasons = {reason for origin in origins for reason in REASONS.get(origin, (UNKNOWN_METHOD,))}
    told_ug = sum(estimated_ug) if estimated_ug else None
    return Estimate(estimated_uj, measured_uj, ratio, sorted(reasons), told_ug)


def _of_estimated(split: Split, found: Divided, lines: Sequence[Usage], name: str) -> int:
    """Of a consumer's energy of a block, that of its lines with an estimate, by what they weigh."""
    by_line: dict[str, int] = {"with": 0, "without": 0}
    for one, weight in zip(lines, weigh(lines, split.rules.weights), strict=True):
        by_line["without" if one.estimated_uj is None else "with"] += weight
    share_uj = found.shares_uj.get(name, 0)
    return attribute(share_uj, by_line, "without").get("with", 0)
