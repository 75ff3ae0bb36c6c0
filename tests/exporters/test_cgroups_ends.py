"""Groups that come and go between looks: what they used is found in the group above, whose it is.

Every test runs on the v2 tree and on the v1 tree of cpuacct, with real groups and processes.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.settings import Workload
from exporters.workloads.cgroups import RESCAN_TICKS, Cgroups
from exporters.workloads.engine_files import Declared
from exporters.workloads.labels import LABEL, Labels
from exporters.workloads.rules import Rules
from exporters.workloads.tree import Tree
from footprint.codes import UNATTRIBUTED
from tests.exporters.burning import Burner, burn, house, house_v1, near

CONTAINER = "0123456789abcdef" * 4

SCALE_NS = 1_000
"""v2 counts microseconds: each group that is read may be so much short."""


@pytest.fixture(params=["v2", "cpuacct"])
def own(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A group of the test's own in either tree."""
    with house() if request.param == "v2" else house_v1() as group:
        yield group


def watch(own: Path, *rules: tuple[str, str]) -> Cgroups:
    """Rules for groups below `own`."""
    found = [Workload(f"{own.name}/{pattern}", sia) for pattern, sia in rules]
    return Cgroups(own.parent, Rules(found, "none-of-run"))


def made(group: Path) -> Path:
    """The group, made with its parents."""
    group.mkdir(parents=True)
    return group


def test_what_a_group_used_after_the_last_look_is_unattributed(own: Path) -> None:
    """It is in the parent, which is nobody's; what was read before stays the SIA's."""
    groups = watch(own, ("chat", "chat"))
    first_ns = burn(made(own / "chat"), 0.3)
    before = groups.read_ns()
    assert near(before["chat"], first_ns)
    assert UNATTRIBUTED not in before
    rest_ns = burn(own / "chat", 0.2)
    (own / "chat").rmdir()
    for _ in range(3):
        after = groups.read_ns()
    assert after["chat"] == before["chat"]
    assert near(after[UNATTRIBUTED], rest_ns)
    groups.close()


def test_it_is_the_parents_sia_where_a_rule_gives_one(own: Path) -> None:
    """The inner group's rest is in the outer's usage and is counted there, once."""
    groups = watch(own, ("job", "outer"), ("job/step", "inner"))
    made(own / "job")
    inner_ns = burn(made(own / "job" / "step"), 0.2)
    groups.read_ns()
    rest_ns = burn(own / "job" / "step", 0.2)
    (own / "job" / "step").rmdir()
    for _ in range(3):
        after = groups.read_ns()
    assert near(after["inner"], inner_ns)
    assert near(after["outer"], rest_ns)
    assert UNATTRIBUTED not in after
    groups.close()


def test_a_group_that_no_look_ever_saw_is_unattributed(own: Path) -> None:
    """Made, used and removed between two looks, twice under one name."""
    groups = watch(own, ("chat-*", "chat"))
    groups.read_ns()
    used_ns = 0
    for _ in range(2):
        used_ns += burn(made(own / "chat-1"), 0.15)
        (own / "chat-1").rmdir()
    read = groups.read_ns()
    assert "chat" not in read
    assert near(read[UNATTRIBUTED], used_ns)
    groups.close()


def test_a_parent_that_dies_too_leaves_it_to_the_one_above(own: Path) -> None:
    """A user's folder of jobs goes with its last job."""
    groups = watch(own, ("uid_*/job_*", "chat"))
    made(own / "uid_1" / "job_1")
    groups.read_ns()
    used_ns = burn(own / "uid_1" / "job_1", 0.2)
    (own / "uid_1" / "job_1").rmdir()
    (own / "uid_1").rmdir()
    for _ in range(3):
        read = groups.read_ns()
    assert read["chat"] == 0
    assert near(read[UNATTRIBUTED], used_ns)
    groups.close()


def test_what_nobody_declared_is_not_unattributed(own: Path) -> None:
    """A sibling that lives, and processes in the parent itself: they are the system's."""
    groups = watch(own, ("chat", "chat"))
    made(own / "chat")
    sibling = made(own / "cron")
    burn(sibling, 0.1)
    groups.read_ns()
    burn(sibling, 0.1)
    parent = Burner(own, 0.1)
    late = made(own / "late")
    burn(late, 0.1)
    for _ in range(RESCAN_TICKS + 1):
        read = groups.read_ns()
    parent.end()
    assert read == {"chat": 0}
    groups.close()


def test_what_was_there_before_the_agent_is_nobodys_end(own: Path) -> None:
    """A parent that is found late, with a history of ended and of living groups."""
    burn(made(own / "a" / "ended"), 0.2)
    (own / "a" / "ended").rmdir()
    burn(made(own / "a" / "sibling"), 0.1)
    groups = watch(own, ("a/chat", "chat"))
    groups.read_ns()
    used_ns = burn(made(own / "a" / "chat"), 0.2)
    for _ in range(RESCAN_TICKS):
        read = groups.read_ns()
    assert read.keys() == {"chat"}
    assert near(read["chat"], used_ns)
    groups.close()


def test_a_new_group_below_a_known_parent_is_found_at_the_next_look(own: Path) -> None:
    """No wait for the search of the whole tree, and nothing of it is lost."""
    groups = watch(own, ("chat-*", "chat"))
    made(own / "chat-1")
    groups.read_ns()
    used_ns = burn(made(own / "chat-2"), 0.2)
    assert near(groups.read_ns()["chat"], used_ns)
    groups.close()


def test_whatever_comes_and_goes_adds_up(own: Path) -> None:
    """Declared groups used and removed in any order beside one that nobody declared: what the SIA
    have, what ended and that one are what the kernel counted for the parent, to its rounding."""
    groups = watch(own, ("chat-*", "chat"), ("vision-*", "vision"))
    made(own / "chat-0")
    other = made(own / "other")
    groups.read_ns()
    chance = random.Random(2027)
    for _ in range(60):
        group = own / chance.choice(["chat-1", "chat-2", "vision-1", "other"])
        if chance.random() < 0.6 or group == other:
            group.mkdir(exist_ok=True)
            burn(group, 0.01)
        elif group.exists():
            group.rmdir()
        if chance.random() < 0.5:
            groups.read_ns()
    for _ in range(3):
        read = groups.read_ns()
    whole_ns = used_ns(own) - used_ns(other)
    assert abs(whole_ns - sum(read.values())) <= 100 * SCALE_NS
    assert read[UNATTRIBUTED] > 0
    groups.close()


def used_ns(group: Path) -> int:
    """The kernel's count of a group."""
    tree = Tree(group)
    descriptor = tree.open("/")
    try:
        return tree.used_ns(descriptor)
    finally:
        os.close(descriptor)


def test_groups_nested_by_the_thousand_do_not_stop_a_tick(own: Path) -> None:
    """Who was given a part of the tree may do that; what a rule can name is looked through."""
    groups = watch(own, ("a/a", "chat"))
    depth = 1_200
    descriptors = [os.open(own, os.O_RDONLY)]
    for _ in range(depth):
        os.mkdir("a", dir_fd=descriptors[-1])
        inner = os.open("a", os.O_RDONLY, dir_fd=descriptors[-1])
        os.close(descriptors.pop())
        descriptors.append(inner)
    os.close(descriptors.pop())
    assert groups.read_ns() == {"chat": 0}
    groups.close()
    for length in range(depth, 0, -1):
        (own / "/".join("a" * length)).rmdir()


@pytest.mark.parametrize("inner", ["tools/search", "*/search-*"])
def test_groups_between_two_sia_are_the_outer_ones(own: Path, inner: str) -> None:
    """A rule that names something deeper, there or not, takes nothing from the SIA above: what
    runs and what ends in between is the outer one's, and nobody's time is counted twice."""
    groups = watch(own, ("chat", "chat"), (f"chat/{inner}", "search"))
    tools = made(own / "chat" / "tools")
    groups.read_ns()
    between_ns = burn(tools, 0.2)
    assert near(groups.read_ns()["chat"], between_ns)
    deep = made(tools / ("search" if "/search" in inner and "*" not in inner else "search-1"))
    for _ in range(RESCAN_TICKS):
        groups.read_ns()
    deep_ns = burn(deep, 0.2)
    ended_ns = burn(made(tools / "brief"), 0.15)
    (tools / "brief").rmdir()
    for _ in range(RESCAN_TICKS):
        read = groups.read_ns()
    assert read.keys() == {"chat", "search"}
    assert near(read["chat"], between_ns + ended_ns)
    assert near(read["search"], deep_ns)
    groups.close()


def test_a_container_known_late_takes_over_the_groups_below(own: Path, tmp_path: Path) -> None:
    """Its declaration comes after the groups in it were seen: what they used until then stays
    where it was; what they use from then on, and what ends there, is the SIA's."""
    declared = tmp_path / "declared"
    declared.mkdir(mode=0o755)
    inside = Workload(f"{own.name}/{CONTAINER}/*/named", "search")
    labels = Labels([Declared(declared, frozenset([LABEL]))])
    groups = Cgroups(own.parent, Rules([inside], "none-of-run", labels))
    part = made(own / CONTAINER / "part")
    groups.read_ns()
    burn(part, 0.2)
    before = groups.read_ns()
    (declared / f"container-{CONTAINER}").write_text("sia=chat\n")
    for _ in range(RESCAN_TICKS):
        groups.read_ns()
    used_ns = burn(part, 0.2)
    ended_ns = burn(made(part / "brief"), 0.15)
    (part / "brief").rmdir()
    for _ in range(RESCAN_TICKS):
        read = groups.read_ns()
    assert read.pop("chat") == pytest.approx(used_ns + ended_ns, rel=0.01)
    assert read == before
    groups.close()


def test_a_group_renamed_is_counted_once() -> None:
    """The v1 tree allows it, with groups inside: what it used stays the first name's SIA's, the
    rest is the second's, or nobody's."""
    with house_v1() as own:
        groups = watch(own, ("chat-*", "chat"), ("search-*", "search"))
        inner = made(own / "chat-1" / "inner")
        first_ns = burn(own / "chat-1", 0.2) + burn(inner, 0.1)
        groups.read_ns()
        (own / "chat-1").rename(own / "search-1")
        for _ in range(RESCAN_TICKS):
            groups.read_ns()
        second_ns = burn(own / "search-1" / "inner", 0.2)
        groups.read_ns()
        (own / "search-1").rename(own / "nobodys")
        for _ in range(RESCAN_TICKS):
            groups.read_ns()
        burn(own / "nobodys", 0.2)
        for _ in range(RESCAN_TICKS):
            read = groups.read_ns()
        assert near(read.pop("chat"), first_ns)
        assert near(read.pop("search"), second_ns)
        assert not any(read.values())
        groups.close()
