"""Who shares which card of a simulated host: a scene a card, its processes, and what hides them.

In: the plan. Out: tenants by card. The first cards are reserved for one SIA each; of the others,
in turn, one is shared in time by two SIA, one holds a resident model that does nothing beside a SIA
that works, one is divided into three MIG instances, one has a process that nobody declared; the
last of several is nobody's. On a host of shared servers (serving/) each card is one of theirs.
"""

from typing import Literal

import msgspec

from exporters.twin.plan import Plan

Scene = Literal["reserved", "shared", "resident", "mig", "stranger", "empty", "served"]
SCENES: tuple[Scene, ...] = ("shared", "resident", "mig", "stranger")

STRANGER = -1
"""Instead of a SIA's index: the process that nobody declared."""
SLICES = 7
"""Of a whole card."""
FIRST_PID = 10_000


class Tenant(msgspec.Struct, frozen=True):
    """A process on a card: whose it is, what it holds there, whether it ever works, and its MIG
    instance with its slices."""

    sia: int
    pid: int
    memory_mib: int
    works: bool = True
    instance: int | None = None
    slices: int = SLICES


def scene(plan: Plan, gpu: int) -> Scene:
    """What happens on a card."""
    if plan.servers:
        return "served"
    if plan.reserved(gpu) is not None:
        return "reserved"
    if gpu == plan.gpus - 1 and plan.gpus > 1:
        return "empty"
    return SCENES[(gpu - plan.reserved_gpus) % len(SCENES)]


def tenants(plan: Plan, gpu: int) -> list[Tenant]:
    """The processes on a card."""
    first, second, third = ((gpu + more) % plan.systems for more in range(3))
    pid = FIRST_PID + 10 * gpu
    found = {
        "reserved": [Tenant(first, pid, 61_440)],
        "shared": [Tenant(first, pid, 40_960), Tenant(second, pid + 1, 12_288)],
        "resident": [Tenant(first, pid, 12_288), Tenant(second, pid + 1, 49_152, works=False)],
        "mig": [
            Tenant(first, pid, 30_720, instance=1, slices=3),
            Tenant(second, pid + 1, 16_384, instance=2, slices=2),
            Tenant(third, pid + 2, 8_192, instance=3, slices=1),
        ],
        "stranger": [Tenant(first, pid, 24_576), Tenant(STRANGER, pid + 1, 10_240)],
        "empty": [],
        "served": [Tenant(plan.servers[gpu] if plan.servers else 0, pid, 61_440)],
    }
    return found[scene(plan, gpu)]
