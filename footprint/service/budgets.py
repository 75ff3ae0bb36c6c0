"""Budgets: what somebody may use of something in a year or month, and what is frozen with it.

In: JSON bodies, the register. Out: `Budget`s, checked; `Held` versions of them, with who made each
and why. A budget of greenhouse gases keeps the factors of its first version, so that a better grid
is not mistaken for using less; a revision may take newer ones, with its reason.
"""

import calendar
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from footprint.budget import THOUSAND, Plan
from footprint.service.alert_settings import is_address
from footprint.service.register import Code, Name, Register, RegisterError
from footprint.units import UG_PER_G, UJ_PER_KWH

Indicator = Literal["energy", "emissions", "water", "energy_per_1000_tokens"]
UNITS: dict[Indicator, str] = {
    "energy": "kWh",
    "emissions": "gCO2e",
    "water": "L",
    "energy_per_1000_tokens": "Wh",
}
BASES: dict[Indicator, int] = {
    "energy": UJ_PER_KWH,
    "emissions": UG_PER_G,
    "water": 1_000_000,
    "energy_per_1000_tokens": UJ_PER_KWH // THOUSAND,
}
"""Of an indicator's unit: microjoules, micrograms, microlitres, microjoules for 1000 tokens."""
MOST = 10**12
FINEST = 6
"""Decimals that an amount has at most: none is less than one of the integers it is kept in."""
Year = Annotated[int, msgspec.Meta(ge=2000, le=2100)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=200)]
Part = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Period = Annotated[str, msgspec.Meta(pattern=r"^20[0-9]{2}(-(0[1-9]|1[0-2]))?\Z")]
Reason = Annotated[str, msgspec.Meta(max_length=500)]
Address = Annotated[str, msgspec.Meta(max_length=200)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A year of a trajectory, and the amount that it leads to."""

    year: Year
    amount: Decimal


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An amount, in the indicator's unit, for a project or a SIA in a year (`2026`) or a month
    (`2026-11`). `months`: the parts of January to December that a year's profile has, None for the
    same every day. `thresholds`: percent of the amount at which to warn. `trajectory`: years and
    amounts of a target, shown beside it. `reason`: why it is as it is, which a revision must say.
    `mail_to`: mailboxes of functions that are told of its alerts, besides those that the service
    writes to. `refreeze`: take the factors known now in place of those that the budget had.
    `ended`: it is kept, and watched no more."""

    code: Code
    name: Name
    project: Code | None = None
    sia: Code | None = None
    indicator: Indicator
    period: Period
    amount: Decimal
    months: Annotated[list[Part], msgspec.Meta(min_length=12, max_length=12)] | None = None
    thresholds: Annotated[list[Percent], msgspec.Meta(max_length=10)] = msgspec.field(
        default_factory=lambda: [50, 80, 100]
    )
    trajectory: Annotated[list[Step], msgspec.Meta(max_length=50)] = []
    reason: Reason = ""
    mail_to: Annotated[list[Address], msgspec.Meta(max_length=5)] = []
    refreeze: bool = False
    ended: bool = False

    @property
    def base_amount(self) -> int:
        """The amount in the integers that figures are kept in (`BASES`)."""
        return int(self.amount * BASES[self.indicator])

    @property
    def plan(self) -> Plan:
        """The amount day by day."""
        first, last = days_of(self.period)
        months = tuple(self.months) if self.months else None
        return Plan(self.base_amount, first, last, months)

    @property
    def permille(self) -> list[int]:
        """The thresholds in permille, in order."""
        return sorted(one * 10 for one in self.thresholds)


class Held(msgspec.Struct, frozen=True):
    """A version of a budget: since when it is known, who made it, by which version of the method,
    and as of when its factors are known."""

    budget: Budget
    known_from: datetime
    actor: str
    method_version: str
    factors_as_of: datetime


def _is_amount(one: Decimal) -> bool:
    exponent = one.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -FINEST and 0 < one < MOST


def days_of(period: str) -> tuple[date, date]:
    """The first and the last day of a year or month."""
    year, _, month = period.partition("-")
    if not month:
        return date(int(year), 1, 1), date(int(year), 12, 31)
    last = calendar.monthrange(int(year), int(month))[1]
    return date(int(year), int(month), 1), date(int(year), int(month), last)


def check(budget: Budget, register: Register, before: Budget | None) -> None:
    """Raise RegisterError where a budget is nobody's or of nothing known, has a profile of nothing,
    thresholds or years twice, or changes what it is about; or revises without a reason."""
    for said, remedy in _faults(budget, register, before):
        raise RegisterError(f"{said}; {remedy}")


def _faults(budget: Budget, register: Register, before: Budget | None) -> list[tuple[str, str]]:
    known = {item.code for item in register.projects if item.code == budget.project}
    known |= {item.code for item in register.sia if item.code == budget.sia}
    scope = budget.project or budget.sia
    amounts = [budget.amount, *(step.amount for step in budget.trajectory)]
    found = [
        (
            not all(_is_amount(one) for one in amounts),
            (
                f"amount: not between 0 and {MOST} with {FINEST} decimals at most",
                "write a number of the indicator's unit",
            ),
        ),
        (
            (budget.project is None) == (budget.sia is None),
            ("project, sia", "give one of them"),
        ),
        (scope is not None and scope not in known, (f"{scope!r} is not registered", "register it")),
        (
            budget.indicator == "energy_per_1000_tokens" and budget.sia is None,
            ("indicator: energy per 1000 tokens is a SIA's", "give a sia"),
        ),
        (
            budget.months is not None and ("-" in budget.period or not sum(budget.months)),
            ("months: a year's profile, of more than nothing", "leave it out"),
        ),
        (
            len(set(budget.thresholds)) < len(budget.thresholds),
            ("thresholds: one stands there twice", "take it away"),
        ),
        (
            len({step.year for step in budget.trajectory}) < len(budget.trajectory),
            ("trajectory: a year stands there twice", "take it away"),
        ),
        (
            not all(is_address(one) for one in budget.mail_to)
            or len(set(budget.mail_to)) < len(budget.mail_to),
            ("mail_to: no mail address, or one that stands there twice", "write name@example.org"),
        ),
        (
            bool(budget.reason)
            and not (re.fullmatch(r"[^\x00-\x1f\x7f]+", budget.reason) and budget.reason.strip()),
            ("reason: not one line of text", "write one"),
        ),
        (
            any(text != text.strip() for text in (budget.name, budget.reason)),
            ("name, reason: has blanks around it", "take them away"),
        ),
    ]
    if before is not None:
        of = ("project", "sia", "indicator", "period")
        found += [
            (
                any(getattr(budget, name) != getattr(before, name) for name in of),
                ("a budget stays what it is about", "make another, and end this one"),
            ),
            (not budget.reason, ("reason: a revision has one", "say why")),
        ]
    return [told for wrong, told in found if wrong]
