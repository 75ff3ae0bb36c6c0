"""What the simulated gateway and servers have counted at an instant of the simulation.

In: what the servers did. Out: totals that grow with time, and begin anew where a process is started
again. The gateway counts a request when it is answered, as LiteLLM does; a server counts prompts as
they are read and answers as they grow, as vLLM does.
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec

from exporters.twin.plan import START, STEPS_PER_S
from exporters.twin.serving.engine import Done, Served
from exporters.twin.serving.plan import CONSUMERS, MODELS
from footprint.interval import to_us

BEGIN_S = to_us(START) / 1_000_000
"""Unix time at which the simulation begins."""
Key = tuple[int, int, int]
"""Consumer, person, model."""


class Count(msgspec.Struct):
    """Requests and tokens."""

    requests: int = 0
    prompt: int = 0
    cached: int = 0
    generated: int = 0

    def add(self, done: Done) -> None:
        """One request more."""
        self.requests += 1
        self.prompt += done.asked.prompt
        self.cached += done.asked.cached
        self.generated += done.asked.generated


class Gateway:
    """What LiteLLM has counted since it was started."""

    def __init__(self, served: Iterable[Served]) -> None:
        answered = (done for one in served for done in one.done)
        through = [done for done in answered if CONSUMERS[done.asked.consumer].way != "direct"]
        self._done = sorted(through, key=lambda done: done.step)
        self._place = 0
        self.started_s = BEGIN_S
        self.counts: dict[Key, Count] = {}

    def go_to(self, step: int) -> None:
        """Count what is answered before this step of the host."""
        while self._place < len(self._done) and self._done[self._place].step < step:
            done = self._done[self._place]
            key = done.asked.consumer, done.asked.person, done.asked.model
            self.counts.setdefault(key, Count()).add(done)
            self._place += 1

    def restart(self, step: int, started_s: float | None = None) -> None:
        """All that was counted before this step is forgotten. `started_s`: Unix time at which the
        new process says that it was started (None: the simulation's)."""
        self.go_to(step)
        self.started_s = BEGIN_S + step / STEPS_PER_S if started_s is None else started_s
        self.counts = {}


class Totals(msgspec.Struct, frozen=True):
    """What one server has counted: prompt tokens by source, generated tokens, requests."""

    computed: int
    cached: int
    generated: int
    requests: int


class ModelServer:
    """What one vLLM has counted since it was started."""

    def __init__(self, served: Served) -> None:
        ended = array("q", bytes(8 * len(served.computed)))
        for done in served.done:
            ended[done.step] += 1
        rows = (served.computed, served.cached, served.generated, ended)
        self._sums = [array("q", accumulate(row, initial=0)) for row in rows]
        self._since = 0
        self.started_s = BEGIN_S

    def restart(self, step: int, started_s: float | None = None) -> None:
        """All that was counted before this step is forgotten; as for the gateway."""
        self._since = step
        self.started_s = BEGIN_S + step / STEPS_PER_S if started_s is None else started_s

    def totals(self, step: int) -> Totals:
        """What was counted before this step of the host."""
        return Totals(*(sums[step] - sums[self._since] for sums in self._sums))


class Pair:
    """The gateway and the servers behind it, at one instant; `up` are those that answer."""

    def __init__(self, served: list[Served]) -> None:
        self.step = 0
        self.gateway = Gateway(served)
        self.servers = [ModelServer(one) for one in served]
        self.up = {"litellm", *(model.server for model in MODELS)}

    def go_to(self, step: int) -> None:
        """Time passes."""
        self.step = step
        self.gateway.go_to(step)

    def consumers(self) -> Iterator[tuple[Key, Count]]:
        """What the gateway has counted, series by series."""
        yield from sorted(self.gateway.counts.items())
