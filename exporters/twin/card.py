"""One simulated card: what its processes truly draw, and what its driver notes of them.

In: the plan, the profiles of the SIA. Out: energy per process in exact integer microjoules, SM
time, and the samples of SM utilisation that the driver takes. Power is not what the agent assumes:
a busy card draws less per second than one that starts for each request (batching), and a second of
one SIA draws more than one of another (vector units). Standing power flows whatever is done; by
definition, not by physics, it is whose the memory is.
"""

import random
from collections import deque
from collections.abc import Iterator

from exporters.twin.load import Profile
from exporters.twin.plan import STEP_US, Outage, Plan
from exporters.twin.scenes import SLICES, Tenant, tenants

IDLE_W = 70
EAGER_PERMILLE, BATCHED_PERMILLE = 1300, 600
"""Power of a busy second: on a card with next to no load, and by how much less on a full one."""
SAMPLE_STEPS = 2
"""Steps between the driver's samples."""
LATE_STEPS = 3
"""How long a sample takes to be shown."""
KEPT = 20
"""Samples that the driver keeps of each process."""
MISSED = 0.05
"""How many of them are never there."""

Note = tuple[int, list[int]]
"""A sample of each tenant: the step, and percent."""


class Share:
    """What one tenant did: whose it is, what it draws busy, and its sums."""

    def __init__(self, tenant: Tenant, used_us: list[int], offset: int, watts: int) -> None:
        self.tenant = tenant
        self._used_us = used_us
        self._offset = offset
        self.watts = watts * tenant.slices // SLICES
        self.busy_us = self.caused_uj = self.standing_uj = self.readable_uj = 0

    def asks_us(self, step: int, permille: int) -> int:
        """How long it would be busy in a step."""
        if not self.tenant.works:
            return 0
        return self._used_us[(step + self._offset) % len(self._used_us)] * permille // 1000


class Card:
    """A card, a tenth of a second at a time."""

    def __init__(
        self, plan: Plan, gpu: int, profiles: list[Profile], chance: random.Random
    ) -> None:
        self.total_uj = self.before_uj = chance.randrange(10**13)
        self.arrival = plan.arrival
        self.idle_uj = self.idle_readable_uj = 0
        self.notes: deque[Note] = deque(maxlen=KEPT)
        self._outages: list[Outage] = [plan.reload()]
        self._outages += [loss for at, loss in plan.losses().items() if at == gpu]
        self.shares = [_share(one, profiles, chance) for one in tenants(plan, gpu)]
        self._memory = [share.tenant.memory_mib for share in self.shares]
        self._noted_us = [0] * len(self.shares)
        self._missing = random.Random(plan.seed + gpu)  # noqa: S311 - repeated by its seed

    @property
    def swing_w(self) -> int:
        """Most less least power: of instances together, of processes one at a time."""
        watts = [share.watts for share in self.shares]
        most = sum(watts) if self.divided else max(watts, default=0)
        return most * EAGER_PERMILLE // 1000

    @property
    def divided(self) -> bool:
        """Whether it is in MIG mode."""
        return any(share.tenant.instance is not None for share in self.shares)

    def held(self, step: int) -> bool:
        """Whether its processes are there: they are loaded a while after the host started."""
        return bool(self.shares) and step >= self.arrival

    def advance(self, step: int, permille: int) -> list[tuple[int, int]]:
        """A step passes; energy and busy time of what worked side by side."""
        self.before_uj = self.total_uj
        readable = not any(outage.holds(step) for outage in self._outages)
        self._stand(step, readable=readable)
        worked = []
        for share, busy_us, energy_uj in self._work(step, permille):
            self.total_uj += energy_uj
            share.busy_us += busy_us
            share.caused_uj += energy_uj
            share.readable_uj += energy_uj * readable
            worked.append((energy_uj, busy_us))
        if step % SAMPLE_STEPS == 0:
            self._note(step)
        if len(worked) > 1 and not self.divided:
            return [(sum(energy for energy, _ in worked), sum(busy for _, busy in worked))]
        return worked

    def _work(self, step: int, permille: int) -> Iterator[tuple[Share, int, int]]:
        """Each tenant's busy time and energy. Processes of one card share its time; instances of
        MIG have slices of their own."""
        if not self.held(step):
            return
        asked = [share.asks_us(step, permille) for share in self.shares]
        whole = sum(asked)
        for share, asked_us in zip(self.shares, asked, strict=True):
            divided = share.tenant.instance is not None
            load_us = asked_us if divided else whole
            busy_us = asked_us * STEP_US // load_us if load_us > STEP_US else asked_us
            load_us = min(load_us, STEP_US)
            eager = EAGER_PERMILLE - BATCHED_PERMILLE * load_us // STEP_US
            if busy_us:
                yield share, busy_us, busy_us * share.watts * eager // 1000

    def _stand(self, step: int, *, readable: bool) -> None:
        """Standing power; what is left over of a microjoule is the last one's."""
        standing_uj = IDLE_W * STEP_US
        self.total_uj += standing_uj
        if not self.held(step):
            self.idle_uj += standing_uj
            self.idle_readable_uj += standing_uj * readable
            return
        for share, part_uj in zip(self.shares, self._parts(standing_uj), strict=True):
            share.standing_uj += part_uj
            share.readable_uj += part_uj * readable

    def _parts(self, standing_uj: int) -> list[int]:
        weights = self._memory
        if self.shares[0].tenant.instance is not None:
            weights = [share.tenant.slices for share in self.shares]
        parts = [standing_uj * weight // sum(weights) for weight in weights]
        parts[-1] += standing_uj - sum(parts)
        return parts

    def _note(self, step: int) -> None:
        percent = [
            round(100 * (share.busy_us - before_us) / (SAMPLE_STEPS * STEP_US))
            for share, before_us in zip(self.shares, self._noted_us, strict=True)
        ]
        self._noted_us = [share.busy_us for share in self.shares]
        if self._missing.random() >= MISSED:
            self.notes.append((step, percent))

    def shown(self, step: int) -> Iterator[Note]:
        """The samples that are shown at a step."""
        return (note for note in self.notes if note[0] + LATE_STEPS <= step)


def _share(tenant: Tenant, profiles: list[Profile], chance: random.Random) -> Share:
    """The stranger does what another SIA does, at another time."""
    does = profiles[tenant.sia % len(profiles)]
    watts = 300 + 60 * (tenant.sia + 1) % 330
    return Share(tenant, does.gpu_us, chance.randrange(len(does.gpu_us)), watts)
