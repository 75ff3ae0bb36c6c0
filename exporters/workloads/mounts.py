"""Where the control groups are mounted, and where a process is in them.

In: `/proc/self/mountinfo` and `/proc/<pid>/cgroup`. Out: mount points, and paths below them. In a
cgroup namespace both files name groups from the namespace's root on, with `..` for what is above
it. Sources: proc(5), cgroups(7), cgroup_namespaces(7).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

MOUNTINFO = Path("/proc/self/mountinfo")
PROC = Path("/proc")
GONE = " (deleted)"
"""What the kernel adds to the name of a removed group that a dying process is still in."""

_GROUP, _POINT = 3, 4
"""The fields of a line of mountinfo, counted from zero."""


class Mount(msgspec.Struct, frozen=True):
    """A mounted tree: its folder, and which group is shown there (`/` but for part of a tree)."""

    point: Path
    group: str


def find_mount(controller: str | None, mountinfo: Path = MOUNTINFO) -> Mount | None:
    """The v2 tree (None), or the v1 tree of a controller such as `cpuacct`; None: not mounted."""
    for fields, kind, options in _mounts(mountinfo):
        wanted = kind == "cgroup2" if controller is None else kind == "cgroup"
        if wanted and (controller is None or controller in options):
            return Mount(Path(_unescaped(fields[_POINT])), _unescaped(fields[_GROUP]))
    return None


def find_root(mountinfo: Path = MOUNTINFO) -> Path | None:
    """Where the cgroup v2 tree is mounted (`/sys/fs/cgroup`, or `unified` below it), or None."""
    mount = find_mount(None, mountinfo)
    return mount.point if mount else None


def cgroup_of(pid: int, proc: Path = PROC, controller: str | None = None) -> str | None:
    """A process's group as a path below the mounted tree (`/` is the root), without reading
    anything else of the process.

    None: there is no such process, no such tree, or the process is outside of what is mounted here.
    """
    return cgroup_below(find_mount(controller, proc / "self" / "mountinfo"), pid, proc, controller)


def cgroup_below(mount: Mount | None, pid: int, proc: Path, controller: str | None) -> str | None:
    """The same, of a tree whose mount was found before."""
    try:
        with open(f"{proc}/{pid}/cgroup", "rb") as file:
            text = file.read()
    except OSError:
        return None
    for line in _lines(text):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" if controller is None else controller in controllers.split(","):
            return below(mount.group, path.removesuffix(GONE)) if mount else None
    return None


def below(shown: str, path: str) -> str | None:
    """`path` as seen below a mount that shows the group `shown`; None where it is outside.

    Both are told from the namespace's root. Where the mount begins above that root, the names
    between the two are not told: only what is not below the namespace's root can be said.
    """
    above, inside = _parts(shown), _parts(path)
    if inside[: len(above)] != above or inside[len(above) : len(above) + 1] == [".."]:
        return None
    return "/" + "/".join(inside[len(above) :])


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _mounts(mountinfo: Path) -> Iterator[tuple[list[str], str, list[str]]]:
    """Each mount: the fields before the lone hyphen, the file system, its own options."""
    try:
        text = mountinfo.read_bytes()
    except OSError:
        return
    for line in _lines(text):
        before, _, after = line.partition(" - ")
        kind, _, options = (*after.split(" "), "", "")[:3]
        if len(fields := before.split(" ")) > _POINT:
            yield fields, kind, options.split(",")


def _lines(text: bytes) -> list[str]:
    """What newlines part: any other byte may be in a group's name."""
    return list(filter(None, os.fsdecode(text).split("\n")))


def _unescaped(field: str) -> str:
    """mountinfo writes space, tab, newline and backslash as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
