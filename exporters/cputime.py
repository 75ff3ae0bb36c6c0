"""CPU time of the whole host and of each package since boot, in nanoseconds, without stolen time.

In: the v2 root group's `cpu.stat` where this is the real root (microseconds; a real root has no
`cgroup.type`) and the kernel shows it (from 5.8 on), else `/proc/stat` (hundredths of a second),
which alone tells CPUs apart.
Stolen time is work of other guests and no energy of this one's. Sources: Linux,
admin-guide/cgroup-v2.rst; proc(5).
"""

import os
from collections.abc import Collection, Mapping
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
        return _busy(text.split(b"\n", 1)[0]) * self._tick_ns

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class PackageCpu:
    """Reads how long the CPUs of each package were busy."""

    def __init__(self, packages: Mapping[str, Collection[int]], proc: Path = Path("/proc")) -> None:
        """`packages`: CPU numbers by package."""
        self._names = {
            f"cpu{number}".encode(): name for name, cpus in packages.items() for number in cpus
        }
        self._path = proc / "stat"
        self._tick_ns = NS_PER_S // os.sysconf("SC_CLK_TCK")

    def read_ns(self) -> dict[str, int]:
        """By package; a CPU that is off adds what it had when it is back. Raises OSError,
        ValueError."""
        busy = dict.fromkeys(self._names.values(), 0)
        for line in self._path.read_bytes().split(b"\n"):
            if not line.startswith(b"cpu"):
                break
            name = self._names.get(line.partition(b" ")[0])
            if name is not None:
                busy[name] += _busy(line) * self._tick_ns
        return busy


def _busy(line: bytes) -> int:
    """Clock ticks of a line of /proc/stat: cpu user nice system idle iowait irq softirq steal..."""
    fields = line.split()
    if len(fields) < 8:
        raise ValueError("/proc/stat: a line of processors has fewer than eight fields")
    return sum(int(fields[index]) for index in (1, 2, 3, 6, 7))


def stat_value(text: bytes, key: bytes) -> int:
    """The number after `key` in a flat-keyed file such as `cpu.stat`. Raises ValueError."""
    name = b"\n%b " % key
    _, found, after = (b"\n" + text).partition(name)
    if not found:
        raise ValueError(f"cpu.stat has no {key.decode()}")
    return int(after.partition(b"\n")[0])
