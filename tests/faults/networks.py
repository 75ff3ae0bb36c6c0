"""Networks that lose, double, delay and reorder a third of what is sent, or that part.

Seen failing: an agent that takes one page more for delivered than the service says never gets its
backlog through.
"""

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults import sums
from tests.faults.fleets import Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import check_same, ending, metering, until_held, waiting
from tests.faults.proxy import Proxy, lossy
from tests.running import Agent, Process, Service, service_pages, wait_until
from tests.tools import require_namespaces, require_tool

RATE = 0.3
TOKEN = "a-token-for-what-is-on-this-network"
SERVICE_ADDRESS, AGENT_ADDRESS = "10.99.0.1", "10.99.0.2"
PART_SECONDS = 4


def agent_through_a_lossy_proxy(ground: Ground) -> str:
    """An agent whose every request may be lost, answered in vain, doubled, held back."""
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        service = Service(ground.sub("service"))
        processes.append(service)
        with lossy(service.url, ground.chance, RATE) as proxy:
            agent = meter.start(proxy.url)
            processes.append(agent)
            meter.counter.go()
            wait_until(lambda: _troubles(proxy) >= ground.times, "troubles", 60 + 20 * ground.times)
            proxy.clear = True
            true_uj = meter.end(agent)
            again = meter.start(proxy.url)
            processes.append(again)
            wait_until(lambda: waiting(again) == 0, "the backlog", 90)
            assert again.terminate() == 0
        check_same(again, service.database, true_uj)
    return f"{_seen(proxy)}: service == spool == counter: {uj(true_uj)}"


def fleet_through_a_lossy_proxy(ground: Ground) -> str:
    """A fleet with faults of its own besides."""
    processes: list[Process] = []
    with ending(processes):
        service = Service(ground.sub("service"))
        processes.append(service)
        # What it holds against its books it asks once.
        with lossy(service.url, ground.chance, RATE, (b"POST ",)) as proxy:
            pages = str(max(8, ground.times))
            words = ("--hosts", "8", "--pages", pages, "--batch-pages", "2", "--faults", "all=0.05")
            load = Load(ground.folder, proxy.url, ground.chance.randrange(10**6), *words)
            try:
                agreed_uj = load.agreed_uj()
            finally:
                load.end()
        assert _troubles(proxy) >= ground.times // 2, proxy.seen
        sums.check(service.database)
        assert sums.total_uj(service.database) == agreed_uj
    return f"{_seen(proxy)}: fleet == service: {uj(agreed_uj)}, fsck clean"


def _troubles(proxy: Proxy) -> int:
    return proxy.seen.total() - proxy.seen["requests"]


def _seen(proxy: Proxy) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(proxy.seen.items()))


def partition(ground: Ground) -> str:
    """Agent and service in network namespaces of their own; the cable between is cut and mended."""
    require_namespaces("--net")
    processes: list[Process] = []
    with ending(processes), _cable(ground.folder) as cable, metering(ground.folder) as meter:
        token = ground.folder / "token"
        token.write_text(TOKEN, encoding="ascii")
        listen = f"{SERVICE_ADDRESS}:8787"
        service = Service(
            ground.sub("service"), "--token-file", str(token), listen=listen, before=cable.near
        )
        processes.append(service)
        arguments = meter.arguments(f"http://{listen}", "--token-file", str(token))
        agent = Agent(ground.folder, *arguments, before=cable.far)
        processes.append(agent)
        wait_until(lambda: _ticked(agent), "a tick")  # what it shows is in its own network
        meter.counter.go()
        for _ in range(ground.times):
            cable.cut()
            count = len(service_pages(service.database))
            time.sleep(PART_SECONDS)
            assert len(service_pages(service.database)) <= count + 1, "the network was not parted"
            cable.mend()
            until_held(service.database, PART_SECONDS)
        true_uj = meter.end(agent)
        check_same(agent, service.database, true_uj)
    return f"parted for {PART_SECONDS} s each: service == spool == counter: {uj(true_uj)}"


def _ticked(agent: Agent) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{agent.spool}?mode=ro", uri=True)) as spool:
        row = spool.execute("SELECT body FROM checkpoint").fetchone()
    return row is not None and b"baseline" in row[0]


class _Cable:
    """Two network namespaces, and a pair of virtual Ethernet devices between them."""

    def __init__(self, near: int, far: int) -> None:
        self._ip, self._nsenter = require_tool("ip"), require_tool("nsenter")
        self.near, self.far = self._inside(near), self._inside(far)
        self._do(self.near, "link", "add", "near", "type", "veth", "peer", "far", "netns", str(far))
        for inside, name, address in (
            (self.near, "near", SERVICE_ADDRESS),
            (self.far, "far", AGENT_ADDRESS),
        ):
            self._do(inside, "addr", "add", f"{address}/24", "dev", name)
            self._do(inside, "link", "set", name, "up")
            self._do(inside, "link", "set", "lo", "up")

    def _inside(self, pid: int) -> list[str]:
        return [self._nsenter, f"--net=/proc/{pid}/ns/net"]

    def _do(self, inside: list[str], *words: str) -> None:
        subprocess.run([*inside, self._ip, *words], check=True)

    def cut(self) -> None:
        """Nothing arrives."""
        self._do(self.near, "link", "set", "near", "down")

    def mend(self) -> None:
        """Everything does again."""
        self._do(self.near, "link", "set", "near", "up")


@contextlib.contextmanager
def _cable(folder: Path) -> Iterator[_Cable]:
    holders = []
    try:
        for _ in range(2):
            command = [require_tool("unshare"), "--net", "sh", "-c", "echo here; exec sleep 86400"]
            holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder)
            holders.append(holder)
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"here\n"
        yield _Cable(holders[0].pid, holders[1].pid)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()
