"""Which models the simulated servers run and who asks them: everything that a run is told.

In: the options of `footprint-agent twin --serving`. Out: the sizes of the host, what a step of each
server takes and draws, and for each consumer how it asks.

The costs are guesses of the right size, not measurements: a prompt token of a model of 24 billion
parameters is 48 GFLOP, which two cards of a PFLOP/s each do in 24 us at some 600 W a card; one of 3
billion on one card takes an eighth of the energy. A generated token costs seven times that at the
margin, reading weights and cache included; a step as such costs 10 ms (4 ms) of launching and
waiting at 100 W (40 W) more than rest. `variants.py` says what happens where that is five times as
much, as it would be if a step paid for reading all weights and seven were the rest.
"""

from typing import Literal

import msgspec

from exporters.errors import AgentError
from exporters.twin.load import HOURS_PERMILLE
from exporters.twin.plan import STEPS_PER_S, Outage, Plan
from footprint import codes

NEVER = Outage(-1, -1)
STARTING_S = 30
"""From the loading of the models to the first request."""
DRAINED_S = 180
"""Nobody asks any more so long before the end, so that every answer is complete in it."""
STEPS_PER_QUARTER = 900 * STEPS_PER_S
LEAST_S, MOST_S = 1800, 86_400
"""How long a run may be: what is split is one day at most."""
MOST_STEP_TOKENS = 2048
"""Prompt and generated tokens of one step (vLLM: max_num_batched_tokens)."""
MOST_SEQUENCES = 256
"""Answers that are generated side by side (vLLM: max_num_seqs)."""
GENERATED_UNITS = 7
"""What a generated token costs at the margin; a prompt token costs one."""


class Model(msgspec.Struct, frozen=True):
    """One server. A step with `x` units (prompt tokens, and GENERATED_UNITS a generated one) draws

        fixed_uj + linear_uj * x + saturating_uj * x * half_units / (half_units + x)

    above what flows anyway, and takes step_us, prompt_us a prompt token and generated_us a
    generated one. It keeps one processor busy meanwhile, of so many watts.
    """

    server: str
    name: str
    asked_as: str
    cards: tuple[int, ...]
    fixed_uj: int
    linear_uj: int
    saturating_uj: int
    half_units: int
    step_us: int
    prompt_us: int
    generated_us: int
    processor_watts: int

    @property
    def code(self) -> str:
        """The model's name in the register."""
        return self.name.partition("/")[2]


LARGE = Model(
    server="pool-large",
    name="ministry/large-24b",
    asked_as="large",
    cards=(0, 1),
    fixed_uj=1_000_000,
    linear_uj=22_000,
    saturating_uj=12_000,
    half_units=2_000,
    step_us=10_000,
    prompt_us=24,
    generated_us=50,
    processor_watts=6,
)
SMALL = Model(
    server="pool-small",
    name="ministry/small-3b",
    asked_as="small",
    cards=(2,),
    fixed_uj=160_000,
    linear_uj=4_500,
    saturating_uj=2_500,
    half_units=2_000,
    step_us=4_000,
    prompt_us=12,
    generated_us=20,
    processor_watts=5,
)
MODELS = (LARGE, SMALL)

OFFICE = HOURS_PERMILLE
NIGHT = (*(1000,) * 6, *(500,) * 2, *(120,) * 12, *(500,) * 2, *(1000,) * 2)
STEADY = (550,) * 24

Way = Literal["gateway", "direct", "health"]


class Consumer(msgspec.Struct, frozen=True):
    """Who asks: the SIA that the rules know it as (`@unattributed` for nobody's), and its names at
    the gateway. `rank` says which requests of the trace are its own: 0 those with the longest
    answers for their prompts, 1000 those with the shortest. `cached` permille of its prompts are in
    the prefix cache, `small` permille of its requests go to the small model."""

    sia: str
    team: str
    rank: int
    cached: int
    small: int
    hours: tuple[int, ...]
    persons: int = 6
    way: Way = "gateway"


CONSUMERS = (
    Consumer("draft", "team-draft", 100, 100, 0, OFFICE),
    Consumer("chat", "team-chat", 350, 300, 100, OFFICE, persons=20),
    Consumer("search", "team-search", 550, 150, 300, OFFICE),
    Consumer("digest", "team-digest", 750, 20, 0, STEADY),
    Consumer("sort", "team-sort", 950, 500, 300, NIGHT),
    Consumer(codes.UNATTRIBUTED, "team-lab", -1, 50, 300, OFFICE),
    Consumer(codes.UNATTRIBUTED, "", -1, 0, 0, STEADY, persons=0, way="direct"),
    Consumer(codes.UNATTRIBUTED, "", -1, 0, 0, STEADY, persons=0, way="health"),
)
"""Five SIA; a team that no rule names; somebody who asks the servers without the gateway; and the
gateway's own probes."""
LAB, DIRECT, HEALTH = 5, 6, 7
STRAY_PERMILLE = 20
"""So many requests are the unnamed team's, and as many pass by the gateway."""
MIXED_PERMILLE = 200
"""So many are of any SIA, whatever their shape."""
PROBE_S = 300
"""The gateway probes every model each five minutes, with PROBE's tokens."""
PROBE = (6, 1)

SIA = tuple(consumer.sia for consumer in CONSUMERS if not consumer.sia.startswith("@"))


class ServedPlan(Plan, frozen=True, kw_only=True):
    """A host that serves two models. Nothing fails on it by plan: what failing devices do to a
    measurement the other plan shows."""

    servers = tuple(place for place, model in enumerate(MODELS) for _ in model.cards)
    gpus: int = 3
    systems: int = len(MODELS)
    bmc: Literal["power", "energy", "none"] = "none"
    load_permille: int = 1000
    """Of the trace's rate."""
    same_hours: bool = False
    """Everybody keeps office hours, so that prompt and generated tokens rise and fall together."""
    trace: str = ""
    """A file as the Azure trace is; "" for the extract that the repository carries."""

    @property
    def sia(self) -> list[str]:
        """The servers, which are consumers like any other to the agent."""
        return [model.server for model in MODELS]

    @property
    def arrival(self) -> int:
        """The step at which the models are loaded: a page after the start where there is time, so
        that what the empty cards draw is known before."""
        return min(self.page_seconds, self.seconds // 4) * STEPS_PER_S

    @property
    def reserved_gpus(self) -> int:
        """None: whose a card is, its processes say."""
        return 0

    def deaf(self) -> Outage:
        """Never."""
        return NEVER

    def reload(self) -> Outage:
        """Never."""
        return NEVER

    def losses(self) -> dict[int, Outage]:
        """None."""
        return {}

    @property
    def opening_s(self) -> int:
        """When the first request may come."""
        return self.arrival // STEPS_PER_S + STARTING_S

    @property
    def closing_s(self) -> int:
        """When the last one may."""
        return self.seconds - DRAINED_S


def serving_plan(plan: Plan, trace: str) -> ServedPlan:
    """The plan of a host of servers, as long, as fine and of the same seed as another. Raises
    AgentError: what, remedy."""
    if plan.seconds < LEAST_S or plan.seconds > MOST_S:
        raise AgentError(
            f"twin: a host of servers for {plan.seconds / 3600:g} h; choose --hours "
            f"{LEAST_S / 3600:g} to {MOST_S // 3600}"
        )
    return ServedPlan(
        seconds=plan.seconds,
        step_seconds=plan.step_seconds,
        page_seconds=plan.page_seconds,
        seed=plan.seed,
        trace=trace,
    )
