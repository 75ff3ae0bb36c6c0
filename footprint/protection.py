"""Which SIA a publication tells apart, and which stand together, so that no small team is shown.

In: the SIA of each project in a month, and which of them few people use. Out: a `Partition`: what
is published are sums over its units and nodes alone. Each small SIA is in one unit, of `TOGETHER`
SIA at least, so that nothing can be worked out of it. METHOD.md, "What is published together".
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import TypeVar

import msgspec

TOGETHER = 3
"""So many SIA at least stand together where one of them is small."""
Key = TypeVar("Key", bound=Hashable)
NOBODY = ""
"""The directorate and the project of a SIA that no project carries."""


class Part(msgspec.Struct, frozen=True, order=True):
    """That a project of a directorate carries something of a SIA; `small`: few people use it, or
    nobody said how many."""

    directorate: str
    project: str
    sia: str
    small: bool


class Node(msgspec.Struct, frozen=True, order=True):
    """Directorates, or projects of one node of directorates, that are told as one; of several SIA
    where one of them is small."""

    members: tuple[str, ...]


class Unit(msgspec.Struct, frozen=True, order=True):
    """SIA that are told as one, in order; mostly one SIA by itself."""

    members: tuple[str, ...]


class Partition(msgspec.Struct, frozen=True):
    """Where everything is told. `directorate_of` and `project_of` name the node of each code;
    `unit_of` the unit of a SIA within a node of projects. `alone`: fewer than `TOGETHER` SIA are
    there in all, one of them small: they stand with all that is no SIA's."""

    directorate_of: Mapping[str, Node]
    project_of: Mapping[str, Node]
    unit_of: Mapping[tuple[Node, str], Unit]
    alone: bool


def partition(parts: Iterable[Part]) -> Partition:
    """The finest partition of this shape; the same for the same parts, whatever anybody used.

    A SIA that stands with small ones only to hide them counts as one: what another project carries
    of it would tell what it is here.
    """
    told = sorted(set(parts))
    hidden = {part.sia for part in told if part.small}
    while True:
        found = _partition(told, hidden)
        more = {
            sia for unit in found.unit_of.values() if len(unit.members) > 1 for sia in unit.members
        }
        if more <= hidden:
            return found
        hidden |= more


def _partition(told: list[Part], hidden: set[str]) -> Partition:
    by_directorate = _sets((part.directorate, part.sia) for part in told)
    directorate_of = _merged(by_directorate, hidden)
    project_of: dict[str, Node] = {}
    for node in sorted(set(directorate_of.values())):
        own = _sets((part.project, part.sia) for part in told if part.directorate in node.members)
        project_of |= _merged(own, hidden)
    unit_of: dict[tuple[Node, str], Unit] = {}
    by_node = _sets((project_of[part.project], part.sia) for part in told)
    for projects, sia in by_node.items():
        for unit in _units(sia, hidden):
            unit_of |= {(projects, one): unit for one in unit.members}
    everyone = {part.sia for part in told}
    return Partition(directorate_of, project_of, unit_of, _weak(everyone, hidden))


def _sets(pairs: Iterable[tuple[Key, str]]) -> dict[Key, set[str]]:
    found: dict[Key, set[str]] = {}
    for key, sia in pairs:
        found.setdefault(key, set()).add(sia)
    return found


def _weak(sia: set[str], hidden: set[str]) -> bool:
    """Whether a sum over these SIA would show a small one."""
    return len(sia) < TOGETHER and not sia.isdisjoint(hidden)


_Told = tuple[tuple[str, ...], set[str]]
"""Codes, and the SIA that their sum would be of."""


def _merged(of: Mapping[str, set[str]], hidden: set[str]) -> dict[str, Node]:
    """Codes joined until no small SIA is in two sums and none is weak, or all are one."""
    nodes: list[_Told] = [((code,), sia) for code, sia in sorted(of.items())]
    while pair := _to_join(nodes, hidden):
        first, other = pair
        joined = (tuple(sorted(first[0] + other[0])), first[1] | other[1])
        nodes = sorted([one for one in nodes if one not in pair] + [joined])
    return {code: Node(codes) for codes, _ in nodes for code in codes}


def _to_join(nodes: list[_Told], hidden: set[str]) -> tuple[_Told, _Told] | None:
    """Two that carry the same small SIA; else two weak ones; else a weak one and the first."""
    for first, other in combinations(nodes, 2):
        if first[1] & other[1] & hidden:
            return first, other
    weak = [one for one in nodes if _weak(one[1], hidden)]
    if not weak or len(nodes) == 1:
        return None
    others = weak[1:] or [one for one in nodes if one is not weak[0]]
    return weak[0], others[0]


def _units(sia: set[str], hidden: set[str]) -> Iterator[Unit]:
    """The SIA of a node of projects; where it has one or two small ones, others hide them."""
    small = sorted(sia & hidden)
    large = sorted(sia - hidden)
    missing = max(0, TOGETHER - len(small)) if small else 0
    if small:
        yield Unit(tuple(sorted(small + large[:missing])))
    for one in large[missing:]:
        yield Unit((one,))
