"""CPU time per SIA where control groups cannot be made: declared processes and their descendants.

In: files `<run_dir>/workloads/<pid>` written by `footprint-agent run`, each holding the SIA and the
process's start time (a pid alone may be another process's tomorrow), and `/proc/<pid>/stat` of that
process and its descendants, in hundredths of a second. Out: nanoseconds per SIA, never falling.
Nothing but times is read: no command line, no environment, no user. Source: proc(5).
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from footprint.codes import is_phased
from footprint.units import NS_PER_S

FOLDER = "workloads"
ASK_AGAIN = 5
"""Looks after which a descendant's group is asked again: it may have been moved."""


class Followed(msgspec.Struct):
    """A declared process: whose it is, when it started, and what its tree has used.

    A child that nobody waits for takes its time with it: `gone_ns` keeps such time once the tree's
    sum has been lower at two looks (at one it may be a child just between living and waited for).
    `grouped`: it is in a group that is some SIA's, and its time is counted there.
    """

    sia: str
    started: int
    grouped: bool = False
    usage_ns: int = 0
    gone_ns: int = 0
    fell: bool = False

    def see(self, tree_ns: int) -> None:
        """Take in what the living tree shows now; usage never falls."""
        missing_ns = self.usage_ns - self.gone_ns - tree_ns
        if missing_ns > 0 and self.fell:
            self.gone_ns += missing_ns
        self.fell = missing_ns > 0 and not self.fell
        self.usage_ns = max(self.usage_ns, tree_ns + self.gone_ns)


class Stat(msgspec.Struct, frozen=True):
    """What is taken from /proc/<pid>/stat: own time, waited-for children's time, start (ticks), and
    the parent's pid."""

    own: int
    children: int
    started: int
    parent: int


def read_stat(proc: Path, pid: int) -> Stat | None:
    """Times of a process in clock ticks, None where it is gone."""
    try:
        descriptor = os.open(f"{proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(descriptor, 4096)  # one line, below 1 KiB
    except OSError:
        return None
    finally:
        os.close(descriptor)
    fields = text.rpartition(b")")[2].split()  # the name before may hold any bytes
    return Stat(
        own=int(fields[11]) + int(fields[12]),
        children=int(fields[13]) + int(fields[14]),
        started=int(fields[19]),
        parent=int(fields[1]),
    )


def declare(run_dir: Path, sia: str, pid: int, proc: Path = Path("/proc")) -> None:
    """Say that `pid` and what it starts belong to `sia`. Raises OSError."""
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    stat = read_stat(proc, pid)
    if stat is None:
        raise ProcessLookupError(pid)
    draft = folder / f".{pid}"
    draft.write_text(f"{sia} {stat.started}\n")
    draft.rename(folder / str(pid))


class Processes:
    """The declared processes of one host."""

    def __init__(
        self,
        run_dir: Path,
        proc: Path = Path("/proc"),
        is_grouped: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """`is_grouped`: whether the group that a process is in is some SIA's."""
        self._is_grouped = is_grouped
        self._looks = 0
        self._inside: dict[tuple[int, int], bool] = {}
        """Of each descendant, by pid and start: whether its group is some SIA's, as last asked."""
        self._folder = run_dir / FOLDER
        self._proc = proc
        self._tick_ns = NS_PER_S // os.sysconf("SC_CLK_TCK")
        self._followed: dict[int, Followed] = {}
        self._retired_ns: dict[str, int] = {}

    def read_ns(self) -> dict[str, int]:
        """CPU time per SIA, in nanoseconds: processes that live and processes that went."""
        self.look()
        if self._looks % ASK_AGAIN == 0:
            self._inside = {}
        self._looks += 1
        for pid, followed in list(self._followed.items()):
            stat = read_stat(self._proc, pid)
            if stat is None or stat.started != followed.started:
                self._retire(pid, followed)
            elif not followed.grouped:
                tree = self._descendants(pid) + stat.own + stat.children
                followed.see(tree * self._tick_ns)
        totals = dict(self._retired_ns)
        for followed in self._followed.values():
            if not followed.grouped:
                totals[followed.sia] = totals.get(followed.sia, 0) + followed.usage_ns
        return totals

    def outside(self) -> set[str]:
        """SIA with a process that lives and is in no group of a SIA's."""
        return {one.sia for one in self._followed.values() if not one.grouped}

    def sia_of(self, pid: int) -> str | None:
        """The SIA under which a process, or one that it descends from, was declared."""
        while self._followed and (stat := read_stat(self._proc, pid)) is not None:
            followed = self._followed.get(pid)
            if followed is not None and followed.started == stat.started:
                return followed.sia
            pid = stat.parent
        return None

    def close(self) -> None:
        """Nothing is held."""

    def look(self) -> None:
        """Take in what was declared since; nothing is changed on disk."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            if name.isascii() and name.isdigit() and int(name) not in self._followed:
                self._follow(int(name))

    def _follow(self, pid: int) -> None:
        try:
            sia, started = (self._folder / str(pid)).read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return
        if is_phased(sia) and started.isdigit():
            self._followed[pid] = Followed(sia, int(started), self._is_grouped(pid))

    def _retire(self, pid: int, followed: Followed) -> None:
        if not followed.grouped:
            before_ns = self._retired_ns.get(followed.sia, 0)
            self._retired_ns[followed.sia] = before_ns + followed.usage_ns
        del self._followed[pid]
        with contextlib.suppress(OSError):  # not ours to remove: it is seen and left out again
            (self._folder / str(pid)).unlink()

    def _descendants(self, pid: int) -> int:
        ticks = 0
        for child in self._children(pid):
            stat = read_stat(self._proc, child)
            if stat is not None and not self._counted_in_group(child, stat):
                ticks += stat.own + stat.children + self._descendants(child)
        return ticks

    def _counted_in_group(self, pid: int, stat: Stat) -> bool:
        key = pid, stat.started
        if key not in self._inside:
            self._inside[key] = self._is_grouped(pid)
        return self._inside[key]

    def _children(self, pid: int) -> list[int]:
        children: list[int] = []
        try:
            threads = os.listdir(self._proc / str(pid) / "task")
        except OSError:
            return children
        for thread in threads:
            try:
                text = (self._proc / str(pid) / "task" / thread / "children").read_text()
            except OSError:
                continue  # the thread ended meanwhile
            children.extend(int(child) for child in text.split())
        return children
