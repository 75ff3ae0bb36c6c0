"""From a shared server's cells to its consumers' cells: whose its energy of a month was.

In: the energy that pages have under the server's code, by quarter-hour; what each consumer asked of
it and what the server itself counted; the rules that the register gives it. Out: `Split`: cells of
consumers (`via` the server) and of what stays on the server's own line, which add up to the cells
that came in under `==` (law 1), for each component, part and quality. METHOD.md, "Shared servers".

Active energy (dynamic, undivided) is divided by block of usage, by model first; idle energy (the
static part) over the month, as the active energy was.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from footprint import allocation
from footprint.allocation import DEFAULT, LEAST, MOST, Block, TokenWeights, Usage
from footprint.amounts import Cell
from footprint.attribution import Part, attribute
from footprint.counts import unnamed
from footprint.facility import NO_SITE
from footprint.grid.hourly import GRID_VIEWS, Grid, Weighed
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, floor_to, to_us
from footprint.ledger import Component, Quality

IdleKey = Literal["use", "none"]
ALL_MODELS = ""
"""The group of every model and board that the server's rules do not tell apart."""
NO_MODEL = "@"
"""The group of energy that would follow the boards' while nothing is known of theirs."""
_QUARTER = timedelta(seconds=QUARTER_HOUR_SECONDS)


class Rules(msgspec.Struct, frozen=True):
    """How a server is divided: the weights of its tokens, the key of its idle energy, and the
    model of each of its boards (GPU UUID), where it has several on boards of their own."""

    code: str
    weights: TokenWeights = DEFAULT
    idle: IdleKey = "use"
    boards: Mapping[str, str] = {}

    def group(self, model: str) -> str:
        """With which boards a model's usage goes."""
        return model if model in self.boards.values() else ALL_MODELS


class Spending(msgspec.Struct, frozen=True):
    """Energy of the server in a quarter-hour, in microjoules, as pages have it, and the site where
    its hosts stand."""

    start: datetime
    component: Component
    device: str
    part: Part
    quality: Quality
    energy_uj: int
    site: str = NO_SITE


class Divided(msgspec.Struct, frozen=True):
    """A block of usage of one group of models: its active energy, what was asked of it (what
    nobody named as `@unattributed`), and whose the energy is; nobody's where `shares_uj` is empty.
    """

    start: datetime
    end: datetime
    group: str
    energy_uj: int
    usage: Sequence[Usage]
    shares_uj: Mapping[str, int]


class Share(msgspec.Struct, frozen=True):
    """A consumer's part of a server's month: active energy, the least and the most of it under
    these weights and the ends of the range, and idle energy."""

    active_uj: int = 0
    least_uj: int = 0
    most_uj: int = 0
    idle_uj: int = 0


class Split(msgspec.Struct, frozen=True):
    """A server's month, divided. `cells` has a list for each piece of the month that was asked for,
    `asked` the blocks of each consumer with its lines in them. `active_uj` and `idle_uj` are what
    came in, `stays_active_uj` and `stays_idle_uj` what of them stays on the server's own line;
    `idle_by_quarter_uj` is the idle energy by the start of its quarter-hour.
    """

    rules: Rules
    cells: Sequence[Sequence[Cell]]
    divided: Sequence[Divided]
    asked: Mapping[str, Sequence[tuple[Divided, Sequence[Usage]]]]
    shares: Mapping[str, Share]
    active_uj: int
    idle_uj: int
    stays_active_uj: int
    stays_idle_uj: int
    idle_by_quarter_uj: Mapping[datetime, int]


def split(
    rules: Rules,
    spending: Iterable[Spending],
    usage: Iterable[Usage],
    totals: Iterable[Usage],
    pieces: Sequence[Interval],
    *,
    grid: Grid | None = None,
) -> Split:
    """Divide a server's energy of a month over those who used it, and with it, by the same weights,
    what it is in the views of the grid.

    `usage` is what gateways named, of all of them; `totals` what the server itself counted.
    `pieces` cut the month at midnights of Paris: no block crosses one. Raises ValueError where
    energy or usage lies outside of them.
    """
    work = _Work(rules, pieces, grid or Grid())
    active: dict[datetime, list[Spending]] = defaultdict(list)
    idle: list[Spending] = []
    for one in spending:
        if one.part == "static":
            idle.append(one)
        else:
            active[one.start].append(one)
    for block in blocks_of(usage, totals):
        quarters = int((block.end - block.start) / _QUARTER)
        inside = [
            one for n in range(quarters) for one in active.pop(block.start + n * _QUARTER, ())
        ]
        work.divide(block, inside)
    for left in active.values():
        work.stay(left)
    work.divide_idle(idle)
    return work.split()


def blocks_of(usage: Iterable[Usage], totals: Iterable[Usage]) -> list[Block]:
    """Blocks of usage by whole quarter-hours; what nobody named is lines of `@unattributed`."""
    named = [_whole_quarters(one) for one in usage]
    counted = [_whole_quarters(one) for one in totals]
    told = {id(one) for one in counted}
    found = allocation.blocks([*named, *counted])
    for block in found:
        own = [one for one in block.usage if id(one) in told]
        lines = [one for one in block.usage if id(one) not in told]
        for model in sorted({one.model for one in own}):
            rest = unnamed(
                [one for one in own if one.model == model],
                [one for one in lines if one.model == model],
            )
            if rest is not None:
                lines.append(rest)
        block.usage = lines
    return found


def _whole_quarters(one: Usage) -> Usage:
    """Usage of less than a quarter-hour counts for its quarter-hour."""
    start = floor_to(one.start, QUARTER_HOUR_SECONDS)
    end = floor_to(one.end, QUARTER_HOUR_SECONDS)
    end = end if end == one.end else end + _QUARTER
    return msgspec.structs.replace(one, start=start, end=end)


_Key = tuple[str, Component, Part, Quality, str, str]
"""Group, or consumer, component, part, quality, site, and of what: `_ENERGY`, or in which view of
the grid energy is weighed or known."""
_ENERGY = ""
_WEIGHED, _KNOWN = "weighed ", "known "


class _Work:
    """A split in the making."""

    def __init__(self, rules: Rules, pieces: Sequence[Interval], grid: Grid) -> None:
        self._rules = rules
        self._pieces = pieces
        self._grid = grid
        self._cells: list[Counter[_Key]] = [Counter() for _ in pieces]
        self._divided: list[Divided] = []
        self._active: dict[str, Counter[str]] = defaultdict(Counter)  # by group; "" stays
        self._ends: dict[str, list[int]] = {}
        self._boards: Counter[str] = Counter()
        self._active_uj = self._idle_uj = 0
        self._idle: Counter[str] = Counter()
        self._idle_by_quarter: Counter[datetime] = Counter()

    def divide(self, block: Block, spending: Sequence[Spending]) -> None:
        """Take a block's active energy."""
        cells = self._grouped(spending, self._board_energy(spending))
        by_group: dict[str, list[Usage]] = defaultdict(list)
        for one in block.usage:
            by_group[self._rules.group(one.model)].append(one)
        for group in sorted({key[0] for key in cells} | by_group.keys()):
            own = {key: energy_uj for key, energy_uj in cells.items() if key[0] == group}
            self._divide_group(block, group, by_group[group], own)

    def _divide_group(
        self, block: Block, group: str, usage: list[Usage], cells: Mapping[_Key, int]
    ) -> None:
        weights = allocation.weights_of(usage, self._rules.weights)
        shares: Counter[str] = Counter()
        for key, energy_uj in cells.items():
            for consumer, share_uj in attribute(energy_uj, weights, self._rules.code).items():
                self._add(block.start, consumer, key, share_uj)
                if key[5] == _ENERGY:
                    shares[consumer] += share_uj
        energy_uj = sum(own_uj for key, own_uj in cells.items() if key[5] == _ENERGY)
        self._active_uj += energy_uj
        self._active[group].update(shares)
        del shares[self._rules.code]
        self._divided.append(Divided(block.start, block.end, group, energy_uj, usage, shares))
        self._range(energy_uj, usage)

    def _range(self, energy_uj: int, usage: list[Usage]) -> None:
        """The least and the most of each share under other weights, added to what was before."""
        others = [
            attribute(energy_uj, allocation.weights_of(usage, weights), self._rules.code)
            for weights in (LEAST, MOST)
        ]
        for consumer in {one.consumer for one in usage}:
            found = self._ends.setdefault(consumer, [0, 0])
            for place, other in enumerate(others):
                found[place] += other.get(consumer, 0)

    def stay(self, spending: Sequence[Spending]) -> None:
        """Take active energy without usage: it stays on the server's line."""
        for key, energy_uj in self._grouped(spending, self._board_energy(spending)).items():
            self._add(spending[0].start, self._rules.code, key, energy_uj)
            if key[5] == _ENERGY:
                self._active[key[0]][self._rules.code] += energy_uj
                self._active_uj += energy_uj

    def divide_idle(self, spending: Iterable[Spending]) -> None:
        """Take the month's idle energy, once all active energy is divided."""
        by_piece: dict[int, list[Spending]] = defaultdict(list)
        for one in spending:
            by_piece[self._place(one.start)].append(one)
            self._idle_by_quarter[one.start] += one.energy_uj
        for place, own in by_piece.items():
            for key, energy_uj in self._grouped(own, self._boards).items():
                weights = self._active[key[0]] if self._rules.idle == "use" else {}
                shares = attribute(energy_uj, weights, self._rules.code)
                for consumer, share_uj in shares.items():
                    self._cells[place][consumer, *key[1:]] += share_uj
                if key[5] == _ENERGY:
                    self._idle.update(shares)
                    self._idle_uj += energy_uj

    def _board_energy(self, spending: Iterable[Spending]) -> Counter[str]:
        """Active energy of the GPU boards by group; remembered for the month's idle energy."""
        found: Counter[str] = Counter()
        if self._rules.boards:
            for one in spending:
                if one.component == "gpu":
                    found[self._group_of(one.device)] += one.energy_uj
            self._boards.update(found)
        return found

    def _group_of(self, board: str) -> str:
        return self._rules.boards.get(board, ALL_MODELS)

    def _grouped(self, spending: Iterable[Spending], boards: Mapping[str, int]) -> dict[_Key, int]:
        """Energies by group: a board's goes with its model, the rest as the boards' energy."""
        cells: Counter[_Key] = Counter()
        rest: Counter[tuple[Component, Part, Quality, str, str]] = Counter()
        for one in spending:
            key = (one.component, one.part, one.quality, one.site)
            for of, amount in self._amounts(one):
                if self._rules.boards and one.component == "gpu":
                    cells[self._group_of(one.device), *key, of] += amount
                else:
                    rest[*key, of] += amount
        otherwise = NO_MODEL if self._rules.boards else ALL_MODELS
        for rest_key, amount in rest.items():
            for group, part in attribute(amount, boards, otherwise).items():
                cells[group, *rest_key] += part
        return cells

    def _amounts(self, one: Spending) -> Iterator[tuple[str, int]]:
        """Energy, and what it is in the views of the grid."""
        yield _ENERGY, one.energy_uj
        for view, seen in self._grid.weigh(one.site, to_us(one.start), (one.energy_uj,)).items():
            yield _WEIGHED + view, seen.uj_ug_per_kwh
            yield _KNOWN + view, seen.known_uj

    def _add(self, start: datetime, consumer: str, key: _Key, energy_uj: int) -> None:
        self._cells[self._place(start)][consumer, *key[1:]] += energy_uj

    def _place(self, start: datetime) -> int:
        for place, piece in enumerate(self._pieces):
            if piece.start <= start < piece.end:
                return place
        raise ValueError(f"server {self._rules.code}: {start} is outside of the month")

    def split(self) -> Split:
        """All of it."""
        code = self._rules.code
        active: Counter[str] = Counter()
        for found in self._active.values():
            active.update(found)
        return Split(
            rules=self._rules,
            cells=[self._listed(cells) for cells in self._cells],
            divided=self._divided,
            asked=_by_consumer(self._divided),
            shares={
                consumer: self._share(consumer, active[consumer])
                for consumer in sorted({*active, *self._idle, *self._ends} - {code})
            },
            active_uj=self._active_uj,
            idle_uj=self._idle_uj,
            stays_active_uj=active[code],
            stays_idle_uj=self._idle[code],
            idle_by_quarter_uj=self._idle_by_quarter,
        )

    def _share(self, consumer: str, active_uj: int) -> Share:
        found = (active_uj, *self._ends.get(consumer, ()))
        return Share(active_uj, min(found), max(found), self._idle[consumer])

    def _listed(self, cells: Mapping[_Key, int]) -> list[Cell]:
        code = self._rules.code
        return [
            Cell(
                *key[:4],
                energy_uj,
                via=None if key[0] == code else code,
                site=key[4],
                seen={
                    view: Weighed(cells[*key[:5], _WEIGHED + view], cells[*key[:5], _KNOWN + view])
                    for view in GRID_VIEWS
                    if cells.get((*key[:5], _KNOWN + view))
                },
            )
            for key, energy_uj in sorted(cells.items())
            if energy_uj and key[5] == _ENERGY
        ]


def _by_consumer(
    divided: Iterable[Divided],
) -> dict[str, list[tuple[Divided, Sequence[Usage]]]]:
    found: dict[str, list[tuple[Divided, Sequence[Usage]]]] = defaultdict(list)
    for part in divided:
        lines: dict[str, list[Usage]] = defaultdict(list)
        for one in part.usage:
            lines[one.consumer].append(one)
        for consumer, own in lines.items():
            found[consumer].append((part, own))
    return found
