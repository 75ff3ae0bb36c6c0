"""CPU shares of real workloads, held against two sources that are no input of the agent.

The witnesses: what each workload says of itself (getrusage), and the v1 tree of cpuacct, which the
agent does not read here. The counter stands still while the three compute and then moves once, so
that entries and witnesses speak of the same interval, however loaded the machine is; they compute
a second and a half in all, because a counter that stands still for ten under load is a gap.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.workloads.mounts import find_mount
from footprint.ledger import Page, verify_chain
from tests.exporters.burning import house
from tests.powercap import WIDTH, make_zone
from tests.running import Agent, ended, page_bodies, wait_until
from tests.tools import CAPABILITY_REASON

STEP_UJ = 345_678_901
WITHIN = 0.01
"""Of each share."""
NOTHING = 0.0005
"""Of the whole: a share may be all but nothing, and the first witness counts microseconds."""

WORK = """
import os, resource, sys, time
def used():
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    found = [resource.getrusage(kind) for kind in kinds]
    return round(sum(usage.ru_utime + usage.ru_stime for usage in found) * 1e9)
def compute(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(2000))
kind, *groups = sys.argv[1:]
time.sleep(0.002)  # what is not booked yet goes to the group that is entered
for group in groups:
    with open(group + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
before = used()
if kind == "forking":
    for _ in range(200):
        child = os.fork()
        if child == 0:
            compute(0.004)
            os._exit(0)
        os.waitpid(child, 0)
elif kind == "short":
    compute(0.3)
print(before, flush=True)
sys.stdin.read()
"""


class Work:
    """A workload in a group of each tree."""

    def __init__(self, kind: str, groups: list[Path]) -> None:
        command = [sys.executable, "-I", "-S", "-c", WORK, kind, *map(str, groups)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def ends(self) -> int:
        """Wait until it has computed, and let it end; what it used to its end, its children
        included, by getrusage's account (ns)."""
        assert self._process.stdin
        assert self._process.stdout
        before_ns = int(self._process.stdout.readline())
        self._process.stdin.close()
        self._process.stdout.close()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = status
        assert status == 0
        return round((usage.ru_utime + usage.ru_stime) * 1e9) - before_ns


@contextlib.contextmanager
def witness(name: str) -> Iterator[Path]:
    """A group of our own in the v1 tree of cpuacct: without a second witness there is no test."""
    mount = find_mount("cpuacct")
    if mount is None or not os.access(mount.point, os.W_OK):
        pytest.skip(f"{CAPABILITY_REASON}the v1 tree of cpuacct is mounted and can be written")
    group = mount.point / name
    group.mkdir()
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def places(own: Path, v1: Path, sia: str, number: int) -> list[Path]:
    """The groups of one workload: `<SIA>/<number>` in ours, `<SIA>` in the witness's."""
    found = [own / sia / str(number), v1 / sia]
    for group in found:
        group.mkdir(parents=True, exist_ok=True)
    return found


def computed(own: Path, v1: Path) -> dict[str, int]:
    """All three at work: what each used by its own account."""
    idle = Work("idle", places(own, v1, "idle", 1))
    forking = Work("forking", places(own, v1, "forking", 1))
    used_ns = {"short": 0}
    for number in (1, 2):
        group = places(own, v1, "short", number)
        used_ns["short"] += Work("short", group).ends()
        group[0].rmdir()  # its usage is then in the group above, which is the SIA's
    used_ns["forking"] = forking.ends()
    used_ns["idle"] = idle.ends()
    return used_ns


def shares(amounts: dict[str, int]) -> dict[str, float]:
    """Each one's part of the sum."""
    return {sia: amount / sum(amounts.values()) for sia, amount in amounts.items()}


def energies(pages: list[Page]) -> dict[str, int]:
    """Energy by consumer, in microjoules."""
    found: dict[str, int] = {}
    for entry in (entry for page in pages for entry in page.entries):
        found[entry.consumer] = found.get(entry.consumer, 0) + entry.energy_uj
    return found


def test_shares_agree_with_two_witnesses_and_add_up_to_the_meter(tmp_path: Path) -> None:
    """One forking heavily, one short-lived, one idle: within one hundredth of what they say of
    themselves and of what cpuacct counted; all entries together are the counter's step."""
    energy = make_zone(
        tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=10**12, limit_uw=100_000_000
    )
    with house() as own, witness(own.name) as v1:
        options = ("--powercap-root", str(tmp_path / "powercap"))
        agent = Agent(tmp_path, *options, group=own.name)
        with ended(agent):
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            used_ns = computed(own, v1)
            time.sleep(1.2)  # a tick that sees all of it
            energy.write_text(f"{STEP_UJ:0{WIDTH}d}\n")
            wait_until(lambda: joules(agent) > 0, "the counter's step to be booked")
            assert agent.terminate() == 0
        counted_ns = {sia: int((v1 / sia / "cpuacct.usage").read_text()) for sia in used_ns}
    found = energies(list(verify_chain(page_bodies(agent.spool))))
    assert sum(found.values()) == STEP_UJ
    assert found.keys() <= {*used_ns, "@system", "@agent", "@unattributed"}
    ours = shares({sia: found.get(sia, 0) for sia in used_ns})
    for true in (shares(used_ns), shares(counted_ns)):
        for sia, share in true.items():
            assert abs(ours[sia] - share) <= WITHIN * share + NOTHING, (ours, true)


def joules(agent: Agent) -> float:
    """All energy on /metrics."""
    return sum(
        value
        for name, value in agent.metrics().items()
        if name.startswith("footprint_energy_joules_total")
    )
