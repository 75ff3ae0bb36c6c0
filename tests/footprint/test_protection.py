"""What is published together: no small team's use can be worked out of what is published."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from footprint.figures import COMPONENTS
from footprint.ledger import Component
from footprint.protection import NOBODY, TOGETHER, Node, Part, Partition, Unit, joined, partition

CODES = "abcdefgh"


def parts(*told: str, small: str = "", component: Component = "cpu") -> list[Part]:
    """`D/P/s`: directorate D's project P carries something of SIA s."""
    split = [one.split("/") for one in told]
    return [
        Part(directorate, project, sia, component, sia in small)
        for directorate, project, sia in split
    ]


def units(found: Partition) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """The units of each node of projects."""
    told: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for (node, _), unit in found.unit_of.items():
        told.setdefault(node.members, set()).add(unit.members)
    return told


def test_large_ones_stand_alone() -> None:
    """Whatever their number."""
    found = partition(parts("D/P/a", "D/Q/b", "E/R/b"))
    assert units(found) == {("P",): {("a",)}, ("Q",): {("b",)}, ("R",): {("b",)}}
    assert not found.alone


def test_three_small_ones_stand_together() -> None:
    """And the large one beside them by itself."""
    found = partition(parts("D/P/a", "D/P/b", "D/P/c", "D/P/d", small="abd"))
    assert units(found) == {("P",): {("a", "b", "d"), ("c",)}}


def test_large_ones_hide_a_small_one() -> None:
    """The first by code, never by what they used."""
    found = partition(parts("D/P/a", "D/P/b", "D/P/c", "D/P/d", small="d"))
    assert units(found) == {("P",): {("a", "b", "d"), ("c",)}}


def test_a_project_of_too_few_stands_with_another() -> None:
    """Of its directorate; a directorate of too few with another."""
    found = partition(parts("D/P/a", "D/Q/b", "D/R/c", "D/S/d", "E/T/e", "F/U/f", small="ae"))
    assert found.directorate_of["E"] == found.directorate_of["D"] == Node(("D", "E"))
    assert found.directorate_of["F"] == Node(("F",))
    assert found.project_of["P"] == found.project_of["T"]
    assert found.project_of["U"] == Node(("U",))
    joined = found.project_of["P"]
    assert found.unit_of[joined, "a"] == found.unit_of[joined, "e"]
    assert len(found.unit_of[joined, "a"].members) >= TOGETHER


def test_too_few_in_all_are_said_to_be() -> None:
    """Then they stand with what is no SIA's."""
    assert partition(parts("D/P/a", "D/Q/b", small="a")).alone
    assert not partition([]).alone
    found = partition([Part(NOBODY, NOBODY, "a", "cpu", small=True)])
    assert found.alone
    assert found.unit_of == {(Node((NOBODY,)), "a"): Unit(("a",))}


def test_a_component_of_too_few_is_told_with_another() -> None:
    """Everywhere; within a unit those that used it too stand with who is alone with it."""
    every = parts("D/P/a", "D/P/b", "D/P/c", "D/P/d", "D/P/e", small="abc")
    found = partition([*every, *parts("D/P/a", small="a", component="gpu")])
    assert found.component_of["gpu"] == found.component_of["cpu"] == Node(("cpu", "gpu"))
    used = parts("D/P/a", "D/P/d", "D/P/e", small="a", component="gpu")
    found = partition([*every, *used])
    assert found.component_of["gpu"] == Node(("gpu",))
    assert units(found) == {("P",): {("a", "b", "c", "d", "e")}}


def test_labels_of_too_few_hidden_ones_are_joined() -> None:
    """Those that are told apart can be subtracted, and hide nobody."""
    of = {"s1": {"a", "x", "y"}, "s2": {"x"}, "s3": {"a", "b", "c"}}
    found = joined(of, frozenset("abc"))
    assert found["s1"] == found["s2"] == Node(("s1", "s2")) or found["s1"] == found["s3"]
    assert joined({"s1": {"a"}}, frozenset("a")) == {"s1": Node(("s1",))}
    assert joined({"s1": {"x"}, "s2": {"y"}}, frozenset("a"))["s1"] == Node(("s1",))


carried = st.dictionaries(
    st.sampled_from(CODES),
    st.tuples(
        st.booleans(),
        st.dictionaries(st.sampled_from("PQRSTU"), st.integers(1, 1000), min_size=1, max_size=4),
        st.sets(st.sampled_from(COMPONENTS), min_size=1),
    ),
    min_size=1,
)
Carried = dict[str, tuple[bool, dict[str, int], set[Component]]]


@given(carried, st.lists(st.sampled_from("DEF"), min_size=6, max_size=6))
def test_no_small_one_can_be_worked_out(told: Carried, of: list[str]) -> None:
    """Each sum that is published is an equation whose unknowns are what each SIA used of each
    component, and shares are public: no linear combination of them is one small SIA's, nor that
    with another's."""
    directorates = dict(zip("PQRSTU", of, strict=True))
    small = {sia for sia, (is_small, _, _) in told.items() if is_small}
    found = partition(
        Part(directorates[project], project, sia, component, sia in small)
        for sia, (_, projects, used) in told.items()
        for project in projects
        for component in used
    )
    if found.alone:
        assert len(told) < TOGETHER
        return
    columns = sorted((sia, one) for sia, (_, _, used) in told.items() for one in used)
    rows = []
    for node, told_units in units(found).items():
        for unit in told_units:
            shares = {sia: sum(told[sia][1].get(one, 0) for one in node) for sia in unit}
            for components in {*found.component_of.values()}:
                row = [
                    Fraction(shares.get(sia, 0) if one in components.members else 0)
                    for sia, one in columns
                ]
                rows.append(row)
    held = rank(rows)
    for sia in small:
        own = [Fraction(int(one[0] == sia)) for one in columns]
        assert rank([*rows, own]) > held
        for other in {*told} - {sia}:
            both = [Fraction(int(one[0] in (sia, other))) for one in columns]
            assert rank([*rows, both]) > held
        for place, (whose, _) in enumerate(columns):
            if whose == sia:
                one_of_it = [Fraction(int(place == index)) for index in range(len(columns))]
                assert rank([*rows, one_of_it]) > held


def rank(rows: list[list[Fraction]]) -> int:
    """Of a matrix, by elimination."""
    rows, found = [list(row) for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in rows[found:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        for row in rows[found + 1 :]:
            ratio = row[column] / pivot[column]
            row[:] = [a - ratio * b for a, b in zip(row, pivot, strict=True)]
        found += 1
    return found


@given(carried)
def test_a_partition_is_one(told: Carried) -> None:
    """Every SIA of every project is told once, in a node of its directorate."""
    given_parts = [
        Part("D" if project < "S" else "E", project, sia, component, small)
        for sia, (small, projects, used) in told.items()
        for project in projects
        for component in used
    ]
    found = partition(given_parts)
    for part in given_parts:
        node = found.project_of[part.project]
        assert part.project in node.members
        assert part.component in found.component_of[part.component].members
        assert part.sia in found.unit_of[node, part.sia].members
        directorates = {one.directorate for one in given_parts if one.project in node.members}
        assert directorates <= {*found.directorate_of[part.directorate].members}
    assert partition(reversed(given_parts)) == found
