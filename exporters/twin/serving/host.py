"""The simulated host under the servers: cards and processors that draw what the servers do.

In: what each server did. Out: the `Truth` of a host whose faces the agent reads. Standing power
flows whatever is done and is the servers' idle energy; a card of a model on several shares it
evenly with the others.
"""

import random
from collections.abc import Sequence

from exporters.twin.card import Card
from exporters.twin.load import Profile
from exporters.twin.serving.engine import Served
from exporters.twin.serving.plan import MODELS, ServedPlan
from exporters.twin.truth import Truth, Work


class ServedCard(Card):
    """A card of a server."""

    def __init__(
        self, plan: ServedPlan, gpu: int, served: Sequence[Served], chance: random.Random
    ) -> None:
        super().__init__(plan, gpu, [Profile([0], [0])], chance)
        place = plan.servers[gpu]
        self._served = served[place]
        self._of = len(MODELS[place].cards)
        self._number = MODELS[place].cards.index(gpu)

    def _work(self, step: int, permille: int) -> list[tuple[int, int]]:  # noqa: ARG002 - the base's
        energy_uj = self._served.energy_uj[step]
        part_uj = energy_uj // self._of
        if self._number == 0:
            part_uj = energy_uj - part_uj * (self._of - 1)
        return [(part_uj, self._served.busy_us[step])]


class ServedTruth(Truth):
    """The host of the servers."""

    hours = (1000,) * 24
    """The load is the requests' own."""
    system_step_us = 70
    """So little that the processors' rest before the models are loaded shows their floor, also to
    an agent that counts this machine's processors, of which there may be two."""

    def __init__(self, plan: ServedPlan, served: Sequence[Served], chance: random.Random) -> None:
        super().__init__(plan, [(0.0, 1, 1)], chance)
        self.cards = [ServedCard(plan, gpu, served, chance) for gpu in range(plan.gpus)]
        self._cpu = [
            Work(place, place % plan.sockets, one.busy_us, 0, MODELS[place].processor_watts)
            for place, one in enumerate(served)
        ]
