"""Where the trees are mounted and where a process is in them: recorded files, and this host."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.workloads.mounts import Mount, below, cgroup_of, find_mount, find_root
from tests.exporters.burning import Burner, house
from tests.tools import require_namespaces, require_tool

HYBRID = """\
24 1 0:22 / /proc rw - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw shared:4 - cgroup2 cgroup2 rw,nsdelegate
"""


def process(proc: Path, pid: int, mountinfo: str, cgroup: str) -> None:
    """A /proc with the reader's mountinfo and one process's cgroup file."""
    for name in ("self", str(pid)):
        (proc / name).mkdir(parents=True)
    (proc / "self" / "mountinfo").write_text(mountinfo)
    (proc / str(pid) / "cgroup").write_text(cgroup)


def test_the_tree_is_found_where_the_kernel_says_it_is_mounted(tmp_path: Path) -> None:
    """Hybrid, with an escaped space; v1 by its controller; none of either."""
    file = tmp_path / "mountinfo"
    file.write_text(HYBRID)
    assert find_root(file) == Path("/sys/fs/cgroup/uni fied")
    assert find_mount("cpuacct", file) == Mount(Path("/sys/fs/cgroup/cpu,cpuacct"), "/")
    assert find_mount("memory", file) is None
    assert find_mount(None, tmp_path / "absent") is None


def test_a_process_is_found_in_both_trees_of_a_hybrid_host(tmp_path: Path) -> None:
    """The v2 line has number 0 and no controllers; v1 lines name theirs; a dying group has its
    mark taken off."""
    process(tmp_path, 7, HYBRID, "4:cpu,cpuacct:/docker/ab\n0::/system.slice/a:b (deleted)\n")
    assert cgroup_of(7, tmp_path) == "/system.slice/a:b"
    assert cgroup_of(7, tmp_path, "cpuacct") == "/docker/ab"
    assert cgroup_of(7, tmp_path, "memory") is None
    assert cgroup_of(8, tmp_path) is None


@pytest.mark.parametrize(
    ("shown", "path", "expected"),
    [
        ("/", "/", "/"),
        ("/", "/a/b", "/a/b"),
        ("/", "/../a", None),
        ("/docker/x", "/docker/x", "/"),
        ("/docker/x", "/docker/x/y", "/y"),
        ("/docker/x", "/docker/xy", None),
        ("/..", "/../a", "/a"),
        ("/..", "/a", None),
        ("/..", "/../../a", None),
    ],
)
def test_a_path_is_told_below_what_the_mount_shows(
    shown: str, path: str, expected: str | None
) -> None:
    """Part of a tree mounted, groups outside a namespace, mounts from above it."""
    assert below(shown, path) == expected


@pytest.mark.parametrize("name", ["chat\x1cx", "chat\rx", "chat\u2028x", "chat\x85x", "chat:x"])
def test_a_name_with_odd_bytes_passes_for_no_other_group(name: str) -> None:
    """Whatever text calls the end of a line: only a newline is one, and no name can hold it."""
    with house() as own:
        (own / name).mkdir()
        burner = Burner(own / name, 0.01)
        assert cgroup_of(burner.pid) == f"/{own.name}/{name}"
        burner.end()


def test_real_processes_are_found() -> None:
    """A process in a nested group; itself; a kernel thread in the root."""
    with house() as own:
        inner = own / "a" / "b"
        inner.mkdir(parents=True)
        burner = Burner(inner, 0.01)
        assert cgroup_of(burner.pid) == f"/{own.name}/a/b"
        burner.end()
    assert cgroup_of(os.getpid()) is not None
    assert cgroup_of(2) == "/"


def test_a_process_is_found_from_inside_a_cgroup_namespace() -> None:
    """In a namespace whose root is a group: with the host's mount, which shows more than the
    namespace, names between the two are not guessed; with one of its own, a path is known."""
    code = (
        "import os; from exporters.workloads.mounts import cgroup_of;"
        "print(cgroup_of(os.getpid()), cgroup_of(os.getppid()))"
    )
    program = f"{sys.executable} -c '{code}'"
    for tool in ("mount", "umount"):
        require_tool(tool)
    require_namespaces("--cgroup", "--mount")
    with house() as own:
        (own / "a").mkdir()
        inside = f"{program}; umount {own.parent}; mount -t cgroup2 none {own.parent}; {program}"
        script = f'echo $$ > {own}/a/cgroup.procs; exec unshare --cgroup --mount sh -c "$0"'
        command = ["sh", "-c", script, inside]
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split("\n") == ["None None", "/ /", ""]
