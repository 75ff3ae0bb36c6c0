"""The interval of every figure of a statement: how far each measure may be off, line by line.

In: the periods that lines are made of, the coverage of each component, the ranges of shared
servers' divisions, and what the grid's technologies may be off. Out: figures with their
`intervals`. Deviations of one group add up from line to line, so that a sum's interval is narrower
than the sum of its parts' only by what errs on its own. METHOD.md, "Uncertainty".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import msgspec

from footprint import amounts, codes, uncertainty
from footprint.amounts import IMPACTS, VIEWS, Evidence, LineKey, Period
from footprint.applied import FactorUse, MarketUse, Measure, PueUse, View
from footprint.facility import Terms, spread
from footprint.grid.hourly import Grid
from footprint.ledger import Component
from footprint.shared import Share
from footprint.statement import (
    ComponentTotal,
    ConsumerTotal,
    Coverage,
    Figure,
    Line,
    Uncertain,
)
from footprint.uncertainty import Bounds, Deviation, Error

Covers = Mapping[Component, Coverage]
Splits = Mapping[tuple[str, str], Share]
"""By shared server and consumer."""

_Off = dict[Measure, list[Deviation]]


class Intervals:
    """How far the lines of a statement may be off, and with them everything that sums them."""

    def __init__(
        self,
        periods: Sequence[Period],
        covers: Covers,
        project: str | None = None,
        *,
        splits: Splits | None = None,
        grid: Grid | None = None,
    ) -> None:
        """`periods` and `project` as `amounts.of_lines` has them; `splits` of the servers in them
        (none: of none is known how its division may be off)."""
        self._covers = covers
        self._grid = grid
        self._splits = splits or {}
        self._off = {
            key: self._of_line(key, found)
            for key, found in amounts.evidenced(periods, project).items()
        }

    def of_line(self, line: Line) -> Mapping[Measure, list[Deviation]]:
        """How far a line may be off, by measure."""
        return self._off.get(_key(line), {})

    def lines(self, found: Iterable[Line]) -> list[Line]:
        """Lines with their intervals."""
        return [
            msgspec.structs.replace(line, figure=self._figure(line.figure, [_key(line)]))
            for line in found
        ]

    def consumers(
        self, totals: Iterable[ConsumerTotal], lines: Sequence[Line]
    ) -> list[ConsumerTotal]:
        """Sums by consumer, and their parts, with their intervals; `lines` are theirs."""
        keys: dict[str, list[LineKey]] = defaultdict(list)
        for line in lines:
            keys[line.consumer].append(_key(line))
        return [self._consumer(one, keys[one.consumer]) for one in totals]

    def components(
        self, totals: Iterable[ComponentTotal], lines: Iterable[Line], *, whole: bool
    ) -> list[ComponentTotal]:
        """Sums by component; of all consumers where `whole`: then how servers are divided does not
        matter."""
        keys: dict[Component, list[LineKey]] = defaultdict(list)
        for line in lines:
            keys[line.component].append(_key(line))
        return [
            msgspec.structs.replace(
                one, figure=self._figure(one.figure, keys[one.component], whole=whole)
            )
            for one in totals
        ]

    def total(self, figure: Figure, *, whole: bool) -> tuple[Figure, list[Uncertain]]:
        """The sum of all lines, and what its energy and greenhouse gases may be off, source by
        source."""
        off = self._sum(self._off, whole=whole)
        told: list[Uncertain] = []
        for measure in _TOLD:
            value = _value(figure, measure)
            if value is not None:
                found = off.get(measure, [])
                ends = uncertainty.bounds(value, found)
                told.append(Uncertain(measure, value, ends.low, ends.high, found))
        return self._figure(figure, self._off, whole=whole), told

    def _consumer(self, one: ConsumerTotal, keys: Sequence[LineKey]) -> ConsumerTotal:
        one = msgspec.structs.replace(
            one,
            figure=self._figure(one.figure, keys),
            phases=[
                msgspec.structs.replace(
                    part,
                    figure=self._figure(
                        part.figure, [key for key in keys if codes.phase_of(key[0]) == part.phase]
                    ),
                )
                for part in one.phases
            ],
        )
        if one.own is None or one.shared is None:
            return one
        own = [key for key in keys if not key[3]]
        shared = [key for key in keys if key[3]]
        return msgspec.structs.replace(
            one,
            own=self._figure(one.own, own),
            shared=self._figure(one.shared, shared),
        )

    def _figure(self, figure: Figure, keys: Iterable[LineKey], *, whole: bool = False) -> Figure:
        return msgspec.structs.replace(figure, intervals=ends(figure, self._sum(keys, whole=whole)))

    def _sum(self, keys: Iterable[LineKey], *, whole: bool) -> _Off:
        found: _Off = defaultdict(list)
        for key in keys:
            for measure, off in self._off.get(key, {}).items():
                found[measure] += [one for one in off if not (whole and one.kind == "split")]
        return {measure: uncertainty.added(off) for measure, off in found.items()}

    def _of_line(self, key: LineKey, found: Iterable[Evidence]) -> _Off:
        off: _Off = defaultdict(list)
        for one in found:
            errors = [*self._energy_errors(key, one)]
            off["energy_uj"] += uncertainty.deviations(one.energy_uj, errors)
            errors.append(of_pue(one.terms.pue))
            for measure, amount, factors in self._caused(one):
                off[measure] += uncertainty.deviations(amount, [*errors, *factors])
        return {measure: uncertainty.added(all_of_it) for measure, all_of_it in off.items()}

    def _energy_errors(self, key: LineKey, one: Evidence) -> Iterator[Error]:
        consumer, component, _, via = key
        yield uncertainty.of_sensor(component, one.quality)
        cover = self._covers.get(component)
        if cover and 0 < cover.covered_us < cover.expected_us:
            # What is not covered used something: as much, per time, as what is.
            up = Fraction(cover.expected_us, cover.covered_us) - 1
            yield Error("coverage", component, Fraction(0), up, "as-the-rest")
        if share := self._splits.get((via, consumer)):
            yield of_split(via, share)

    def _caused(self, one: Evidence) -> Iterator[tuple[Measure, int, list[Error]]]:
        """What the energy causes, and what that may be off beside the energy."""
        terms, energy_uj = one.terms, one.energy_uj
        yield "site_energy_uj", energy_uj + (terms.overhead_uj(energy_uj) or 0), []
        if terms.factor:
            yield "emissions_ug", terms.emissions_ug(energy_uj) or 0, [of_factor(terms.factor)]
        for name in IMPACTS:
            amount = terms.impact(energy_uj, name)
            if amount is not None:
                use = terms.others.get(name)
                yield name, amount, [of_factor(use)] if use else []
        for view, amount in one.seen_ug.items():
            yield view, amount, [*self._of_view(view, terms, one.site)]

    def _of_view(self, view: View, terms: Terms, site: str) -> Iterator[Error]:
        if view == "market":
            if terms.market:
                yield from of_market(terms.market)
        elif self._grid:
            yield from self._grid.errors(site, view)


_TOLD: tuple[Measure, ...] = ("site_energy_uj", "emissions_ug")
MEASURES: tuple[Measure, ...] = ("energy_uj", *_TOLD, *IMPACTS, *VIEWS)
"""All that a figure has an interval of."""


def _key(line: Line) -> LineKey:
    return codes.phased(line.consumer, line.phase), line.component, line.part, line.via or ""


def ends(figure: Figure, off: Mapping[Measure, Iterable[Deviation]]) -> dict[Measure, Bounds]:
    """The ends of what is available of a figure that may be so far off."""
    values = {measure: _value(figure, measure) for measure in MEASURES}
    return {
        measure: uncertainty.bounds(value, off.get(measure, []))
        for measure, value in values.items()
        if value is not None
    }


def _value(figure: Figure, measure: Measure) -> int | None:
    if measure in figure.views:
        seen = figure.views[measure]
        return seen.emissions_ug if seen.energy_uj or not figure.energy_uj else None
    if measure in figure.impacts:
        return figure.impacts[measure]
    if measure == "energy_uj":
        return figure.energy_uj
    return figure.site_energy_uj if measure == "site_energy_uj" else figure.emissions_ug


def of_pue(use: PueUse) -> Error:
    """The range that an assumption implies: one assumption errs the same wherever it stands in; a
    declared PUE states none."""
    group = use.id.removesuffix(f":{use.site}") if use.state == "assumed" else use.id
    return uncertainty.of_range("pue", group, use.value, (use.low, use.high), use.source)


def of_factor(use: FactorUse) -> Error:
    """The spread that a factor's source states."""
    return uncertainty.of_range("factor", use.id, use.value, spread(use), use.source)


def of_market(use: MarketUse) -> Iterator[Error]:
    """What is bought: contracts state no spread; the residual mix is a part of the mean."""
    if use.residual and use.g_per_kwh:
        own = of_factor(use.residual)
        part = use.residual_permille * Fraction(use.residual.value) / 1000 / use.g_per_kwh
        yield msgspec.structs.replace(own, down=own.down * part, up=own.up * part)


def of_split(server: str, share: Share) -> Error:
    """How far a consumer's part of a server may be off: the range of its active energy, over all of
    its part. Of those who share the server one has more where another has less."""
    whole_uj = share.active_uj + share.idle_uj
    if not whole_uj:
        return Error("split", server, Fraction(0), Fraction(0), "tokens")
    down = Fraction(max(0, share.active_uj - share.least_uj), whole_uj)
    up = Fraction(max(0, share.most_uj - share.active_uj), whole_uj)
    return Error("split", server, down, up, "tokens")
