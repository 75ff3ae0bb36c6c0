"""Who runs on one package only: cpusets as files show them, and of this machine's own kernel."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.cputime import PackageCpu
from exporters.settings import Workload
from exporters.surroundings import Surroundings
from exporters.usage import CpuUse
from exporters.weights import CpuTimes
from exporters.workloads.cpusets import ELSEWHERE, LOOKS, Cpus, Cpusets, cpus_of, packages
from exporters.workloads.mounts import find_mount
from exporters.workloads.processes import Processes, declare
from exporters.workloads.rules import Rules
from tests.exporters.burning import Burner, house, near
from tests.tools import CAPABILITY_REASON

TICKS = os.sysconf("SC_CLK_TCK")
TWO = {"package-0": frozenset({0, 1}), "package-1": frozenset({2, 3})}


def topology(folder: Path, *places: tuple[int, int]) -> Path:
    """Package and die of each CPU, as the kernel shows them."""
    for cpu, (package, die) in enumerate(places):
        place = folder / f"cpu{cpu}" / "topology"
        place.mkdir(parents=True)
        (place / "physical_package_id").write_text(f"{package}\n")
        (place / "die_id").write_text(f"{die}\n")
    (folder / "cpufreq").mkdir()
    return folder


def test_packages_are_named_as_rapl_names_them(tmp_path: Path) -> None:
    """By package, or by die where each die has a counter; CPUs without one are elsewhere."""
    root = topology(tmp_path, (0, 0), (1, 0), (0, 0), (1, 1))
    assert packages(root, ["package-0", "package-1"]) == {
        "package-0": {0, 2},
        "package-1": {1, 3},
    }
    dies = ["package-0-die-0", "package-1-die-0", "package-1-die-1"]
    assert packages(root, dies) == dict(zip(dies, ({0, 2}, {1}, {3}), strict=True))
    assert packages(root, ["package-1"]) == {"package-1": {1, 3}, ELSEWHERE: {0, 2}}


@pytest.mark.parametrize("measured", [[], ["package-0", "package-7"], ["socket-0"]])
def test_what_cannot_be_matched_is_not_told_apart(tmp_path: Path, measured: list[str]) -> None:
    """No package is measured, or one that the kernel does not show."""
    assert packages(topology(tmp_path, (0, 0), (1, 0)), measured) == {}


def test_one_package_is_not_told_apart(tmp_path: Path) -> None:
    """There is nothing to divide; nor where the kernel shows nothing at all."""
    assert packages(topology(tmp_path, (0, 0), (0, 0)), ["package-0"]) == {}
    assert packages(tmp_path / "absent", ["package-0"]) == {}


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-2,5\n", {0, 1, 2, 5}), ("7", {7}), ("\n", None), ("all", None), ("0-99999", None)],
)
def test_a_list_of_cpus(text: str, cpus: set[int] | None) -> None:
    """As the kernel writes it; an empty one says nothing."""
    assert cpus_of(text) == cpus


class Tree:
    """A v2 tree of which only the cpusets matter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.set("/", "0-3")

    def set(self, group: str, cpus: str, name: str = "cpuset.cpus.effective") -> None:
        """Write one file of a group."""
        folder = self.root / group.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{cpus}\n")

    def cpusets(self, packages: dict[str, Cpus] = TWO) -> Cpusets:
        """What the agent reads."""
        return Cpusets(self.root, packages, self.root / "no mounts")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Four CPUs, two packages."""
    return Tree(tmp_path / "tree")


def test_a_sia_is_confined_where_all_its_groups_are_in_one_package(tree: Tree) -> None:
    """Both groups of `chat` are on the first; those of `search` are on one each; `map` may run
    anywhere."""
    for group, cpus in {"/a": "0", "/b": "0-1", "/c": "1", "/d": "2", "/e": "1-2"}.items():
        tree.set(group, cpus)
    watched = {"chat": ["/a", "/b"], "search": ["/c", "/d"], "map": ["/e"]}
    assert tree.cpusets().confined(watched) == {"chat": "package-0"}


def test_a_group_without_a_cpuset_has_that_of_the_nearest_above(tree: Tree) -> None:
    """The controller is enabled down to a level; from there on all may use the same."""
    tree.set("/slice", "2-3")
    (tree.root / "slice/unit/deep").mkdir(parents=True)
    watched = {"chat": ["/slice/unit/deep"], "search": ["/elsewhere"]}
    assert tree.cpusets().confined(watched) == {"chat": "package-1"}


def test_cpus_given_to_a_partition_below_still_count(tree: Tree) -> None:
    """The effective cpuset leaves out what a group handed to a partition, whose time it counts."""
    tree.set("/slice", "0-1")
    tree.set("/slice", "2", "cpuset.cpus.exclusive.effective")
    assert tree.cpusets().confined({"chat": ["/slice"]}) == {}


def test_a_cpuset_that_changes_is_seen_within_some_looks(tree: Tree) -> None:
    """At once where groups came or went, which gives another object."""
    tree.set("/a", "0")
    cpusets, watched = tree.cpusets(), {"chat": ["/a"]}
    assert cpusets.confined(watched) == {"chat": "package-0"}
    tree.set("/a", "0-3")
    looks = [dict(cpusets.confined(watched)) for _ in range(LOOKS)]
    assert looks[-1] == {}
    tree.set("/a", "3")
    assert cpusets.confined({"chat": ["/a"]}) == {"chat": "package-1"}


def test_without_a_tree_of_cpusets_nothing_is_told(tmp_path: Path) -> None:
    """A v2 tree whose root has none, on a host without the v1 one."""
    assert not Cpusets(tmp_path, TWO, tmp_path / "no mounts").told


def test_the_busy_time_of_packages_is_their_cpus(tmp_path: Path) -> None:
    """User, nice, system, irq and softirq; idle, waiting and stolen time is no work; a CPU that is
    off has no line."""
    lines = ["cpu  9 9 9 9 9 9 9 9 9 9"]
    lines += [f"cpu{n} {n} 10 100 999 999 1000 10000 999 0 0" for n in (0, 2, 3)]
    (tmp_path / "stat").write_text("\n".join([*lines, "intr 1 2 3", "cpu1 7 7 7 7 7 7 7 7", ""]))
    tick_ns = 10**9 // TICKS
    assert PackageCpu(TWO, tmp_path).read_ns() == {
        "package-0": 11_110 * tick_ns,
        "package-1": 22_225 * tick_ns,
    }


@contextlib.contextmanager
def cpuset(path: str, cpu: int) -> Iterator[Path]:
    """A real group of the v1 cpuset tree, for one CPU."""
    mount = find_mount("cpuset")
    if mount is None or not os.access(mount.point, os.W_OK):
        pytest.skip(f"{CAPABILITY_REASON}the v1 tree of cpuset is mounted and can be written")
    group = mount.point / path.strip("/")
    group.mkdir(parents=True)
    made = [group, *(above for above in group.parents if mount.point in above.parents)]
    try:
        for folder in reversed(made):
            (folder / "cpuset.mems").write_text("0")
            (folder / "cpuset.cpus").write_text("0-1" if folder != group else str(cpu))
        yield group
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # another SIA's is still below
                folder.rmdir()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two CPUs are needed")
def test_two_sia_on_a_cpu_each_are_told_apart(tmp_path: Path) -> None:
    """This machine's kernel, told that its CPUs are two packages: each SIA's own getrusage is on
    its package within one hundredth and nothing of it on the other; a third that may run
    anywhere is on both together."""
    around = Surroundings(cpus=topology(tmp_path / "cpu", (0, 0), (1, 0)))
    with house() as own, contextlib.ExitStack() as made:
        name = f"/{own.name}"
        for sia, cpu in (("chat", 0), ("search", 1)):
            made.enter_context(cpuset(f"{name}/{sia}", cpu))
        rules = Rules([Workload(f"{own.name}/{sia}", sia) for sia in ("chat", "search", "map")], "")
        for sia in ("chat", "search", "map"):
            (own / sia).mkdir()
        processes = Processes(tmp_path / "run")
        use = CpuUse(own.parent, rules, processes, around)
        use.tell_apart(["package-0", "package-1"])
        times = CpuTimes()
        first = use.read()
        assert first.confined is not None
        assert first.confined.package == {"chat": "package-0", "search": "package-1"}
        times.advance(first)
        mark = times.mark()
        mount = find_mount("cpuset")
        assert mount is not None
        burners = {}
        for sia, seconds in (("chat", 0.5), ("search", 0.3), ("map", 0.4)):
            place = mount.point / own.name / sia
            burners[sia] = Burner(own / sia, seconds, place if sia != "map" else None)
        times.advance(use.read())
        here, there = (times.since(mark, name) for name in ("package-0", "package-1"))
        assert near(here["chat"], burners["chat"].used_ns)
        assert near(there["search"], burners["search"].used_ns)
        assert "chat" not in there
        assert "search" not in here
        assert near(here["map"] + there["map"], burners["map"].used_ns)
        declare(tmp_path / "run", "chat", burners["chat"].pid)
        after = use.read().confined
        assert after is not None
        assert after.package == {"search": "package-1"}  # `chat` is also where nobody can say
        for burner in burners.values():
            burner.end()
        gone = use.read().confined
        assert gone is not None
        assert gone.package == {"chat": "package-0", "search": "package-1"}
        use.close()
