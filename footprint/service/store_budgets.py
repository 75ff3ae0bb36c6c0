"""SQL of budgets.

In: a connection; the projects and SIA that a reader is held to, None where to none. Out: `Held`
versions. What is not theirs is not found.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select

from footprint import METHOD_VERSION, json_text
from footprint.interval import from_us, to_us
from footprint.service import tables, tables_budgets
from footprint.service.budgets import Budget, Held
from footprint.service.store_versions import EVER_US, last, of_last

_BUDGET = tables.table(tables_budgets.BudgetVersion)
MOST_VERSIONS = 100
_decoder = msgspec.json.Decoder(Budget)


class Own(msgspec.Struct, frozen=True):
    """Whose budgets somebody may know of."""

    projects: Collection[str]
    sia: Collection[str]


def budgets(
    connection: Connection, own: Own | None = None, *, code: str | None = None
) -> dict[str, Held]:
    """The present version of each budget (or one) by code."""
    query = of_last(_BUDGET, last(_BUDGET, EVER_US, code)).where(*_theirs(own))
    return {row.code: _held(row) for row in connection.execute(query.order_by(_BUDGET.c.code))}


def versions(connection: Connection, code: str, own: Own | None = None) -> list[Held]:
    """The newest hundred versions of a budget, oldest first."""
    query = select(_BUDGET).where(_BUDGET.c.code == code, *_theirs(own))
    newest = query.order_by(_BUDGET.c.known_from_us.desc()).limit(MOST_VERSIONS)
    return [_held(row) for row in connection.execute(newest)][::-1]


def add(connection: Connection, held: Held) -> None:
    """Keep a version."""
    budget = held.budget
    values = {
        "code": budget.code,
        "known_from_us": to_us(held.known_from),
        "project": budget.project or "",
        "sia": budget.sia or "",
        "content": json_text.encode(budget).decode(),
        "actor": held.actor,
        "method_version": held.method_version,
        "factors_as_of_us": to_us(held.factors_as_of),
    }
    connection.execute(_BUDGET.insert(), values)


def revise(
    connection: Connection, before: Held | None, budget: Budget, actor: str, now: datetime
) -> Held:
    """Keep a new version of a budget that was checked: known from now, or right after the one that
    it revises, whose frozen factors it takes over unless it asks for those of now."""
    known_from = now
    if before is not None:
        known_from = from_us(max(to_us(now), to_us(before.known_from) + 1))
    frozen = now if before is None or budget.refreeze else before.factors_as_of
    held = Held(budget, known_from, actor, METHOD_VERSION, frozen)
    add(connection, held)
    return held


def _theirs(own: Own | None) -> list[ColumnElement[bool]]:
    if own is None:
        return []
    return [or_(_BUDGET.c.project.in_([*own.projects]), _BUDGET.c.sia.in_([*own.sia]))]


def _held(row: Any) -> Held:
    return Held(
        _decoder.decode(row.content),
        from_us(row.known_from_us),
        row.actor,
        row.method_version,
        from_us(row.factors_as_of_us),
    )
