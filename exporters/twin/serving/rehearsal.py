"""A run of the shared servers: host, agent, gateway, a reader beside them, and the judgement.

In: a plan. Out: a `Rehearsal`: the run of the agent, what each server truly did, and how far each
SIA's share is from the truth.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from exporters.twin import run
from exporters.twin.card import STANDING_UJ
from exporters.twin.load import requests
from exporters.twin.run import Run, World
from exporters.twin.serving import judging, reading, web
from exporters.twin.serving.asking import asked
from exporters.twin.serving.counters import Pair
from exporters.twin.serving.engine import Served, serve
from exporters.twin.serving.host import ServedTruth
from exporters.twin.serving.judging import Judged, Seen
from exporters.twin.serving.plan import MODELS, Model, ServedPlan
from exporters.twin.serving.reading import Reading


class Load(msgspec.Struct, frozen=True):
    """What the servers did with a plan's requests, and where these come from."""

    served: list[Served]
    source: str
    requests: int


class Rehearsal(msgspec.Struct):
    """A run that is over."""

    run: Run
    load: Load
    judged: list[Judged]
    gaps: int
    """How often the reader says that counts may be missing."""


def load(plan: ServedPlan, models: Sequence[Model] = MODELS) -> Load:
    """Spread the trace's requests, and answer them."""
    chance = random.Random(plan.seed)  # noqa: S311 - a simulation, to be repeated by its seed
    trace, source = requests(chance, Path(plan.trace)) if plan.trace else requests(chance)
    if plan.trace:
        source = f"{len(trace):,} requests of {Path(plan.trace).name}"
    found = asked(plan, trace, chance)
    served = [
        serve(model, [one for one in found if one.model == place], plan.seconds)
        for place, model in enumerate(models)
    ]
    return Load(served, source, len(found))


def rehearse(plan: ServedPlan, folder: Path, progress: Callable[[str], None]) -> Rehearsal:
    """Run the plan below `folder`. Raises what `run.simulate` raises."""
    did = load(plan)
    chance = random.Random(plan.seed)  # noqa: S311 - as above
    with web.serving(Pair(did.served)) as site:
        beside = Reading(site, folder / "reader")
        world = World(ServedTruth(plan, did.served, chance), did.source, beside)
        done = run.simulate(plan, folder, progress, world)
        beside.finish()
    told = beside.pages()
    judged = [
        judging.judge(
            place,
            one,
            Seen(
                judging.spending(done.pages, MODELS[place].server),
                reading.named(told, MODELS[place].server),
                reading.counted(told, MODELS[place].server),
            ),
            STANDING_UJ * len(MODELS[place].cards) * (plan.steps - plan.arrival),
        )
        for place, one in enumerate(did.served)
    ]
    return Rehearsal(done, did, judged, len(reading.gaps(told)))
