"""Whose a GPU process is: asked once a process, remembered until it goes.

In: pids as the driver tells them, and who decides (rules over control groups, declared processes).
Out: a SIA; `@unregistered` for a process that computes and that nobody declared; `@system` for one
that only draws; `@unattributed` where it cannot be asked, because it is gone, hidden, or counted in
another pid namespace than ours. Read of it: its start time, its control group, and its short name
where no rule knows it, to tell a server of MPS. Nothing of that leaves this file.
Sources: proc(5); pid_namespaces(7); PROC_PID_INIT_INO in linux/proc_ns.h; NVIDIA, Multi-Process
Service, nvidia-cuda-mps-server.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from exporters.sensors.remark import Remark
from exporters.sensors.use import Held
from exporters.workloads.mounts import cgroup_below, find_mount
from exporters.workloads.processes import Processes, read_stat
from exporters.workloads.rules import Rules
from footprint import codes

ASK_AGAIN = 10
"""Looks after which a process is checked to be the same, and asked again where nobody knew it."""
KEPT = 10
"""Looks for which a process that is listed no more is remembered: its samples come late."""

HOST_NAMESPACE = "pid:[4026531836]"
MPS_SERVER = "nvidia-cuda-mps"
"""As the kernel cuts it: 15 characters."""

REMEDY = (
    "run the agent in the host's pid namespace (hostPID: true; podman or docker run --pid=host), "
    "as root where /proc is mounted with hidepid"
)

log = logging.getLogger("footprint.agent")

Decide = Callable[[int], str | None]
"""The SIA of a process that can be asked, or None."""


@dataclass(slots=True)
class Owner:
    """Whose a process is (None: everybody's there), and when that was found."""

    consumer: str | None
    started: int
    asked_at: int
    seen_at: int


class Owners:
    """The GPU processes of one host."""

    def __init__(self, decide: Decide, proc: Path = Path("/proc")) -> None:
        self._decide = decide
        self._proc = proc
        self._known: dict[int, Owner] = {}
        self._looks = 0
        self._foreign = is_foreign(proc)
        self._said = False

    def whose(self, held: Held) -> str | None:
        """The consumer a process belongs to; None: a server that works for the others there."""
        owner, looks = self._known.get(held.pid), self._looks
        if owner is None or looks - owner.seen_at > 1 or looks - owner.asked_at >= ASK_AGAIN:
            owner = self._ask(held, owner)  # a pid that was away may be another process's now
        owner.seen_at = looks
        return owner.consumer

    def forget(self) -> None:
        """A look is over: processes that were not asked for in some looks are gone."""
        self._looks += 1
        oldest = self._looks - KEPT
        gone = [pid for pid, owner in self._known.items() if owner.seen_at < oldest]
        for pid in gone:
            del self._known[pid]

    def _ask(self, held: Held, before: Owner | None) -> Owner:
        stat = None if self._foreign else read_stat(self._proc, held.pid)
        if stat is None:
            owner = before or Owner(codes.UNATTRIBUTED, 0, self._looks, self._looks)
            self._tell_once(hidden=before is not None and not before.started)
        elif before and before.started == stat.started and _settled(before.consumer):
            owner = before
        else:
            owner = Owner(self._consumer(held), stat.started, self._looks, self._looks)
        owner.asked_at = self._looks
        self._known[held.pid] = owner
        return owner

    def _consumer(self, held: Held) -> str | None:
        sia = self._decide(held.pid)
        if sia is not None:
            return sia
        if not held.computes:
            return codes.SYSTEM
        return None if self._serves_mps(held.pid) else codes.UNREGISTERED

    def _serves_mps(self, pid: int) -> bool:
        try:
            return (self._proc / str(pid) / "comm").read_text().strip() == MPS_SERVER
        except OSError:
            return False

    def _tell_once(self, *, hidden: bool) -> None:
        """One that is merely gone is not worth a line; one that is listed and never found is."""
        if not self._said and (self._foreign or hidden):
            self._said = True
            log.warning("nvml: whose the cards' processes are cannot be asked; %s", REMEDY)


def by_group(rules: Rules, proc: Path, controller: str | None = None) -> Decide:
    """By control group: of v2, or of a controller of v1, where it is mounted now."""
    mount = find_mount(controller, proc / "self" / "mountinfo")

    def decide(pid: int) -> str | None:
        path = cgroup_below(mount, pid, proc, controller)
        match = rules.sia_of(path) if path else None
        return match.sia if match else None

    return decide


def decide_by(
    rules: Rules, processes: Processes, proc: Path, controller: str | None = None
) -> Decide:
    """By control group, else by what it descends from."""
    grouped = by_group(rules, proc, controller)
    return lambda pid: grouped(pid) or processes.sia_of(pid)


def _settled(consumer: str | None) -> bool:
    return consumer is None or not consumer.startswith("@")


def is_foreign(proc: Path) -> bool:
    """Whether pids here are not the host's; false where the kernel does not say."""
    try:
        return (proc / "self" / "ns" / "pid").readlink().name != HOST_NAMESPACE
    except OSError:
        return False


def remarks(proc: Path = Path("/proc")) -> Iterable[Remark]:
    """What a person should know of this host's pids."""
    if is_foreign(proc):
        says = "whose they are cannot be asked from this pid namespace"
        yield Remark("processes", f"{says}: cards without a reservation are @unattributed", REMEDY)
