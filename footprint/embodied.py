"""What making hardware caused, written off by the second from its first day in service on.

In: machines with their parts, what making each part causes, and who used which machine over a time.
Out: what of it falls into that time, by machine and consumer, with the spread that sources state.
METHOD.md, "Making the hardware", has the words and worked numbers.

What was made is made, whether a machine runs or not: only time counts, and over the whole life the
parts add up to the whole, to the unit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Literal, get_args

import msgspec

from footprint.applied import FactorUse
from footprint.attribution import attribute
from footprint.codes import IDLE, UNATTRIBUTED
from footprint.facility import spread
from footprint.interval import Interval, paris_midnight, to_us

Making = Literal["emissions_ug", "adpe_pg", "primary_energy_uj"]
"""What making hardware causes, with its unit: greenhouse gases in micrograms of CO2 equivalent,
abiotic depletion in picograms of antimony equivalent, primary energy in microjoules."""
MAKINGS: tuple[Making, ...] = get_args(Making)
INDICATOR_OF: Mapping[Making, str] = {
    "emissions_ug": "gwp",
    "adpe_pg": "adpe",
    "primary_energy_uj": "primary_energy",
}
_PER_UNIT: Mapping[Making, int] = {
    "emissions_ug": 10**9,  # in a kilogram
    "adpe_pg": 10**15,
    "primary_energy_uj": 10**12,  # in a megajoule
}
YEARS = 5
"""The life that is taken for hardware of which none is declared."""
SCENARIOS = (3, 4, 5, 6, 7)
"""Lives in use, in years: what each would make of the same time is shown beside."""
BOARD = "gpu/"
"""How the names of parts begin that follow the use of boards alone."""
ANYWHERE = "XW"
"""The zone of factors that hold wherever hardware is used; no country has that code (ISO 3166
leaves it to users)."""


class Spread(msgspec.Struct, frozen=True):
    """A number, and the least and the most of it by what sources state; a part whose source states
    no spread counts there with its value."""

    value: int
    low: int
    high: int


class Part(msgspec.Struct, frozen=True):
    """So many of a part (`gpu/h100`), as factors name it."""

    part: str
    count: int


class Machine(msgspec.Struct, frozen=True):
    """A host's hardware: in service from a Paris day on, until another if it is known; written off
    evenly over so many years."""

    host_id: str
    name: str
    first: date
    last: date | None
    years: int
    parts: list[Part]
    source: str = ""


class Used(msgspec.Struct, frozen=True):
    """Energy of a consumer on a machine, that of its boards and the rest, in millijoules."""

    boards_mj: int
    rest_mj: int


Uses = Mapping[str, Mapping[str, Used]]
"""By host and consumer."""
FactorOf = Callable[[str, str], FactorUse | None]
"""What making a part causes, by part and indicator; None: it is not known."""


def in_service(machine: Machine, span: Interval) -> bool:
    """Whether a machine is in service at any time of `span`; what it was made of says nothing of
    the host at other times."""
    began = paris_midnight(machine.first) < span.end
    return began and (machine.last is None or paris_midnight(machine.last) > span.start)


def unsplit(used: Mapping[str, Used]) -> bool:
    """Whether a machine was used while nothing is known any more of how much by whom."""
    return bool(used) and not any(one.boards_mj or one.rest_mj for one in used.values())


def life(first: date, years: int) -> Interval:
    """From the midnight of a day to that of the same day so many years later (of 29 February: of
    1 March where there is none)."""
    try:
        end = first.replace(year=first.year + years)
    except ValueError:
        end = date(first.year + years, 3, 1)
    return Interval(paris_midnight(first), paris_midnight(end))


def written_off(whole: int, of: Interval, span: Interval) -> int:
    """What of `whole`, spread evenly over a life, falls into `span`; over spans that follow one
    another the parts add up to the whole: each is the difference of what was reached, rounded
    down."""
    start_us, end_us = to_us(of.start), to_us(of.end)

    def reached(at_us: int) -> int:
        return whole * (min(max(at_us, start_us), end_us) - start_us) // (end_us - start_us)

    return reached(to_us(span.end)) - reached(to_us(span.start))


class Share(msgspec.Struct, frozen=True):
    """What falls into a time: of a machine in each measure, None where a part's factor lacks, and
    by consumer; `lacking` are the parts, by measure."""

    machine: Machine
    whole: Mapping[Making, Spread | None]
    span: Mapping[Making, Spread | None]
    by_consumer: Mapping[str, Mapping[Making, Spread]]
    lacking: Mapping[Making, list[str]]


def share(
    machine: Machine,
    factor_of: FactorOf,
    used: Mapping[str, Used],
    span: Interval,
    makings: Sequence[Making] = MAKINGS,
) -> Share:
    """What of making a machine falls into `span`, and on whom: boards by the energy of boards, the
    rest by all energy of the machine; what nobody used is `@idle`'s, what is `unsplit`
    `@unattributed`'s."""
    of = life(machine.first, machine.years)
    span = _while_in_service(machine, span)
    nobody = UNATTRIBUTED if unsplit(used) else IDLE
    whole: dict[Making, Spread | None] = {}
    found: dict[Making, Spread | None] = {}
    lacking: dict[Making, list[str]] = {}
    by_consumer: dict[str, dict[Making, Spread]] = {}
    weights = _weights(used)
    for making in makings:
        boards, rest, lacks = _made(machine.parts, making, factor_of)
        if lacks:
            whole[making] = found[making] = None
            lacking[making] = lacks
            continue
        whole[making] = _each(lambda one, other: one + other, boards, rest)
        parts = [
            _each(lambda amount: written_off(amount, of, span), amounts)
            for amounts in (boards, rest)
        ]
        found[making] = _each(lambda one, other: one + other, *parts)
        for consumer, amount in _on_whom(parts, weights, nobody).items():
            by_consumer.setdefault(consumer, {})[making] = amount
    return Share(machine, whole, found, by_consumer, lacking)


def _while_in_service(machine: Machine, span: Interval) -> Interval:
    """The part of a time before the machine went out of service."""
    if machine.last is None:
        return span
    end = max(span.start, min(span.end, paris_midnight(machine.last)))
    return Interval(span.start, end) if end > span.start else Interval(span.start, span.start)


def _made(
    parts: Iterable[Part], making: Making, factor_of: FactorOf
) -> tuple[Spread, Spread, list[str]]:
    """What making boards and the rest causes, and the parts of which it is not known."""
    sums = {True: [Fraction(0)] * 3, False: [Fraction(0)] * 3}
    lacks = []
    for one in parts:
        use = factor_of(one.part, INDICATOR_OF[making])
        if use is None:
            lacks.append(one.part)
            continue
        low, high = spread(use)
        held = sums[one.part.startswith(BOARD)]
        for place, each in enumerate((use.value, low, high)):
            amount = use.value if each is None else each
            held[place] += Fraction(amount) * one.count * _PER_UNIT[making]
    boards, rest = (Spread(*map(round, held)) for held in sums.values())
    return boards, rest, sorted(set(lacks))


def _each(function: Callable[..., int], *of: Spread) -> Spread:
    return Spread(
        function(*(one.value for one in of)),
        function(*(one.low for one in of)),
        function(*(one.high for one in of)),
    )


def _weights(used: Mapping[str, Used]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """By whom boards are carried, and the rest: without energy of boards, as the rest."""
    whole = {consumer: one.boards_mj + one.rest_mj for consumer, one in used.items()}
    boards = {consumer: one.boards_mj for consumer, one in used.items()}
    return (boards if any(boards.values()) else whole), whole


def _on_whom(
    parts: Iterable[Spread], weights: Iterable[Mapping[str, int]], nobody: str
) -> dict[str, Spread]:
    found: dict[str, list[int]] = {}
    for amounts, by in zip(parts, weights, strict=True):
        for place, amount in enumerate((amounts.value, amounts.low, amounts.high)):
            for consumer, own in attribute(amount, by, nobody).items():
                found.setdefault(consumer, [0, 0, 0])[place] += own
    return {consumer: Spread(*sums) for consumer, sums in found.items()}


def again(
    amounts: Mapping[str, Mapping[Making, Spread]], of: str, weights: Mapping[str, int]
) -> dict[str, dict[Making, Spread]]:
    """What `of` carries, divided once more by weights (it keeps what nobody has); the rest as it
    is."""
    found: dict[str, dict[Making, list[int]]] = {}
    for consumer, by_making in amounts.items():
        for making, one in by_making.items():
            for place, amount in enumerate((one.value, one.low, one.high)):
                split = attribute(amount, weights, of) if consumer == of else {consumer: amount}
                for name, own in split.items():
                    sums = found.setdefault(name, {}).setdefault(making, [0, 0, 0])
                    sums[place] += own
    return {
        name: {making: Spread(*sums) for making, sums in own.items()} for name, own in found.items()
    }


def total(of: Iterable[Mapping[Making, Spread | None]]) -> dict[Making, Spread]:
    """The sum of what is known; a measure of which nothing is known is left out."""
    sums: dict[Making, list[int]] = {}
    for one in of:
        for making, amount in one.items():
            if amount is not None:
                held = sums.setdefault(making, [0, 0, 0])
                for place, number in enumerate((amount.value, amount.low, amount.high)):
                    held[place] += number
    return {making: Spread(*sums[making]) for making in MAKINGS if making in sums}
