"""CPU time per SIA from real control groups, held against what the workloads say of themselves."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.settings import Workload
from exporters.workloads.cgroups import RESCAN_TICKS, Cgroups
from exporters.workloads.rules import Rules
from tests.exporters.burning import Burner, burn, house, near


@pytest.fixture
def own() -> Iterator[Path]:
    """The group of workloads under test."""
    with house() as group:
        yield group


def made(group: Path) -> Path:
    """The group, made with its parents."""
    group.mkdir(parents=True)
    return group


def watch(own: Path, *rules: tuple[str, str]) -> Cgroups:
    """The groups below `own`, and rules with patterns below it."""
    found = [Workload(f"{own.name}/{pattern}", sia) for pattern, sia in rules]
    return Cgroups(own.parent, Rules(found, own.name))


def test_each_sia_has_the_time_of_its_own_processes(own: Path) -> None:
    """Two SIA, three processes: their own getrusage within one hundredth, living and ended."""
    groups = watch(own)
    chat, classify = made(own / "chat" / "1"), made(own / "classify" / "2")
    burners = [Burner(chat, 0.4), Burner(classify, 0.3)]
    ended_ns = burn(chat, 0.3)
    for _ in range(2):
        true_ns = {"chat": burners[0].used_ns + ended_ns, "classify": burners[1].used_ns}
        read = groups.read_ns()
        assert read.keys() == true_ns.keys()
        assert all(near(read[sia], true_ns[sia]) for sia in true_ns), (read, true_ns)
        for burner in burners:
            burner.end()
    groups.close()


def test_a_removed_group_keeps_what_it_used_and_its_name_is_opened_again(own: Path) -> None:
    """Usage stays when the SIA's whole group goes; made anew, the name counts on from there."""
    groups = watch(own)
    first_ns = burn(made(own / "chat"), 0.3)
    before = groups.read_ns()["chat"]
    assert near(before, first_ns)
    (own / "chat").rmdir()
    assert groups.read_ns() == {"chat": before}
    second_ns = burn(made(own / "chat"), 0.3)
    assert near(groups.read_ns()["chat"], first_ns + second_ns)
    groups.close()


def test_a_name_made_anew_between_two_looks_counts_on(own: Path) -> None:
    """The old descriptor is dead although the path is there: nothing is lost but one look."""
    groups = watch(own)
    first_ns = burn(made(own / "chat"), 0.3)
    groups.read_ns()
    (own / "chat").rmdir()
    second_ns = burn(made(own / "chat"), 0.3)
    groups.read_ns()
    assert near(groups.read_ns()["chat"], first_ns + second_ns)
    groups.close()


def test_nested_groups_are_counted_once_also_when_the_inner_one_dies(own: Path) -> None:
    """The inner SIA's time is not the outer's, neither while it lives nor when the kernel adds a
    dead group's time to the one above."""
    outer, inner = made(own / "outer"), made(own / "outer" / "inner")
    groups = watch(own, ("outer/inner", "inner"))
    inner_ns = burn(inner, 0.4)
    outer_ns = burn(outer, 0.3)
    for _ in range(2):
        read = groups.read_ns()
        assert near(read["inner"], inner_ns)
        assert near(read["outer"], outer_ns)
        if inner.exists():
            inner.rmdir()
    outer_ns += burn(outer, 0.3)
    read = groups.read_ns()
    assert near(read["inner"], inner_ns)
    assert near(read["outer"], outer_ns)
    groups.close()


def test_both_levels_dying_at_once_keep_their_own(own: Path) -> None:
    """Outer and inner removed between two looks: each keeps what was its own."""
    outer, inner = made(own / "outer"), made(own / "outer" / "inner")
    groups = watch(own, ("outer/inner", "inner"))
    burn(inner, 0.2)
    burn(outer, 0.1)
    before = groups.read_ns()
    inner.rmdir()
    outer.rmdir()
    assert groups.read_ns() == before
    groups.close()


def test_a_group_found_late_below_a_watched_one_is_not_counted_twice(own: Path) -> None:
    """What was counted above until a rule found the inner group stays there: it came as another
    went, and the number of groups shows no difference."""
    outer = made(own / "outer")
    other = made(outer / "other")
    groups = watch(own, ("outer/inner", "inner"))
    groups.read_ns()
    other.rmdir()
    inner = made(outer / "inner")
    early_ns = burn(inner, 0.3)
    assert near(groups.read_ns()["outer"], early_ns)
    for _ in range(RESCAN_TICKS):
        read = groups.read_ns()
    assert near(read["outer"], early_ns)
    assert read["inner"] < early_ns // 100
    late_ns = burn(inner, 0.3)
    read = groups.read_ns()
    assert near(read["outer"], early_ns)
    assert near(read["inner"], late_ns)
    inner.rmdir()
    assert groups.read_ns() == read
    groups.close()


@pytest.mark.parametrize("late", range(RESCAN_TICKS))
def test_a_group_is_found_at_the_next_look_also_where_those_above_it_are_new(
    own: Path, late: int
) -> None:
    """`run`'s first group, and one that a rule names three levels down: what they used since the
    last look is theirs at once, at whatever look they come."""
    groups = watch(own, ("a.slice/b.slice/*/web", "web"))
    for _ in range(1 + late):
        assert not any(groups.read_ns().values())
    chat, web = made(own / "chat" / "1"), made(own / "a.slice" / "b.slice" / "c" / "web")
    used_ns = {"chat": burn(chat, 0.2), "web": burn(web, 0.1)}
    read = groups.read_ns()
    assert all(near(read[sia], used_ns[sia]) for sia in used_ns), (read, used_ns)
    groups.close()


def test_a_group_made_at_the_top_is_found_at_the_next_look(own: Path) -> None:
    """Also the group that workloads are put in, where none has run on this host before."""
    group = own.with_name(f"{own.name}-new")
    groups = Cgroups(own.parent, Rules([], group.name))
    try:
        groups.read_ns()
        used_ns = burn(made(group / "chat"), 0.2)
        assert near(groups.read_ns()["chat"], used_ns)
    finally:
        groups.close()
        (group / "chat").rmdir()
        group.rmdir()


def test_a_rule_with_a_star_takes_every_group_of_that_level(own: Path) -> None:
    """`*` stands for one level; the first rule that matches wins."""
    for unit in ("a.slice/web", "b.slice/web", "b.slice/other", "c.slice/deep/web"):
        made(own / unit)
    groups = watch(own, ("b.slice/web", "first"), ("*/web", "web"), ("b.slice/*", "rest"))
    true_ns = {
        sia: burn(own / unit, 0.2)
        for sia, unit in (
            ("first", "b.slice/web"),
            ("web", "a.slice/web"),
            ("rest", "b.slice/other"),
        )
    }
    burn(own / "c.slice/deep/web", 0.1)
    read = {sia: used for sia, used in groups.read_ns().items() if sia in true_ns}
    assert read.keys() == true_ns.keys()
    assert all(near(read[sia], true_ns[sia]) for sia in true_ns), (read, true_ns)
    assert groups.paths()["web"] == [f"/{own.name}/a.slice/web"]
    groups.close()


def test_nothing_ever_falls(own: Path) -> None:
    """Groups made, used, removed and made again in any order, on two levels: SIA only rise."""
    groups = watch(own, ("*/inner", "inner"))
    chance = random.Random(2026)
    highest: dict[str, int] = {}
    for _ in range(40):
        group = own / chance.choice(["x", "y"]) / chance.choice([".", "inner"])
        if chance.random() < 0.7:
            group.mkdir(parents=True, exist_ok=True)
            burn(group, 0.01)
        elif group.exists() and not list(group.glob("*/")):
            group.rmdir()
        read = groups.read_ns()
        assert all(read[sia] >= used for sia, used in highest.items()), (read, highest)
        highest = read
    groups.close()


def test_names_that_are_no_codes_are_ignored(own: Path) -> None:
    """A folder that is no SIA code is nobody's, `@system` least of all."""
    for name in ("Chat", "@system", "with space", "é", "good"):
        made(own / name)
    groups = watch(own)
    groups.read_ns()
    assert groups.paths() == {"good": [f"/{own.name}/good"]}
    groups.close()


def test_empty_groups_of_ended_commands_are_removed_and_nothing_is_lost(own: Path) -> None:
    """`<group>/<SIA>/<pid>` goes when it is empty and its process is gone; its time stays."""
    ended = subprocess.Popen([sys.executable, "-I", "-c", ""])
    ended.wait()
    left = made(own / "chat" / str(ended.pid))
    living, named = made(own / "chat" / str(os.getpid())), made(own / "chat" / "service")
    used_ns = burn(left, 0.3)
    busy = made(own / "other" / str(ended.pid))
    burner = Burner(busy, 0.01)
    groups = watch(own)
    first = groups.read_ns()
    assert near(first["chat"], used_ns)
    assert [left.exists(), living.exists(), named.exists(), busy.exists()] == [0, 1, 1, 1]
    burner.end()
    for _ in range(RESCAN_TICKS):
        last = groups.read_ns()
    assert not busy.exists()
    assert last["chat"] == first["chat"]
    assert last["other"] >= first["other"]
    groups.close()


def test_groups_that_go_while_a_rule_looks_for_them_do_no_harm(own: Path) -> None:
    """Groups made and removed by the thousand under a pattern's feet: no look fails."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for name in ("a", "b"):
                (own / name).mkdir(exist_ok=True)
                (own / name).rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(60):
            groups = watch(own, ("*/*", "any"))
            groups.read_ns()
            groups.close()
    finally:
        stop.set()
        thread.join()
