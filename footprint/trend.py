"""A trend: month by month what is stated, and the same energy at one factor that does not change.

In: nothing. Out: plain structs, which every format is rendered from. The stated greenhouse gases
move with what is used, with the PUE and with the factor of each year; at a constant factor they
move with the first two alone. METHOD.md, "Trends".
"""

from datetime import datetime
from typing import Literal

import msgspec

from footprint.applied import FactorUse, PueUse
from footprint.statement import Figure, Scope


class TrendMonth(msgspec.Struct, frozen=True):
    """A month (Europe/Paris): its figure as its statement has it, None where no page of any host
    covers any of it, and its greenhouse gases were the electricity of `Trend.factors`; None where
    one lacks."""

    month: str
    figure: Figure | None
    constant_ug: int | None


class Trend(msgspec.Struct, frozen=True):
    """Months in order, the last one perhaps not over. `factors` are those of `factor_month`, one
    for each zone of the electricity that was used; `pues` are those of all months."""

    format: Literal[1]
    scope: Scope
    as_of: datetime
    method_version: str
    factor_month: str
    factors: list[FactorUse]
    pues: list[PueUse]
    months: list[TrendMonth]
