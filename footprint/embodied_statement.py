"""What making the hardware caused, as a statement has it: plain structs, no SQL.

In: what `embodied_figures` gathers. Out: `Embodied`.
"""

import msgspec

from footprint.applied import FactorUse
from footprint.codes import ConsumerKind
from footprint.embodied import Making, Part, Spread


class EmbodiedHost(msgspec.Struct, frozen=True):
    """A host's hardware, what making it caused in all and what of that falls into the month; None
    where a part's factor lacks (`Embodied.without_parts`)."""

    host_id: str
    name: str
    in_service: str
    out_of_service: str | None
    lifetime_years: int
    parts: list[Part]
    source: str
    whole: dict[Making, Spread | None]
    month: dict[Making, Spread | None]


class EmbodiedConsumer(msgspec.Struct, frozen=True):
    """What falls on a consumer, in the measures in which that is known."""

    consumer: str
    kind: ConsumerKind
    name: str | None
    registered: bool
    month: dict[Making, Spread]


class Scenario(msgspec.Struct, frozen=True):
    """What the same month would have if all hardware were written off over so many years; None
    where that is known of no host."""

    years: int
    emissions_ug: int | None


class Embodied(msgspec.Struct, frozen=True):
    """The month's part of making the hardware of `hosts`. Nothing is known of that of
    `without_hosts`: no hardware of theirs is declared for any time of the month; and nothing of who
    used `without_use`: its part is `@unattributed`'s. `without_parts`: by measure the parts of
    which no factor is known; hosts with them are not in its sum, which is None where it is known of
    no host. `scenarios` are choices, not an uncertainty."""

    month: dict[Making, Spread | None]
    consumers: list[EmbodiedConsumer]
    hosts: list[EmbodiedHost]
    scenarios: list[Scenario]
    without_hosts: list[str]
    without_parts: dict[Making, list[str]]
    factors: list[FactorUse]
    without_use: list[str] = []
