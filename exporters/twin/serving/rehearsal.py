"""A run of the shared servers: host, agent, gateway, a reader beside them, and the judgement.

In: a plan. Out: a `Rehearsal`: the run of the agent, what each server truly did, and how far each
SIA's share is from the truth.
"""

import csv
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from exporters.errors import AgentError
from exporters.twin import run
from exporters.twin.card import STANDING_UJ
from exporters.twin.load import Request, from_trace, requests
from exporters.twin.run import Run, World
from exporters.twin.serving import judging, reading, web
from exporters.twin.serving.asking import asked
from exporters.twin.serving.counters import Pair
from exporters.twin.serving.engine import Served, serve
from exporters.twin.serving.host import ServedTruth
from exporters.twin.serving.judging import Judged, Seen
from exporters.twin.serving.plan import MODELS, Model, ServedPlan
from exporters.twin.serving.reading import Reading

LEAST_REQUESTS = 10
NO_TRACE = (
    "not a trace of requests; it needs the columns TIMESTAMP, ContextTokens and GeneratedTokens, "
    f"{LEAST_REQUESTS} rows and at least one token of each kind in each"
)


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
    """Spread the trace's requests, and answer them. Raises AgentError where a trace is none."""
    chance = random.Random(plan.seed)  # noqa: S311 - a simulation, to be repeated by its seed
    trace, source = _read(Path(plan.trace)) if plan.trace else requests(chance)
    found = asked(plan, trace, chance)
    served = [
        serve(model, [one for one in found if one.model == place], plan.seconds)
        for place, model in enumerate(models)
    ]
    return Load(served, source, len(found))


def _read(path: Path) -> tuple[list[Request], str]:
    try:
        trace = from_trace(path)
    except OSError as error:
        raise AgentError(f"twin: --trace {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise AgentError(f"twin: --trace {path}: {NO_TRACE}") from error
    if len(trace) < LEAST_REQUESTS or min(min(one[1:]) for one in trace) < 1:
        raise AgentError(f"twin: --trace {path}: {NO_TRACE}")
    if any(after[0] < before[0] for before, after in pairwise(trace)):
        raise AgentError(f"twin: --trace {path}: requests are not in the order of their arrival")
    return trace, f"{len(trace):,} requests of {path.name}"


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
