"""The processors of a simulated host as the kernel shows them: where CPUs are, who may run where.

In: the plan. Out: files as below /sys/devices/system/cpu, cpusets of the control groups, and the
text of /proc/stat. Each SIA runs on one socket; only where it is pinned do its files say so.
"""

from collections.abc import Sequence
from pathlib import Path

from exporters.twin.plan import Plan

CPUS = 16
"""Logical CPUs of a socket."""
TICK_US = 10_000
"""/proc/stat counts hundredths of a second (proc(5))."""
WIDTH = 12


def make(plan: Plan, cpus: Path, cgroups: Path) -> None:
    """Every CPU with its package, and where SIA are pinned the cpuset of each."""
    for cpu in range(plan.sockets * CPUS):
        folder = cpus / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{cpu // CPUS}\n")
        (folder / "die_id").write_text("0\n")
    if plan.pinned:
        _confine(cgroups, 0, plan.sockets * CPUS)
        for sia, name in enumerate(plan.sia):
            _confine(cgroups / "footprint" / name, sia % plan.sockets * CPUS, CPUS)


def _confine(group: Path, first: int, count: int) -> None:
    (group / "cpuset.cpus.effective").write_text(f"{first}-{first + count - 1}\n")


def stat(busy_us: Sequence[int]) -> bytes:
    """/proc/stat; the first CPU of each socket did all its work, in user mode."""
    ticks = [total_us // TICK_US for total_us in busy_us]
    lines = [f"cpu  {_line(sum(ticks))}"]
    lines += [f"cpu{socket * CPUS} {_line(used)}" for socket, used in enumerate(ticks)]
    return "\n".join([*lines, ""]).encode()


def _line(used: int) -> str:
    return f"{used:0{WIDTH}} 0 0 0 0 0 0 0 0 0"
