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
from exporters.twin.plan import START, STEP_US, Outage, Plan
from exporters.twin.scenes import SLICES, Tenant, tenants
from footprint.interval import to_us

IDLE_W = 70
STANDING_UJ = IDLE_W * STEP_US
BEGIN_US = to_us(START)
EAGER_PERMILLE, BATCHED_PERMILLE = 1300, 600
"""Power of a busy second: on a card with next to no load, and by how much less on a full one."""
SAMPLE_STEPS = 2
"""Steps between the driver's samples."""
LATE_STEPS = 3
"""How long a sample takes to be shown."""
KEPT = 15
"""Samples that the driver keeps: three seconds."""
MISSED = 0.05
"""How many of them are never there."""

Note = tuple[int, str]
"""A sample: the step, and percent of each tenant in the words of nvml.c."""


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
        self.divided = any(share.tenant.instance is not None for share in self.shares)
        """Whether it is in MIG mode."""
        self._standing_uj = self._parts_uj()
        self._noted_us = [0] * len(self.shares)
        self._missing = random.Random(plan.seed + gpu)  # noqa: S311 - repeated by its seed

    @property
    def swing_w(self) -> int:
        """Most less least power: of instances together, of processes one at a time."""
        watts = [share.watts for share in self.shares]
        most = sum(watts) if self.divided else max(watts, default=0)
        return most * EAGER_PERMILLE // 1000

    def held(self, step: int) -> bool:
        """Whether its processes are there: they are loaded a while after the host started."""
        return bool(self.shares) and step >= self.arrival

    def advance(self, step: int, permille: int) -> list[tuple[int, int]]:
        """A step passes; energy and busy time of what worked side by side."""
        self.before_uj = self.total_uj
        readable = self._is_readable(step)
        self.total_uj += STANDING_UJ
        if not self.held(step):
            self.idle_uj += STANDING_UJ
            self.idle_readable_uj += STANDING_UJ * readable
            return []
        worked = self._work(step, permille)
        for share, standing_uj, (energy_uj, busy_us) in zip(
            self.shares, self._standing_uj, worked, strict=True
        ):
            self.total_uj += energy_uj
            share.busy_us += busy_us
            share.caused_uj += energy_uj
            share.standing_uj += standing_uj
            share.readable_uj += (energy_uj + standing_uj) * readable
        if step % SAMPLE_STEPS == 0:
            self._note(step)
        if self.divided or len(worked) == 1:
            return [one for one in worked if one[1]]
        busy_us = sum(busy_us for _, busy_us in worked)
        return [(sum(energy_uj for energy_uj, _ in worked), busy_us)] if busy_us else []

    def _is_readable(self, step: int) -> bool:
        return all(not outage.start <= step < outage.end for outage in self._outages)

    def _work(self, step: int, permille: int) -> list[tuple[int, int]]:
        """Each tenant's energy and busy time. Processes of one card share its time; instances of
        MIG have slices of their own."""
        asked_us = [share.asks_us(step, permille) for share in self.shares]
        whole_us = sum(asked_us)
        found = []
        for share, one_us in zip(self.shares, asked_us, strict=True):
            load_us = one_us if self.divided else whole_us
            busy_us = one_us
            if load_us > STEP_US:
                busy_us, load_us = one_us * STEP_US // load_us, STEP_US
            eager = EAGER_PERMILLE - BATCHED_PERMILLE * load_us // STEP_US
            found.append((busy_us * share.watts * eager // 1000, busy_us))
        return found

    def _parts_uj(self) -> list[int]:
        """Whose a step's standing energy is; what is left of a microjoule is the last one's."""
        weights = [
            share.tenant.slices if self.divided else share.tenant.memory_mib
            for share in self.shares
        ]
        parts = [STANDING_UJ * weight // sum(weights) for weight in weights]
        return [*parts[:-1], STANDING_UJ - sum(parts[:-1])] if parts else []

    def _note(self, step: int) -> None:
        """The driver takes a sample; who did nothing is not in it."""
        at_us = BEGIN_US + step * STEP_US
        words = ""
        for place, share in enumerate(self.shares):
            busy_us = share.busy_us - self._noted_us[place]
            self._noted_us[place] = share.busy_us
            percent = round(100 * busy_us / (SAMPLE_STEPS * STEP_US))
            if percent:
                words += f" sm={share.tenant.pid}:{at_us}:{percent}"
        if self._missing.random() >= MISSED:
            self.notes.append((step, words))

    def shown(self, step: int) -> Iterator[Note]:
        """The samples that are shown at a step."""
        return (note for note in self.notes if note[0] + LATE_STEPS <= step)


def _share(tenant: Tenant, profiles: list[Profile], chance: random.Random) -> Share:
    """The stranger does what another SIA does, at another time."""
    does = profiles[tenant.sia % len(profiles)]
    watts = 300 + 60 * (tenant.sia + 1) % 330
    return Share(tenant, does.gpu_us, chance.randrange(len(does.gpu_us)), watts)
