"""What the agent takes from the machine it runs on: its clocks and its /proc.

Injected as a whole, so that the same agent, unmodified, runs on a simulated host whose time is not
ours. Nothing else in the agent reads a clock.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from exporters.clock import boottime_ns


class Surroundings(msgspec.Struct, frozen=True):
    """`wall_ns`: UTC since 1970; `mono_ns`: since boot, suspend included; `own_cpu_ns`: CPU time of
    this process; all in nanoseconds. `proc`: where proc(5) is mounted; `cpus`: where the kernel
    says in which package each CPU is. `push_spread`: the part of a page's length over which the
    pushes of a fleet are spread by chance (a minute of a quarter-hour), in real time; none where
    time is simulated."""

    wall_ns: Callable[[], int] = time.time_ns
    mono_ns: Callable[[], int] = boottime_ns
    own_cpu_ns: Callable[[], int] = time.process_time_ns
    proc: Path = Path("/proc")
    cpus: Path = Path("/sys/devices/system/cpu")
    push_spread: float = 1 / 15

    def boot_id(self) -> str:
        """The kernel's identifier of this boot (random(4))."""
        return (self.proc / "sys/kernel/random/boot_id").read_text().strip()


REAL = Surroundings()
