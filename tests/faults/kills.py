"""kill -9 of the agent and of the service, at random calls that they make.

The library of preload.c ends the program before or after its n-th read of the counter, write,
sync, send or receive, so that the moments between reading, committing, sending and being
acknowledged are all met; then it is started again. Seen failing: without the `BEGIN IMMEDIATE` of
`exporters.ledger_file` a page and the checkpoint after it are no longer one, and after 16 kills the
next page begins before the last one ended.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.faults import preload, sums
from tests.faults.checks import fsck
from tests.faults.fleets import UNTIL_ENOUGH, Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import Meter, check_same, ending, metering, until_held
from tests.postgres import running
from tests.running import Agent, Process, Service

AGENT_MOMENTS = {
    "counter": 8,
    "pwrite64": 80,
    "fdatasync": 16,
    "rename": 4,
    "send": 12,
    "receive": 8,
}
"""Kinds of calls, and in how many of their first moments an agent dies: some three seconds' worth.
A write in a transaction, the sync that commits it, a page's noted end, a request, its answer."""
SERVICE_MOMENTS = {"pwrite64": 80, "fdatasync": 12, "send": 10, "receive": 10}
POSTGRESQL_MOMENTS = {"send": 80}
"""Requests to its database's server, most of them, and answers."""
LIFE_SECONDS = 15


def agent(ground: Ground) -> str:
    """Agents that die at a random call, one after the other, and one that ends well."""
    library = preload.build(ground.folder)
    log = ground.folder / "calls"
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        service = Service(ground.sub("service"))
        processes.append(service)
        first = meter.start(service.url)
        processes.append(first)
        meter.counter.go()
        until_held(service.database, 1)  # from its first checkpoint on nothing may be missing
        first.kill()
        for _ in range(ground.times):
            _one_life(meter, service.url, _fatal(ground, library, log, meter))
        last = meter.start(service.url)
        processes.append(last)
        true_uj = meter.end(last)
        check_same(last, service.database, true_uj)
    died = _deaths(log)
    assert died.total() >= ground.times * 3 // 4, died
    return f"{_told(died)}: service == spool == counter: {uj(true_uj)}, no gap"


def _fatal(ground: Ground, library: Path, log: Path, meter: Meter) -> dict[str, str]:
    watched = preload.watching(library, log, meter.state)
    return preload.ending(watched, *_moment(ground, AGENT_MOMENTS), meter.root)


def _moment(ground: Ground, moments: Mapping[str, int]) -> tuple[str, int]:
    of = ground.chance.choice(list(moments))
    return of, ground.chance.randrange(moments[of])


def _one_life(meter: Meter, url: str, environment: dict[str, str]) -> None:
    """An agent until its end, which may come before it listens."""
    with contextlib.suppress(AssertionError):  # it may die before it listens
        agent = Agent(meter.folder, *meter.arguments(url), environment=environment)
        try:
            deadline = time.monotonic() + LIFE_SECONDS
            while agent.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            agent.end()


def _deaths(log: Path) -> Counter[str]:
    return Counter(op.path for op in preload.read(log) if op.kind == "K")


def _told(died: Counter[str]) -> str:
    return "killed at " + ", ".join(f"{name} {count}" for name, count in sorted(died.items()))


def service(ground: Ground) -> str:
    """A service on SQLite that dies at a random call while a fleet sends, again and again."""
    library = preload.build(ground.folder)
    log, folder = ground.folder / "calls", ground.sub("service")
    watched = preload.watching(library, log, folder)
    lives = _Lives(folder, None, watched)
    with ending(lives.processes):
        agreed_uj = lives.under_load(ground, SERVICE_MOMENTS)
        sums.check(folder / "footprint.db")
    assert sums.total_uj(folder / "footprint.db") == agreed_uj
    died = _deaths(log)
    assert died.total() >= ground.times // 2, died
    return f"{_told(died)}: fleet == service: {uj(agreed_uj)}, fsck clean"


def service_on_postgresql(ground: Ground) -> str:
    """The same on PostgreSQL: its server goes on, transactions of the dead are undone."""
    library = preload.build(ground.folder)
    log, folder = ground.folder / "calls", ground.sub("service")
    with running("fsync=off") as postgres:
        place = postgres.new()
        lives = _Lives(folder, place, preload.watching(library, log, folder))
        with ending(lives.processes):
            agreed_uj = lives.under_load(ground, POSTGRESQL_MOMENTS)
            fsck(place)
    died = _deaths(log)
    assert died.total() >= ground.times // 2, died
    return f"{_told(died)}: fleet == service: {uj(agreed_uj)}, fsck clean"


class _Lives:
    """Services one after the other, on one address and one database."""

    def __init__(self, folder: Path, place: str | None, watched: dict[str, str]) -> None:
        self.processes: list[Process] = []
        self._folder, self._place, self._watched = folder, place, watched
        self._listen = "127.0.0.1:0"

    def _start(self, environment: dict[str, str]) -> Service:
        service = Service(
            self._folder, listen=self._listen, place=self._place, environment=environment
        )
        self.processes.append(service)
        self._listen = service.address
        return service

    def under_load(self, ground: Ground, moments: Mapping[str, int]) -> int:
        """Die `times` times while a fleet sends; the total on which the fleet and the last one
        agree."""
        present = self._start({})
        words = ("--hosts", "3", "--batch-pages", "4", "--connections", "3", "--in-seconds", "0.2")
        pages = (*UNTIL_ENOUGH, "--faults", "all=0.02")
        load = Load(ground.folder, present.url, ground.chance.randrange(10**6), *words, *pages)
        try:
            load.wait_until_it_sends(present)
            present.kill()
            for _ in range(ground.times):
                self._die(preload.ending(self._watched, *_moment(ground, moments)))
            self._start({})
            load.enough()
            return load.agreed_uj()
        finally:
            load.end()

    def _die(self, environment: dict[str, str]) -> None:
        with contextlib.suppress(AssertionError):
            present = self._start(environment)
            deadline = time.monotonic() + LIFE_SECONDS
            while present.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            present.kill()
