"""Budgets: METHOD.md's numbers; `test_budget.py` has the rules one by one."""

from datetime import date, timedelta

import pytest

from footprint.budget import Plan, Spent, forecast
from tests.footprint.method import Row, golden, number

FIRST = date(2026, 1, 1)
PLAN = Plan(365_000, FIRST, date(2026, 12, 31))


@pytest.mark.parametrize("row", golden("budget"), ids=str)
def test_worked_numbers(row: Row) -> None:
    known = number(row["days known"])
    spent = [Spent(FIRST + timedelta(days=n), 1200, 1000) for n in range(known)]
    found = forecast(PLAN, spent, FIRST + timedelta(days=known))
    assert found is not None
    assert PLAN.until(spent[-1].day) == number(row["planned so far"])
    assert sum(one.amount for one in spent) == number(row["used"])
    assert found.value == number(row["forecast"])
    assert found.exhausted == date.fromisoformat(row["used up on"])
