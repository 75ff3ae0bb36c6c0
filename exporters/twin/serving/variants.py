"""The same requests on servers that are built or told otherwise: what moves the errors, how far.

In: a plan. Out: per variant and server a `Variant`. No agent runs here: energy is the truth's own,
by quarter-hour, and usage is what the gateway would have counted, so that what is left is the error
of the split alone.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec

from exporters.twin.plan import START
from exporters.twin.serving import rehearsal
from exporters.twin.serving.engine import QUARTER_US, Served
from exporters.twin.serving.judging import IS_SIA, Judged, Row, Seen, judge
from exporters.twin.serving.plan import CONSUMERS, MODELS, STEPS_PER_QUARTER, Model, ServedPlan
from footprint import codes
from footprint.allocation import Usage
from footprint.interval import QUARTER_HOUR_SECONDS
from footprint.shared import Spending
from footprint.token_fit import Fit

QUARTER = timedelta(seconds=QUARTER_HOUR_SECONDS)
FIXED = 5
AWAKE_W = 25
"""What a card with a model in it draws above an empty one though nobody asks. The agent knows the
empty card's power only, so that this is active energy to it."""
QUIET_PERMILLE = 200


class Variant(msgspec.Struct, frozen=True):
    """One server under one variant. Misplaced: how much of the active energy is another consumer's
    than it says, in permille; None where weights could not be fitted."""

    what: str
    judged: Judged
    inside: int
    asking: int
    misplaced_permille: int
    fitted_misplaced_permille: int | None


def variants(plan: ServedPlan) -> Iterator[Variant]:
    """All of them; the first is the plan as it is."""
    as_is = rehearsal.load(plan).served
    yield from judged("as above", as_is)
    yield from judged("the gateway tells no cached tokens", as_is, tells_cached=False)
    yield from judged(f"a loaded card draws {AWAKE_W} W more at rest", as_is, awake_w=AWAKE_W)
    linear = [msgspec.structs.replace(one, fixed_uj=0, saturating_uj=0) for one in MODELS]
    yield from judged("energy is linear in tokens", rehearsal.load(plan, linear).served)
    dearer = [msgspec.structs.replace(one, fixed_uj=FIXED * one.fixed_uj) for one in MODELS]
    fixed = rehearsal.load(plan, dearer).served
    yield from judged(f"a step costs {FIXED} times as much", fixed)
    together = msgspec.structs.replace(plan, same_hours=True)
    yield from judged("all SIA keep office hours", rehearsal.load(together).served)
    quiet = msgspec.structs.replace(plan, load_permille=QUIET_PERMILLE)
    few = rehearsal.load(quiet).served
    yield from judged(f"{QUIET_PERMILLE // 10} % of the requests", few)


def judged(
    what: str, served: Sequence[Served], *, tells_cached: bool = True, awake_w: int = 0
) -> Iterator[Variant]:
    for place, one in enumerate(served):
        model = MODELS[place]
        totals = list(_counted(one))
        awake_uj = awake_w * QUARTER_US * len(model.cards)
        starts = {line.start for line in totals}
        seen = Seen(
            [line for line in _spent(model, one, awake_uj) if line.start in starts],
            list(_named(one, tells_cached=tells_cached)),
            totals,
        )
        found = judge(place, one, seen)
        sia = [row for row in found.rows if row.consumer in IS_SIA and row.true_uj]
        fitted = isinstance(found.fit, Fit)
        yield Variant(
            what,
            found,
            sum(row.inside for row in sia),
            len(sia),
            misplaced([(row.true_uj, row.default_uj) for row in found.rows]),
            misplaced([(row.true_uj, row.fitted_uj or 0) for row in found.rows])
            if fitted
            else None,
        )


def misplaced(pairs: Sequence[tuple[int, int]]) -> int:
    """Half the sum of the differences of shares, true and found, in permille."""
    true_uj = max(1, sum(true for true, _ in pairs))
    found_uj = max(1, sum(found for _, found in pairs))
    off = sum(abs(true * found_uj - found * true_uj) for true, found in pairs)
    return off * 1000 // (2 * true_uj * found_uj)


def _spent(model: Model, served: Served, awake_uj: int) -> Iterator[Spending]:
    rows = zip(served.cards_uj, served.processor_uj, strict=True)
    for quarter, (cards_uj, processor_uj) in enumerate(rows):
        start = START + quarter * QUARTER
        active_uj = sum(cards_uj) + awake_uj
        yield Spending(start, "gpu", model.server, "dynamic", "counter", active_uj)
        yield Spending(start, "cpu", "package-0", "dynamic", "counter", sum(processor_uj))


def _counted(served: Served) -> Iterator[Usage]:
    """The server's own counts."""
    columns = (served.computed, served.cached, served.generated)
    ended = [0] * len(served.cards_uj)
    for done in served.done:
        ended[done.step // STEPS_PER_QUARTER] += 1
    for quarter, requests in enumerate(ended):
        span = slice(quarter * STEPS_PER_QUARTER, (quarter + 1) * STEPS_PER_QUARTER)
        computed, cached, generated = (sum(column[span]) for column in columns)
        if computed + generated:
            prompt = computed + cached
            yield _usage(quarter, codes.UNATTRIBUTED, (requests, prompt, cached, generated))


def _named(served: Served, *, tells_cached: bool) -> Iterator[Usage]:
    """What the gateway counted, health checks left out."""
    sums: dict[tuple[int, str], list[int]] = {}
    for done in served.done:
        who, asked = CONSUMERS[done.asked.consumer], done.asked
        if who.way == "gateway":
            row = sums.setdefault((done.step // STEPS_PER_QUARTER, who.sia), [0, 0, 0, 0])
            cached = asked.cached if tells_cached else 0
            for at, number in enumerate((1, asked.prompt, cached, asked.generated)):
                row[at] += number
    for (quarter, sia), row in sorted(sums.items()):
        yield _usage(quarter, sia, row)


def _usage(quarter: int, consumer: str, counts: Sequence[int]) -> Usage:
    start = START + quarter * QUARTER
    requests, prompt, cached, generated = counts
    return Usage(start, start + QUARTER, consumer, requests, prompt, generated, cached)


def worst_percent(rows: Sequence[Row], *, fitted: bool = False) -> float:
    """The largest error of a SIA."""
    found = [
        abs((row.fitted_uj or 0) if fitted else row.default_uj) / row.true_uj - 1
        for row in rows
        if row.consumer in IS_SIA and row.true_uj
    ]
    return 100 * max(map(abs, found), default=0.0)
