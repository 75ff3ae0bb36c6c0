"""The host's CPU time: from the root group where it is the real one, else from /proc/stat."""

import os
from pathlib import Path

import pytest

from exporters.cputime import HostCpu, stat_value

TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc whose processors worked for 3 s."""
    (tmp_path / "stat").write_text(
        f"cpu  {TICKS} {TICKS // 2} {TICKS} 999 999 {TICKS // 4} {TICKS // 4} 999 999 999\n"
    )
    return tmp_path


def tree(folder: Path, *, stat: bool, nested: bool) -> Path:
    """A cgroup root as a host or as a container sees it."""
    root = folder / "tree"
    root.mkdir()
    if stat:
        (root / "cpu.stat").write_text("usage_usec 99\nuser_usec 5\nsystem_usec 2\n")
    if nested:
        (root / "cgroup.type").write_text("domain\n")
    return root


def test_the_real_root_group_counts_in_microseconds(proc: Path) -> None:
    """User and system time of its cpu.stat."""
    cpu = HostCpu(tree(proc, stat=True, nested=False), proc)
    assert cpu.read_ns() == 7_000
    cpu.close()


def test_elsewhere_the_processors_line_counts_without_idle_and_stolen_time(proc: Path) -> None:
    """In a container the root is not the host's; an old kernel's root has no cpu.stat; or there
    is no tree."""
    roots = [None, tree(proc, stat=True, nested=True)]
    (proc / "other").mkdir()
    roots.append(tree(proc / "other", stat=False, nested=False))
    for root in roots:
        cpu = HostCpu(root, proc)
        assert cpu.read_ns() == 3 * 10**9
        cpu.close()


def test_this_hosts_time_rises_with_its_work() -> None:
    """The real files: one process's tenth of a second is in the host's total."""
    cpu = HostCpu(None)
    before_ns, own_ns = cpu.read_ns(), os.times()
    while (now := os.times()).user + now.system < own_ns.user + own_ns.system + 0.1:
        sum(range(1000))
    assert cpu.read_ns() - before_ns >= 0.08 * 10**9
    cpu.close()


def test_a_flat_file_without_the_key_is_an_error() -> None:
    """Nothing found is not zero."""
    assert stat_value(b"usage_usec 12\nuser_usec 5\n", b"user_usec") == 5
    with pytest.raises(ValueError, match=r"cpu.stat has no usage_usec"):
        stat_value(b"user_usec 5\n", b"usage_usec")
