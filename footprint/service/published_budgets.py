"""The budgets that a publication tells of: those of what stands apart in it.

In: a read connection on rollups that are up to date, the month's figures and the months closed
before. Out: `BudgetTold`. What a budget has used is a sum over months: it is told where its project
or SIA stands apart in each of them, else the months that tell it apart would tell of the others.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint.interval import paris_date
from footprint.publication import BudgetTold, Publication
from footprint.publication_figures import EVERYTHING, Figures
from footprint.service import burns, store_budgets, subjects
from footprint.service.budgets import Budget
from footprint.service.trend_months import CommonMonths


class Asked(msgspec.Struct, frozen=True):
    """Of which month, with the zone of hosts of no site, as known at `as_of`; its figures, and the
    publications before."""

    month: str
    zone: str
    as_of: datetime
    figures: Figures
    closed: Sequence[Publication]


def told(connection: Connection, asked: Asked, kept: CommonMonths) -> Iterator[BudgetTold]:
    """Budgets of the month and its year, used to the month's end."""
    end = paris_date(subjects.month_interval(asked.month).end)
    for code, held in sorted(store_budgets.budgets(connection, None).items()):
        one = held.budget
        months = [found for found in asked.closed if found.month.startswith(one.period)]
        if one.ended or not asked.month.startswith(one.period):
            continue
        if not (_apart(one, asked.figures) and all(_apart(one, found) for found in months)):
            continue
        up = burns.burn_up(connection, held, asked.zone, asked.as_of, kept)
        days = [day.used for day in up.days if day.day < end and day.used is not None]
        ahead = up.forecast
        yield BudgetTold(
            code=code,
            name=one.name,
            project=one.project,
            sia=one.sia,
            indicator=one.indicator,
            period=one.period,
            amount=one.amount,
            unit=up.unit,
            base_unit=up.base_unit,
            amount_base=up.amount_base,
            used=days[-1] if days else up.used,
            forecast_low=ahead.low if ahead else None,
            forecast=ahead.value if ahead else None,
            forecast_high=ahead.high if ahead else None,
            state=up.state,
        )


def _apart(one: Budget, told: Figures | Publication) -> bool:
    """Whether what a budget is of stands by itself, or used nothing."""
    if any(unit.id == EVERYTHING for unit in told.units):
        return False
    code = one.project or one.sia
    groups = told.projects if one.project is not None else told.units
    members = [[member.code for member in group.members] for group in groups]
    return not any(code in codes and len(codes) > 1 for codes in members)
