"""What has changed in an earlier month since it was closed, told without telling of a small SIA.

In: the month's publication, its statement as of then and as known now, who is small now, and the
causes. Out: `RestatedMonth`. Units are those that were published; where only one or two small SIA
of a unit are other than they were, their difference is told with that of further units, and where
no others are, not at all. METHOD.md, "What is published together".
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

import msgspec

from footprint.codes import RESERVED, UNREGISTERED
from footprint.protection import TOGETHER, joined
from footprint.publication import CauseTold, Publication, Restated, RestatedMonth
from footprint.publication_figures import EVERYTHING as ALL
from footprint.restatement import Cause, Kind, Restatement, compare
from footprint.statement import Statement

OPEN: frozenset[Kind] = frozenset({"factor", "grid", "contract", "pue", "wue"})
"""Causes that tell of no SIA."""
MEASURES = ("energy_uj", "site_energy_uj", "emissions_ug")
"""What is restated by units; of the whole all is that statements have."""
_OUTSIDE = "external_"
"""How measures of services outside the house begin: nobody tells of whom they are."""


class Then(msgspec.Struct, frozen=True):
    """A closed month: what was published of it, and its statement as of then."""

    publication: Publication
    statement: Statement


def restated(
    then: Then, now: Statement, small: Collection[str], register: Iterable[Cause]
) -> RestatedMonth | None:
    """What has changed; None where no figure has. `small`: SIA that few people use, as is known
    now; `register`: what has changed there."""
    found = compare(then.statement, now, register)
    if not found.changed:
        return None
    units = _Units(then, now, small)
    return RestatedMonth(
        month=then.publication.month,
        number=then.publication.number,
        withheld=units.withheld,
        figures=[] if units.withheld else [*_whole(found), *units.figures()],
        causes=list(_causes(found.causes)),
    )


def _whole(found: Restatement) -> Iterator[Restated]:
    for row in found.changed:
        if row.consumer is None and not row.others and not row.measure.startswith(_OUTSIDE):
            yield Restated([], row.measure, row.old, row.new, row.difference)


class _Units:
    """The differences by units that were published, joined as far as is needed."""

    def __init__(self, then: Then, now: Statement, small: Collection[str]) -> None:
        self._published = then.publication.units
        self._unit_of = {
            member.code: unit.id for unit in self._published for member in unit.members
        }
        together = [unit for unit in self._published if len(unit.members) > 1]
        self._old, self._new = _numbers(then.statement), _numbers(now)
        sia = {
            one.consumer
            for one in (*then.statement.consumers, *now.consumers)
            if one.kind == "sia" and one.registered
        }
        self._changed = {
            code for code in sia if self._old.get(code, _NONE) != self._new.get(code, _NONE)
        }
        self._hidden = frozenset(member.code for unit in together for member in unit.members)
        self._hidden |= {code for code in self._changed if code in small}

    @property
    def withheld(self) -> bool:
        """Whether the difference of the whole is that of too few."""
        few = 0 < len(self._changed) < TOGETHER
        return few and not self._hidden.isdisjoint(self._changed)

    def figures(self) -> Iterator[Restated]:
        """None where nothing was told apart, or all are joined: the whole has it."""
        of: dict[str, set[str]] = {}
        for code in {*self._old, *self._new}:
            of.setdefault(self._unit(code), set()).update({code} & self._changed)
        node_of = joined(of, self._hidden)
        if len(set(node_of.values())) <= 1 or any(one.id == ALL for one in self._published):
            return
        sums: dict[tuple[str, ...], tuple[_Numbers, _Numbers]] = {}
        for code in sorted({*self._old, *self._new}):
            members = node_of[self._unit(code)].members
            old, new = sums.get(members, (_NONE, _NONE))
            sums[members] = (
                _plus(old, self._old.get(code, _NONE)),
                _plus(new, self._new.get(code, _NONE)),
            )
        for members, (old, new) in sorted(sums.items()):
            for measure, was, is_ in zip(MEASURES, old, new, strict=True):
                if was != is_:
                    difference = None if was is None or is_ is None else is_ - was
                    yield Restated(list(members), measure, was, is_, difference)

    def _unit(self, code: str) -> str:
        """Where it was published; of what nobody knew then, with what was of nobody known."""
        return self._unit_of.get(code, code if code in RESERVED else UNREGISTERED)


_Numbers = tuple[int | None, ...]
_NONE: _Numbers = (0,) * len(MEASURES)


def _numbers(one: Statement) -> dict[str, _Numbers]:
    return {
        total.consumer: (
            total.figure.energy_uj,
            total.figure.site_energy_uj,
            total.figure.emissions_ug,
        )
        for total in one.consumers
    }


def _plus(one: _Numbers, other: _Numbers) -> _Numbers:
    return tuple(
        None if first is None or second is None else first + second
        for first, second in zip(one, other, strict=True)
    )


def _causes(causes: Iterable[Cause]) -> Iterator[CauseTold]:
    """Those that everybody may know as they are; of the others their number."""
    counts: dict[Kind, int] = defaultdict(int)
    for one in causes:
        if one.kind in OPEN:
            yield CauseTold(one.kind, 1, one.id, one.old, one.new, one.source)
        else:
            counts[one.kind] += 1
    for kind, count in sorted(counts.items()):
        yield CauseTold(kind, count)
