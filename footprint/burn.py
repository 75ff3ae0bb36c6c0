"""What became of a budget so far: plain structs, which every format is rendered from.

In: nothing. Out: `BurnUp`. METHOD.md, "Budgets".
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from footprint.applied import FactorUse, PueUse
from footprint.budget import Forecast, State
from footprint.uncertainty import Bounds


class Day(msgspec.Struct, frozen=True):
    """A day of the period: what was used and what is planned from its first day to the end of this
    one, and how much of this day was covered, in permille; None where nothing is known."""

    day: date
    used: int | None
    planned: int
    covered: int | None


class Passed(msgspec.Struct, frozen=True):
    """A threshold in percent of the amount, and whether what was measured has reached it."""

    percent: int
    amount: int
    passed: bool


class Ranked(msgspec.Struct, frozen=True):
    """What a SIA has of what its project used."""

    sia: str
    name: str | None
    used: int | None


class Target(msgspec.Struct, frozen=True):
    """A year of a trajectory."""

    year: int
    amount: int


class Listed(msgspec.Struct, frozen=True):
    """A budget in a list of them; what became of it (`state`, `used` in `base_amount`'s unit) is
    None where nobody has looked yet."""

    code: str
    name: str
    project: str | None
    sia: str | None
    indicator: str
    period: str
    amount: Decimal
    unit: str
    base_amount: int
    used: int | None
    state: State | None
    ended: bool


class BurnUp(msgspec.Struct, frozen=True):
    """A budget against what was measured. All amounts are integers of `base_unit`; `amount` and
    what was `used` are in `unit` besides. `used` is a lower bound where coverage lacks; None where
    it cannot be known (a factor lacks). `interval`: its ends at 95 %. `factors` are the frozen
    ones; `method_changed`: the method is another than when the budget was made. `sia`: the parts of
    a project's own SIA, the largest first. `coverage` is of the period so far, `recent_coverage` of
    yesterday and today, in permille; None where the period is not now or nothing is expected."""

    format: Literal[1]
    code: str
    name: str
    project: str | None
    sia_code: str | None
    indicator: str
    unit: str
    base_unit: Literal["uJ", "ug", "ul", "uJ/1000 tokens"]
    period: str
    first: date
    last: date
    as_of: datetime
    amount: Decimal
    amount_base: int
    used: int | None
    used_shown: Decimal | None
    interval: Bounds | None
    planned: int
    coverage: int
    recent_coverage: int | None
    state: State
    forecast: Forecast | None
    thresholds: Sequence[Passed]
    days: Sequence[Day]
    sia: Sequence[Ranked]
    trajectory: Sequence[Target]
    factors: Sequence[FactorUse]
    pues: Sequence[PueUse]
    method_version: str
    method_changed: bool
    known_from: datetime
    reason: str
    ended: bool
