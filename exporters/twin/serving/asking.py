"""The real trace's requests, spread over the consumers and over a day.

In: the trace, the plan. Out: requests in the order of their arrival. The trace is replayed again
and again; whose a request is follows from its shape, and each is made or left out by chance, as its
consumer's hours have it. Tokens are the trace's own, to the last one.
"""

import bisect
import random
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from exporters.twin.load import Request
from exporters.twin.serving.plan import (
    CONSUMERS,
    DIRECT,
    HEALTH,
    LAB,
    MIXED_PERMILLE,
    MODELS,
    OFFICE,
    PROBE,
    PROBE_S,
    SIA,
    STRAY_PERMILLE,
    ServedPlan,
)

CACHE_BLOCK = 16
"""Tokens: a prefix is cached in whole blocks, and the last one is always computed."""
US_PER_S = 1_000_000
SECONDS_PER_HOUR = 3600


class Asked(msgspec.Struct, frozen=True):
    """One request: when (us since the start), of which consumer and person, to which model; tokens,
    of which `cached` are in the prefix cache."""

    at_us: int
    consumer: int
    person: int
    model: int
    prompt: int
    cached: int
    generated: int


def asked(plan: ServedPlan, trace: list[Request], chance: random.Random) -> list[Asked]:
    """A run's requests."""
    found = [*_replayed(plan, trace, chance), *_probes(plan)]
    return sorted(found, key=lambda one: one.at_us)


def _replayed(plan: ServedPlan, trace: list[Request], chance: random.Random) -> Iterator[Asked]:
    ranks = _ranks(trace)
    gaps = [after[0] - before[0] for before, after in pairwise(trace)]
    length_s = trace[-1][0] + sum(gaps) / len(gaps)
    begin_s, replay = float(plan.opening_s), 0
    while begin_s + replay * length_s < plan.closing_s:
        for place, (arrival_s, prompt, generated) in enumerate(trace):
            at_s = begin_s + replay * length_s + arrival_s
            if at_s >= plan.closing_s:
                return
            consumer = _whose(ranks[place], chance)
            hours = OFFICE if plan.same_hours else CONSUMERS[consumer].hours
            asks = hours[int(at_s) // SECONDS_PER_HOUR % 24] * plan.load_permille
            if chance.randrange(1_000_000) < asks:
                yield _request(round(at_s * US_PER_S), consumer, prompt, generated, chance)
        replay += 1


def _ranks(trace: list[Request]) -> list[int]:
    """Permille of the requests that have fewer prompt tokens for each generated one."""
    ratios = [prompt / generated for _, prompt, generated in trace]
    ordered = sorted(ratios)
    return [bisect.bisect_left(ordered, ratio) * 1000 // len(ordered) for ratio in ratios]


def _whose(rank: int, chance: random.Random) -> int:
    drawn = chance.randrange(1000)
    if drawn < 2 * STRAY_PERMILLE:
        return LAB if drawn < STRAY_PERMILLE else DIRECT
    if drawn < 2 * STRAY_PERMILLE + MIXED_PERMILLE:
        return chance.randrange(len(SIA))
    return min(range(len(SIA)), key=lambda place: abs(CONSUMERS[place].rank - rank))


def _request(
    at_us: int, consumer: int, prompt: int, generated: int, chance: random.Random
) -> Asked:
    who = CONSUMERS[consumer]
    hit = min(prompt - 1, prompt * chance.randrange(2 * who.cached + 1) // 1000)
    return Asked(
        at_us=at_us,
        consumer=consumer,
        person=chance.randrange(who.persons) if who.persons else 0,
        model=int(chance.randrange(1000) < who.small),
        prompt=prompt,
        cached=hit // CACHE_BLOCK * CACHE_BLOCK,
        generated=generated,
    )


def _probes(plan: ServedPlan) -> Iterator[Asked]:
    for at_s in range(plan.opening_s, plan.closing_s, PROBE_S):
        for model in range(len(MODELS)):
            yield Asked(at_s * US_PER_S, HEALTH, 0, model, PROBE[0], 0, PROBE[1])
