"""What is published together: no small team's use can be worked out of what is published."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from footprint.protection import NOBODY, TOGETHER, Node, Part, Partition, Unit, partition

CODES = "abcdefgh"


def parts(*told: str, small: str = "") -> list[Part]:
    """`D/P/s`: directorate D's project P carries something of SIA s."""
    split = [one.split("/") for one in told]
    return [Part(directorate, project, sia, sia in small) for directorate, project, sia in split]


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
    found = partition([Part(NOBODY, NOBODY, "a", small=True)])
    assert found.alone
    assert found.unit_of == {(Node((NOBODY,)), "a"): Unit(("a",))}


carried = st.dictionaries(
    st.sampled_from(CODES),
    st.tuples(
        st.booleans(),
        st.dictionaries(st.sampled_from("PQRSTU"), st.integers(1, 1000), min_size=1, max_size=4),
    ),
    min_size=1,
)


@given(carried, st.lists(st.sampled_from("DEF"), min_size=6, max_size=6))
def test_no_small_one_can_be_worked_out(
    told: dict[str, tuple[bool, dict[str, int]]], of: list[str]
) -> None:
    """Each sum that is published is an equation whose unknowns are what each SIA used, and shares
    are public: no linear combination of them is one small SIA, nor two."""
    directorates = dict(zip("PQRSTU", of, strict=True))
    shares = {sia: carried for sia, (_, carried) in told.items()}
    small = {sia for sia, (is_small, _) in told.items() if is_small}
    found = partition(
        Part(directorates[project], project, sia, sia in small)
        for sia, projects in shares.items()
        for project in projects
    )
    if found.alone:
        assert len(told) < TOGETHER
        return
    columns = sorted(shares)
    rows = []
    for node, told_units in units(found).items():
        for unit in told_units:
            carried = {sia: sum(shares[sia].get(one, 0) for one in node) for sia in unit}
            rows.append([Fraction(carried.get(sia, 0)) for sia in columns])
    for sia in small:
        for other in columns:
            for sign in (0, 1, -1):
                aim = [Fraction(0)] * len(columns)
                aim[columns.index(other)] += sign
                aim[columns.index(sia)] += 1 if sia != other else abs(sign) + 1
                assert rank([*rows, aim]) > rank(rows), (sia, other, sign)


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
def test_a_partition_is_one(told: dict[str, tuple[bool, dict[str, int]]]) -> None:
    """Every SIA of every project is told once, in a node of its directorate."""
    given_parts = [
        Part("D" if project < "S" else "E", project, sia, small)
        for sia, (small, projects) in told.items()
        for project in projects
    ]
    found = partition(given_parts)
    for part in given_parts:
        node = found.project_of[part.project]
        assert part.project in node.members
        assert part.sia in found.unit_of[node, part.sia].members
        directorates = {one.directorate for one in given_parts if one.project in node.members}
        assert directorates <= {*found.directorate_of[part.directorate].members}
    assert partition(reversed(given_parts)) == found
