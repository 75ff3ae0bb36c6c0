"""What a statement says of a shared server: its split in figures, beside the lines that it made.

In: a server's `Split`, the statement's lines, names and units. Out: `SharedServer`, and the
efficiency of each SIA over all servers. No energy is computed here: it is the split's.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from footprint import efficiency
from footprint.counts import counted, known_sum
from footprint.efficiency import Samples
from footprint.figures import Named
from footprint.ledger import Quality
from footprint.shared import Share, Split
from footprint.statement import (
    ConsumerTotal,
    Efficiency,
    Line,
    SharedConsumer,
    SharedServer,
    UsageGap,
    WeightsFit,
    WeightsUsed,
)


class Served(msgspec.Struct, frozen=True):
    """A server's month: name and split, what its weights rest on, where usage may be missing, and
    the active energy of quarter-hours in which it may be."""

    name: str
    split: Split
    weights: WeightsUsed
    fit: WeightsFit
    gaps: list[UsageGap]
    uncounted_uj: int = 0

    @property
    def consumers(self) -> set[str]:
        """All that have a share of it or asked something of it."""
        return {*self.split.shares, *self.split.asked} - {self.split.rules.code}


class Made:
    """What the figures of shared servers are made of: the months of the servers, the lines of whole
    consumers, names, and the functional unit of each SIA that has one."""

    def __init__(
        self,
        served: Sequence[Served],
        lines: Sequence[Line],
        named: Named,
        units: Mapping[str, str],
    ) -> None:
        self._served = served
        self._named = named
        self._units = units
        self._mass_ug: dict[tuple[str, str], int | None] = {}
        self._quality_uj: dict[tuple[str, str], Counter[Quality]] = defaultdict(Counter)
        for line in lines:
            if line.via is not None:
                self._quality_uj[line.via, line.consumer].update(line.figure.quality_uj)
                key, mass_ug = (line.via, line.consumer), line.figure.emissions_ug
                before = self._mass_ug.get(key, 0)
                self._mass_ug[key] = known_sum((before, mass_ug))
        self._known: dict[tuple[str, str], Samples] = {}

    def servers(self, consumers: Collection[str] | None) -> list[SharedServer]:
        """Every server that is one of `consumers` (None: all), with all who asked it; and those
        that they asked, with these of them alone."""
        found = []
        for one in self._served:
            whole = consumers is None or one.split.rules.code in consumers
            of = one.consumers if whole else one.consumers & {*(consumers or ())}
            if whole or of:
                found.append(self._server(one, of))
        return found

    def with_efficiency(self, totals: Iterable[ConsumerTotal]) -> list[ConsumerTotal]:
        """The sums of consumers, those of SIA that used shared servers with their efficiency."""
        return [
            msgspec.structs.replace(total, efficiency=self._efficiency(total.consumer))
            if total.kind == "sia" and total.shared is not None
            else total
            for total in totals
        ]

    def _efficiency(self, consumer: str) -> Efficiency:
        found = [self._samples(one, consumer) for one in self._served if consumer in one.consumers]
        return efficiency.efficiency(found, self._units.get(consumer))

    def _samples(self, one: Served, consumer: str) -> Samples:
        key = (one.split.rules.code, consumer)
        if key not in self._known:
            self._known[key] = efficiency.samples(one.split, consumer, self._mass_ug.get(key, 0))
        return self._known[key]

    def _server(self, one: Served, consumers: Iterable[str]) -> SharedServer:
        split = one.split
        ordered = sorted(consumers, key=lambda name: (name[0] == "@", name))
        return SharedServer(
            code=split.rules.code,
            name=one.name,
            weights=one.weights,
            fit=one.fit,
            idle=split.rules.idle,
            energy_uj=split.active_uj + split.idle_uj,
            active_uj=split.active_uj,
            idle_uj=split.idle_uj,
            unallocated_uj=split.stays_active_uj,
            unallocated_idle_uj=split.stays_idle_uj,
            consumers=[self._consumer(one, consumer) for consumer in ordered],
            gaps=one.gaps,
            load=efficiency.loads(split),
            estimate=efficiency.estimate(split),
        )

    def _consumer(self, one: Served, consumer: str) -> SharedConsumer:
        split = one.split
        share = split.shares.get(consumer, Share())
        lines = [line for _, own in split.asked.get(consumer, ()) for line in own]
        kind, name, registered = self._named.of(consumer)
        return SharedConsumer(
            consumer=consumer,
            kind=kind,
            name=name,
            registered=registered,
            energy_uj=share.active_uj + share.idle_uj,
            emissions_ug=self._mass_ug.get((split.rules.code, consumer), 0),
            quality_uj=dict(sorted(self._quality_uj[split.rules.code, consumer].items())),
            active_uj=share.active_uj,
            least_uj=share.least_uj,
            most_uj=share.most_uj,
            idle_uj=share.idle_uj,
            counts=counted(lines),
            efficiency=efficiency.efficiency(
                [self._samples(one, consumer)], self._units.get(consumer)
            ),
            estimate=efficiency.estimate(split, consumer),
        )
