"""Full disks, of an agent and of a service: a small file system that something else fills.

Seen failing: an agent that forgets the pages which the disk refused ends below its counter; a
service that took a full disk for a defect answered 500.
"""

import contextlib
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults import sums
from tests.faults.fleets import UNTIL_ENOUGH, Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import check_same, ending, metering, until_held
from tests.running import Agent, Process, Service, wait_until
from tests.tools import CAPABILITY_REASON, require_tool

FULL_SECONDS = 3
REFUSALS = "footprint_agent_spool_refusals_total"
LOAD = ("--hosts", "2", *UNTIL_ENOUGH, "--in-seconds", "0.2", "--faults", "all=0.02")
SAID = "make room on its disk"
IN_MEMORY = "footprint_agent_pages_in_memory"


@contextlib.contextmanager
def small(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of so many MiB, mounted there."""
    mount, umount = require_tool("mount"), require_tool("umount")
    folder.mkdir(parents=True)
    command = [mount, "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"{CAPABILITY_REASON}a file system can be mounted")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


class Filler:
    """A file that takes every byte that is left."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "filler"

    def fill(self) -> None:
        """Leave nothing."""
        with self._path.open("ab", buffering=0) as file:
            for size in (65536, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def free(self) -> None:
        """Give it back."""
        self._path.unlink()


def agent(ground: Ground) -> str:
    """The spool's disk is full for some seconds, again and again; the agent is killed in one."""
    processes: list[Process] = []
    with (
        ending(processes),
        metering(ground.folder) as meter,
        small(meter.state, 4) as disk,
    ):
        service = Service(ground.sub("service"))
        processes.append(service)
        present = meter.start(service.url)
        processes.append(present)
        meter.counter.go()
        until_held(service.database, 1)
        refusals = 0.0
        for number in range(ground.times):
            filler = Filler(disk)
            filler.fill()
            before = present.metrics()[REFUSALS]
            _wait_for(present, REFUSALS, before + 1)
            filler.fill()
            time.sleep(FULL_SECONDS * ground.chance.random())
            refusals += present.metrics()[REFUSALS] - before
            if number % 3 == 1:
                present.kill()
                filler.free()
                present = meter.start(service.url)
                processes.append(present)
            else:
                filler.free()
            wait_until(partial(_is, present, IN_MEMORY, 0), "room for what waited")
        true_uj = meter.end(present)
        check_same(present, service.database, true_uj, delivered_went=True)
    return f"{refusals:.0f} commits refused: service == spool == counter: {uj(true_uj)}, no gap"


def _wait_for(agent: Agent, name: str, least: float) -> None:
    wait_until(lambda: agent.metrics()[name] >= least, f"{name} of {least}")


def _is(agent: Agent, name: str, value: float) -> bool:
    return agent.metrics()[name] == value


def service(ground: Ground) -> str:
    """The database's disk is full for some seconds while a fleet sends."""
    processes: list[Process] = []
    with ending(processes), small(ground.folder / "disk", 12) as disk:
        place = disk / "footprint.db"
        present = Service(ground.sub("service"), place=str(place))
        processes.append(present)
        troubles: Counter[str] = Counter()
        agreed_uj = 0
        for _ in range(ground.times):
            load = Load(ground.folder, present.url, ground.chance.randrange(10**6), *LOAD)
            try:
                _fill_until_said(disk, present)
                load.enough()
                agreed_uj += load.agreed_uj()
            finally:
                load.end()
            troubles += Counter(load.troubles())
        assert "Traceback" not in present.output(), present.output()[-3000:]
        assert set(troubles) == {"503"}, troubles
        sums.check(place)
        assert sums.total_uj(place) == agreed_uj
    return f"answered {dict(troubles)}, fleet == service: {uj(agreed_uj)}, fsck clean"


def _fill_until_said(disk: Path, present: Service) -> None:
    """Leave no room until the service says so, which it does for a page that it cannot take."""
    filler, said = Filler(disk), present.output().count(SAID)
    until = time.monotonic() + 60
    while present.output().count(SAID) == said:
        filler.fill()
        assert time.monotonic() < until, "the full disk did not reach the service"
        time.sleep(0.1)
    filler.free()
