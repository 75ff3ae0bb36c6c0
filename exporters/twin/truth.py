"""The simulated host itself: what every device really drew, and because of whom.

In: the plan and the profiles. Out: cumulative energy in exact integer microjoules per device, and
per SIA what it caused and its part of the power that flows whatever is done. It knows none of the
agent's formulas and shares no code with them: power is a whole number of watts a busy processor or
card, and watts times microseconds are microjoules.
"""

import random
from collections.abc import Sequence

import msgspec

from exporters.twin.card import IDLE_W as GPU_IDLE_W
from exporters.twin.card import Card
from exporters.twin.load import HOURS_PERMILLE, Profile, Request, profile
from exporters.twin.plan import STEP_US, STEPS_PER_S, Plan
from exporters.twin.scenes import STRANGER

PACKAGE_IDLE_W = 90
DRAM_IDLE_W = 8
BOARD_W = 60
"""What psys sees beside packages and memory."""
WINDOW_US = 25_000
"""The power sensor of a card without a counter averages so much of each tenth of a second."""
FANS_W, FANS_PERMILLE = 60, 40
"""Fans: at rest, and in permille of the cards' power."""
LOSS_W, LOSS_PERMILLE = 40, 55
"""Lost in the power supplies: whatever is drawn, and in permille of what passes through them."""
SYSTEM_W, AGENT_W = 3, 4
SYSTEM_US = 8_000
"""CPU time of the operating system in a step; twenty times that for half a second each minute."""
SYSTEM_BURST = 20
STEPS_PER_HOUR = 3600 * STEPS_PER_S


class Work(msgspec.Struct):
    """One SIA on one processor: its profile, where it begins, watts a busy one."""

    sia: int
    place: int
    used_us: Sequence[int]
    offset: int
    watts: int
    memory_mw: int = 0


class Shares(msgspec.Struct):
    """Energy by whose it truly is, in microjoules: caused, and of the standing power."""

    caused_uj: list[int]
    standing_uj: list[int]
    system_uj: int = 0
    agent_uj: int = 0
    system_standing_uj: int = 0
    agent_standing_uj: int = 0
    idle_uj: int = 0
    unregistered_uj: int = 0


class Truth:
    """The host, a tenth of a second at a time."""

    hours: Sequence[int] = HOURS_PERMILLE
    """How much of their profiles the SIA do, by hour."""
    system_step_us: int = SYSTEM_US
    """CPU time of the operating system in a step."""

    def __init__(self, plan: Plan, asked: list[Request], chance: random.Random) -> None:
        self.plan = plan
        self.step = 0
        self.package_uj = [chance.randrange(10**12) for _ in range(plan.sockets)]
        self.core_uj = [chance.randrange(10**12) for _ in range(plan.sockets)]
        self.busy_us = [0] * plan.sockets
        self.dram_uj = [chance.randrange(10**12) for _ in range(plan.sockets)]
        self.psys_uj = chance.randrange(10**12)
        self.window_uj = [GPU_IDLE_W * WINDOW_US] * plan.integrated
        """What the sensors of the cards without a counter saw of the last step, in WINDOW_US."""
        self._phase = random.Random(plan.seed)  # noqa: S311 - a simulation, repeated by its seed
        self.wall_uj = 0
        """What came in through the power supplies since the start."""
        self.least_wall_uj, self.most_wall_uj = 10**12, 0
        """In a step of least and of most power."""
        self.sia_us = [0] * plan.systems
        self.system_us = 0
        self.agent_us = 0
        self.processors = Shares([0] * plan.systems, [0] * plan.systems)
        profiles = [profile(asked, chance.uniform(8, 20)) for _ in range(plan.systems)]
        self._cpu = [_on_processor(plan, sia, profiles[sia], chance) for sia in range(plan.systems)]
        self.cards = [Card(plan, gpu, profiles, chance) for gpu in range(plan.gpus)]
        self._spent_us = 0
        self._of_profile = self.hours[0]

    def spend(self, agent_us: int) -> None:
        """The agent used CPU time; it is drawn in the next step."""
        self._spent_us += agent_us

    def advance(self) -> None:
        """A tenth of a second passes."""
        if self.step % STEPS_PER_HOUR == 0:
            self._of_profile = self.hours[self.step // STEPS_PER_HOUR % 24]
        host_uj = self.psys_uj
        self._run_processors()
        self._run_cards()
        cards_uj = sum(card.total_uj - card.before_uj for card in self.cards)
        self._supply(self.psys_uj - host_uj, cards_uj)
        self.step += 1

    @property
    def gpu_uj(self) -> list[int]:
        """Cumulative energy of each card."""
        return [card.total_uj for card in self.cards]

    @property
    def gpu_before_uj(self) -> list[int]:
        """A step ago: what the cards' own counters show."""
        return [card.before_uj for card in self.cards]

    @property
    def of_cards(self) -> Shares:
        """All cards' energy by whose it is."""
        found = Shares([0] * self.plan.systems, [0] * self.plan.systems)
        for card in self.cards:
            found.idle_uj += card.idle_uj
            for share in card.shares:
                if share.tenant.sia == STRANGER:
                    found.unregistered_uj += share.caused_uj + share.standing_uj
                    continue
                found.caused_uj[share.tenant.sia] += share.caused_uj
                found.standing_uj[share.tenant.sia] += share.standing_uj
        return found

    @property
    def components_uj(self) -> int:
        """Cumulative energy of everything that is a component."""
        return sum(self.package_uj) + sum(self.dram_uj) + sum(self.gpu_uj)

    def _supply(self, host_uj: int, cards_uj: int) -> None:
        """What a step draws at the wall: processors, memory and board, cards, fans, and losses."""
        inside_uj = host_uj + cards_uj + FANS_W * STEP_US + cards_uj * FANS_PERMILLE // 1000
        wall_uj = inside_uj + LOSS_W * STEP_US + inside_uj * LOSS_PERMILLE // 1000
        self.wall_uj += wall_uj
        self.least_wall_uj = min(self.least_wall_uj, wall_uj)
        self.most_wall_uj = max(self.most_wall_uj, wall_uj)

    def _run_processors(self) -> None:
        sockets = self.plan.sockets
        dynamic_uj = [0] * sockets
        memory_uj = [DRAM_IDLE_W * STEP_US] * sockets
        used = [[0] * self.plan.systems for _ in range(sockets)]
        for work in self._cpu:
            used_us = work.used_us[(self.step + work.offset) % len(work.used_us)]
            used_us = used_us * self._of_profile // 1000
            energy_uj = used_us * work.watts
            moved_uj = used_us * work.memory_mw // 1000
            dynamic_uj[work.place] += energy_uj
            memory_uj[work.place] += moved_uj
            self.sia_us[work.sia] += used_us
            self.processors.caused_uj[work.sia] += energy_uj + moved_uj
            used[work.place][work.sia] += used_us
        bursts = self.step % (60 * STEPS_PER_S) < STEPS_PER_S // 2
        system_us = self.system_step_us * (SYSTEM_BURST if bursts else 1)
        agent_us, self._spent_us = self._spent_us, 0
        dynamic_uj[0] += system_us * SYSTEM_W + agent_us * AGENT_W
        self.processors.system_uj += system_us * SYSTEM_W
        self.processors.agent_uj += agent_us * AGENT_W
        self.system_us += system_us
        self.agent_us += agent_us
        self._count(dynamic_uj, memory_uj)
        for socket, of_sia in enumerate(used):
            here = (system_us, agent_us) if socket == 0 else (0, 0)
            self._stand(of_sia, *here)
            self.busy_us[socket] += sum(of_sia) + sum(here)

    def _count(self, dynamic_uj: list[int], memory_uj: list[int]) -> None:
        psys_uj = BOARD_W * STEP_US
        for socket, energy_uj in enumerate(dynamic_uj):
            package_uj = PACKAGE_IDLE_W * STEP_US + energy_uj
            self.package_uj[socket] += package_uj
            self.core_uj[socket] += energy_uj
            self.dram_uj[socket] += memory_uj[socket]
            psys_uj += package_uj + memory_uj[socket]
        self.psys_uj += psys_uj

    def _stand(self, used: list[int], system_us: int, agent_us: int) -> None:
        """Standing power of a socket and its memory: by the CPU time there of this very step."""
        standing_uj = (PACKAGE_IDLE_W + DRAM_IDLE_W) * STEP_US
        total_us = max(1, sum(used) + system_us + agent_us)
        left_uj = standing_uj
        for sia, used_us in enumerate(used):
            part_uj = standing_uj * used_us // total_us
            self.processors.standing_uj[sia] += part_uj
            left_uj -= part_uj
        part_uj = standing_uj * agent_us // total_us
        self.processors.agent_standing_uj += part_uj
        self.processors.system_standing_uj += left_uj - part_uj

    def _run_cards(self) -> None:
        blind = self.plan.integrated
        for gpu, card in enumerate(self.cards):
            seen_uj = GPU_IDLE_W * WINDOW_US
            for energy_uj, busy_us in card.advance(self.step, self._of_profile):
                if gpu < blind:
                    seen_uj += energy_uj * self._seen_us(busy_us) // busy_us
            if gpu < blind:
                self.window_uj[gpu] = seen_uj

    def _seen_us(self, busy_us: int) -> int:
        """How much of the busy time of a step falls into its first WINDOW_US. It begins anywhere in
        the step, and goes on at the step's beginning: locked to no sensor's phase."""
        start_us = self._phase.randrange(STEP_US)
        end_us = start_us + busy_us
        first_us = max(0, min(end_us, WINDOW_US) - start_us)
        return first_us + max(0, min(end_us - STEP_US, WINDOW_US))


def _on_processor(plan: Plan, sia: int, does: Profile, chance: random.Random) -> Work:
    """SIA differ in what a CPU second draws, as real ones do, and sit on one socket each."""
    offset = chance.randrange(len(does.cpu_us))
    watts, memory_mw = 3 + 2 * sia % 7, 300 + 400 * sia % 1300
    return Work(sia, sia % plan.sockets, does.cpu_us, offset, watts, memory_mw)
