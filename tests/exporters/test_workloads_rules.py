"""Whose a control group is: nearest declared ancestor first, then the order of the rules."""

from exporters.settings import Workload
from exporters.workloads.rules import Match, Rules


def rules(*pairs: tuple[str, str]) -> Rules:
    """Rules by path, and the group of `run`."""
    return Rules([Workload(cgroup=cgroup, sia=sia) for cgroup, sia in pairs], "footprint")


def whose(found: Match | None) -> tuple[str, str] | None:
    """SIA and the group that gave it."""
    return (found.sia, found.group) if found else None


def test_a_group_is_its_nearest_declared_ancestors() -> None:
    """A process in /a/b/c is of the rule for /a/b, also where the rule for /a stands before."""
    ours = rules(("/a", "outer"), ("/a/b", "inner"))
    assert whose(ours.sia_of("/a/b/c")) == ("inner", "/a/b")
    assert whose(ours.sia_of("/a/x/y")) == ("outer", "/a")
    assert ours.sia_of("/b") is None
    assert ours.sia_of("/") is None


def test_of_the_rules_that_name_a_group_the_first_wins() -> None:
    """Order decides, not length; `*` stands for one level or a part of it."""
    ours = rules(("/*.slice/web", "any"), ("/b.slice/web", "never"), ("/b.slice/w*", "some"))
    assert whose(ours.sia_of("/b.slice/web")) == ("any", "/b.slice/web")
    assert whose(ours.sia_of("/b.slice/worker/1")) == ("some", "/b.slice/worker")
    assert ours.sia_of("/b.slice/deep/web") is None
    found = ours.sia_of("/b.slice/worker")
    assert found is not None
    assert found.rule == "rule 3 (cgroup /b.slice/w*)"


def test_the_groups_of_run_come_before_every_rule() -> None:
    """`<workload_group>/<SIA>`, never a folder that is no code, never deeper ones."""
    ours = rules(("/footprint/*", "rule"))
    assert whose(ours.sia_of("/footprint/chat/12")) == ("chat", "/footprint/chat")
    assert whose(ours.sia_of("/footprint/Chat")) == ("rule", "/footprint/Chat")
    assert ours.sia_of("/footprint") is None
    assert ours.sia_of("/x/footprint/chat") is None


def test_a_rule_may_say_what_of_its_life_it_is_for() -> None:
    """The SIA with its phase; groups of `run --phase` too, and no other word after the colon."""
    ours = Rules(
        [
            Workload(cgroup="/train-*", sia="chat", phase="training"),
            Workload(cgroup="/*", sia="chat"),
        ],
        "footprint",
    )
    assert whose(ours.sia_of("/train-1/x")) == ("chat:training", "/train-1")
    assert whose(ours.sia_of("/web")) == ("chat", "/web")
    found = ours.sia_of("/footprint/tri:fine-tuning/7")
    assert whose(found) == ("tri:fine-tuning", "/footprint/tri:fine-tuning")
    assert found is not None
    assert found.why.endswith("--sia tri --phase fine-tuning")
    assert whose(ours.sia_of("/footprint/tri:other/7")) == ("chat", "/footprint")


def test_only_a_star_stands_for_something_else() -> None:
    """`?`, brackets and a regular expression's signs are parts of a name."""
    for name in ("[ab]", "[!a]", "a?", "[", "]", "a.b", "a+", "(a)", "^a$", r"a\x2db", "a|b"):
        assert whose(rules((f"/{name}", "chat")).sia_of(f"/{name}")) == ("chat", f"/{name}")
    for pattern, other in (("[ab]", "a"), ("a?", "ab"), ("a.b", "axb"), ("[!a]", "b")):
        assert rules((f"/{pattern}", "chat")).sia_of(f"/{other}") is None
    assert whose(rules(("/[a]*", "chat")).sia_of("/[a]-1")) == ("chat", "/[a]-1")
