"""Which SIA a publication tells apart, and which stand together, so that no small team is shown.

In: which SIA used something in a month, of what, for which projects, and which of them few people
use. Out: a `Partition`: what is published are sums over its units and nodes alone. Each small SIA
is in one unit, of `TOGETHER` SIA at least in every component, so that nothing can be worked out of
it. METHOD.md, "What is published together".
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import combinations
from typing import TypeVar

import msgspec

from footprint.ledger import Component

TOGETHER = 3
"""So many SIA at least stand together where one of them is small."""
Key = TypeVar("Key", bound=Hashable)
NOBODY = ""
"""The directorate and the project of a SIA that no project carries."""


class Part(msgspec.Struct, frozen=True, order=True):
    """That a project of a directorate carries something of what a SIA used of a component; `small`:
    few people use it, or nobody said how many."""

    directorate: str
    project: str
    sia: str
    component: Component
    small: bool


class Node(msgspec.Struct, frozen=True, order=True):
    """Directorates, or projects of one node of directorates, or components, that are told as one,
    in order."""

    members: tuple[str, ...]


class Unit(msgspec.Struct, frozen=True, order=True):
    """SIA that are told as one, in order; mostly one SIA by itself."""

    members: tuple[str, ...]


class Partition(msgspec.Struct, frozen=True):
    """Where everything is told: the node of each directorate, project and component, and the unit
    of a SIA within a node of projects. `hidden`: the SIA that are not told apart. `alone`: fewer
    than `TOGETHER` SIA are there in all, one of them small: they stand with all that is no SIA's.
    """

    directorate_of: Mapping[str, Node]
    project_of: Mapping[str, Node]
    component_of: Mapping[str, Node]
    unit_of: Mapping[tuple[Node, str], Unit]
    hidden: frozenset[str]
    alone: bool


def partition(parts: Iterable[Part]) -> Partition:
    """A partition of this shape; the same for the same parts, in whatever order.

    A SIA that stands with small ones only to hide them counts as one: what another project carries
    of it would tell what it is here.
    """
    told = sorted(set(parts))
    hidden = frozenset(part.sia for part in told if part.small)
    while True:
        found = _partition(told, hidden)
        units = found.unit_of.values()
        more = {sia for unit in units if len(unit.members) > 1 for sia in unit.members}
        if more <= hidden:
            return found
        hidden |= more


def joined(of: Mapping[str, AbstractSet[str]], hidden: frozenset[str]) -> dict[str, Node]:
    """Sites, or other labels of energy, by the SIA that used any of it, joined until none has one
    or two hidden ones: those that are told apart can be subtracted. All are one at the worst."""
    nodes: list[_Told] = [((code,), sia & hidden) for code, sia in sorted(of.items())]
    return _joined(nodes, lambda nodes: _weak_pair(nodes, lambda sia: 0 < len(sia) < TOGETHER))


def _partition(told: list[Part], hidden: frozenset[str]) -> Partition:
    everyone = {part.sia for part in told}
    used = _sets((str(part.component), part.sia) for part in told)
    component_of = _joined(
        _coded(used), lambda nodes: _weak_pair(nodes, lambda sia: _too_few(sia, hidden))
    )
    rule = _Rule(hidden, _sets((component_of[part.component], part.sia) for part in told))
    by_directorate = _sets((part.directorate, part.sia) for part in told)
    directorate_of = _joined(_coded(by_directorate), rule.to_join)
    project_of: dict[str, Node] = {}
    for node in sorted(set(directorate_of.values())):
        own = _sets((part.project, part.sia) for part in told if part.directorate in node.members)
        project_of |= _joined(_coded(own), rule.to_join)
    unit_of: dict[tuple[Node, str], Unit] = {}
    by_node = _sets((project_of[part.project], part.sia) for part in told)
    for projects, sia in by_node.items():
        for unit in _units(sia, rule):
            unit_of |= {(projects, one): unit for one in unit.members}
    alone = _too_few(everyone, hidden)
    return Partition(directorate_of, project_of, component_of, unit_of, hidden, alone)


def _sets(pairs: Iterable[tuple[Key, str]]) -> dict[Key, set[str]]:
    found: dict[Key, set[str]] = {}
    for key, sia in pairs:
        found.setdefault(key, set()).add(sia)
    return found


def _too_few(sia: AbstractSet[str], hidden: frozenset[str]) -> bool:
    return len(sia) < TOGETHER and not sia.isdisjoint(hidden)


_Told = tuple[tuple[str, ...], AbstractSet[str]]
"""Codes, and the SIA that their sum would be of."""
_Pair = tuple[_Told, _Told]


class _Rule(msgspec.Struct, frozen=True):
    """What a sum over SIA may not show, by the SIA that used something of each component."""

    hidden: frozenset[str]
    used: Mapping[Node, set[str]]

    def weak(self, sia: AbstractSet[str]) -> bool:
        """Whether a sum over these would show a small one, of some component."""
        return any(_too_few(sia & used, self.hidden) for used in self.used.values())

    def to_join(self, nodes: list[_Told]) -> _Pair | None:
        """Two that carry the same small SIA; else two weak ones; else a weak one and the first."""
        for first, other in combinations(nodes, 2):
            if first[1] & other[1] & self.hidden:
                return first, other
        return _weak_pair(nodes, self.weak)


def _coded(of: Mapping[str, set[str]]) -> list[_Told]:
    return [((code,), sia) for code, sia in sorted(of.items())]


def _weak_pair(nodes: list[_Told], weak: Callable[[AbstractSet[str]], bool]) -> _Pair | None:
    found = [one for one in nodes if weak(one[1])]
    if not found or len(nodes) == 1:
        return None
    others = found[1:] or [one for one in nodes if one is not found[0]]
    return found[0], others[0]


def _joined(nodes: list[_Told], to_join: Callable[[list[_Told]], _Pair | None]) -> dict[str, Node]:
    """Codes joined two by two as long as there is a pair to join."""
    while pair := to_join(nodes):
        first, other = pair
        both = (tuple(sorted(first[0] + other[0])), first[1] | other[1])
        nodes = sorted([one for one in nodes if one not in pair] + [both], key=lambda one: one[0])
    return {code: Node(codes) for codes, _ in nodes for code in codes}


def _units(sia: AbstractSet[str], rule: _Rule) -> Iterator[Unit]:
    """The SIA of a node of projects; where its small ones are too few, others hide them."""
    together = sorted(sia & rule.hidden)
    apart = sorted(sia - rule.hidden)
    while together and apart and rule.weak({*together}):
        helps = [one for one in apart if _helps(one, together, rule)]
        chosen = (helps or apart)[0]
        apart.remove(chosen)
        together = sorted([*together, chosen])
    if together:
        yield Unit(tuple(together))
    for one in apart:
        yield Unit((one,))


def _helps(one: str, together: list[str], rule: _Rule) -> bool:
    """Whether it used something of a component of which too few did."""
    return any(
        one in used and _too_few({*together} & used, rule.hidden) for used in rule.used.values()
    )
