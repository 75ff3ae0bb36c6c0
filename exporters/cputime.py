"""CPU time of the whole host since boot, in nanoseconds, stolen time left out.

In: the v2 root group's `cpu.stat` where this is the real root (microseconds; a real root has no
`cgroup.type`) and the kernel shows it (from 5.8 on), else `/proc/stat` (hundredths of a second).
Stolen time is work of other guests and no energy of this one's. Sources: Linux,
admin-guide/cgroup-v2.rst; proc(5).
"""

import os
from pathlib import Path

from footprint.units import NS_PER_S

NS_PER_US = 1000


class HostCpu:
    """Reads the host's total through one descriptor kept open."""

    def __init__(self, cgroup_root: Path | None, proc: Path = Path("/proc")) -> None:
        path = proc / "stat"
        self._group = False
        if cgroup_root is not None and not (cgroup_root / "cgroup.type").exists():
            v1 = (cgroup_root / "cpuacct.usage").exists()  # its cpu.stat tells of throttling
            self._group = not v1 and (cgroup_root / "cpu.stat").exists()
            path = cgroup_root / "cpu.stat" if self._group else path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._tick_ns = NS_PER_S // os.sysconf("SC_CLK_TCK")

    def read_ns(self) -> int:
        """User and system time of all CPUs since boot. Raises OSError, ValueError."""
        text = os.pread(self._descriptor, 4096, 0)
        if self._group:
            return (stat_value(text, b"user_usec") + stat_value(text, b"system_usec")) * NS_PER_US
        # cpu user nice system idle iowait irq softirq steal ...
        fields = text.split(b"\n", 1)[0].split()
        if len(fields) < 8:
            raise ValueError("the first line of /proc/stat is not that of all processors")
        busy = (1, 2, 3, 6, 7)
        return sum(int(fields[index]) for index in busy) * self._tick_ns

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def stat_value(text: bytes, key: bytes) -> int:
    """The number after `key` in a flat-keyed file such as `cpu.stat`. Raises ValueError."""
    for line in text.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == key:
            return int(value)
    raise ValueError(f"cpu.stat has no {key.decode()}")
