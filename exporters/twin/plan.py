"""What a simulated host is made of, and what will befall it: everything the twin is told.

In: the options of `footprint-agent twin`. Out: sizes, whose cards are whose, and the times at which
something cannot be read, all in steps of a tenth of a second from the start.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

import msgspec

from exporters.errors import AgentError

STEPS_PER_S = 10
STEP_US = 1_000_000 // STEPS_PER_S
"""The simulator's own integration: ten times finer than the agent's tick."""

START = datetime(2026, 11, 2, tzinfo=UTC)
MOST_GPUS = 16
MOST_SCENES = 8
"""Cards from which on every scene has one."""
LOST = 15
NO_DRIVER = 9
UNKNOWN = 999
"""What NVML answers (nvml.h, nvmlReturn_t) while a card is lost, while the driver is away, and when
it does not know why."""


class Outage(msgspec.Struct, frozen=True):
    """Steps [start, end) in which a device cannot be read; `answer` is NVML's return code."""

    start: int
    end: int
    answer: int = 0

    def holds(self, step: int) -> bool:
        """Whether it lasts at this step."""
        return self.start <= step < self.end


Bmc = Literal["power", "energy", "none"]
"""What the host's management controller offers: the power of its supplies, an energy counter, or
there is none."""


class Plan(msgspec.Struct, frozen=True):
    """A simulated host and its run."""

    servers: ClassVar[Sequence[int]] = ()
    """Of each card the shared server whose model it holds; empty: none does."""
    gpus: int = 8
    sockets: int = 2
    systems: int = 5
    seconds: int = 86_400
    step_seconds: int = 1
    page_seconds: int = 900
    seed: int = 1
    bmc: Bmc = "power"
    pinned: bool = False
    """Each SIA has a cpuset of its socket; without one nobody tells the agent where it runs."""
    integrated: int = 0
    """So many cards, the first ones, have no energy counter, only a power sensor that looks away
    three quarters of the time."""

    @property
    def steps(self) -> int:
        """Length of the run."""
        return self.seconds * STEPS_PER_S

    @property
    def sia(self) -> list[str]:
        """Codes of the SIA."""
        return [f"sia-{number}" for number in range(1, self.systems + 1)]

    def uuid(self, gpu: int) -> str:
        """The card's UUID."""
        return f"GPU-00000000-0000-4000-8000-{gpu:012}"

    @property
    def reserved_gpus(self) -> int:
        """So many cards, the first ones: half of them, one at least, or all but five, so that the
        others show a scene each."""
        return self.gpus - 5 if self.gpus >= MOST_SCENES else max(1, self.gpus // 2)

    def reserved(self, gpu: int) -> int | None:
        """Index of the SIA for which the configuration reserves the card."""
        return gpu % self.systems if gpu < self.reserved_gpus else None

    @property
    def arrival(self) -> int:
        """The step at which the SIA have loaded their models: until then nobody holds a card."""
        return min(150, self.seconds // 8) * STEPS_PER_S

    def deaf(self) -> Outage:
        """The driver does not tell who uses the cards for a minute."""
        return self._outage(300, min(60, self.seconds // 10), UNKNOWN)

    def reload(self) -> Outage:
        """The NVIDIA driver is away for 20 s. It has to be joined anew, old handles are invalid,
        and every card's counter begins at 0."""
        return self._outage(250, 20, NO_DRIVER)

    def losses(self) -> dict[int, Outage]:
        """Cards that fall off the bus: a reserved one comes back, with its counter gone on, another
        does not."""
        if not self.gpus:
            return {}
        seconds = min(2400, self.seconds // 10)
        found = {min(1, self.reserved_gpus - 1): self._outage(400, seconds, LOST)}
        if self.gpus > 3:
            found[self.gpus - 2] = self._outage(750, self.seconds, LOST)
        return found

    def dram_outage(self) -> Outage:
        """A counter of the first socket's memory that cannot be read for 5 s."""
        return self._outage(600, 5)

    def bmc_restart(self) -> Outage:
        """The management controller restarts: it does not answer for a minute and a half."""
        return self._outage(500, min(90, self.seconds // 10))

    def _outage(self, permille: int, seconds: int, answer: int = 0) -> Outage:
        start = self.steps * permille // 1000 + 3  # not at a tick
        return Outage(start, start + seconds * STEPS_PER_S, answer)


def check(plan: Plan) -> Plan:
    """The plan itself where it makes sense. Raises AgentError: what, remedy."""
    bounds = {
        "gpus": (0, MOST_GPUS),
        "sockets": (1, 8),
        "systems": (1, 50),
        "seconds": (60, 366 * 86_400),
        "step_seconds": (1, 10),
        "integrated": (0, plan.gpus),
    }
    for name, (least, most) in bounds.items():
        value = getattr(plan, name)
        if not least <= value <= most:
            raise AgentError(f"twin: {name} is {value}; choose {least} to {most}")
    return plan
