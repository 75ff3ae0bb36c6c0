"""SQL of the register: every change is a new row with its `known_from`; nothing is overwritten."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, func, select

from footprint.service import tables
from footprint.service.register import Directorate, Item, Project, Register, Share, Sia

_DIRECTORATE = tables.table(tables.Directorate)
_PROJECT = tables.table(tables.Project)
_SIA = tables.table(tables.Sia)
_SHARE = tables.table(tables.Share)
EVER_US = 2**63 - 1


def _current(connection: Connection, rows: Any, as_of_us: int) -> list[Any]:
    """The last row known of each code, in the order of codes."""
    last = (
        select(rows.c.code, func.max(rows.c.known_from_us).label("known_from_us"))
        .where(rows.c.known_from_us <= as_of_us)
        .group_by(rows.c.code)
        .subquery()
    )
    same = and_(rows.c.code == last.c.code, rows.c.known_from_us == last.c.known_from_us)
    return list(connection.execute(select(rows).join(last, same).order_by(rows.c.code)))


def directorates(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Directorate]:
    """Directorates by code, as known at an instant."""
    found = _current(connection, _DIRECTORATE, as_of_us)
    return {row.code: Directorate(code=row.code, name=row.name) for row in found}


def projects(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Project]:
    """Projects by code, as known at an instant."""
    return {
        row.code: Project(code=row.code, name=row.name, directorate=row.directorate)
        for row in _current(connection, _PROJECT, as_of_us)
    }


def sia(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Sia]:
    """SIA by code with their shares, as known at an instant."""
    shares: dict[tuple[str, int], list[Share]] = {}
    for row in connection.execute(select(_SHARE).order_by(_SHARE.c.ordinal)):
        shares.setdefault((row.sia, row.known_from_us), []).append(_share(row))
    return {
        row.code: Sia(
            code=row.code, name=row.name, shares=shares.get((row.code, row.known_from_us), [])
        )
        for row in _current(connection, _SIA, as_of_us)
    }


def _share(row: Any) -> Share:
    return Share(
        project=row.project,
        permille=row.permille,
        from_=date.fromisoformat(row.valid_from) if row.valid_from else None,
        to=date.fromisoformat(row.valid_to) if row.valid_to else None,
    )


def store(connection: Connection, register: Register, now_us: int) -> int:
    """Add a row for each item that is new or says something new; how many."""
    changed = 0
    groups: tuple[tuple[list[Any], Mapping[str, Item]], ...] = (
        (register.directorates, directorates(connection)),
        (register.projects, projects(connection)),
        (register.sia, sia(connection)),
    )
    for items, held in groups:
        for item in items:
            if held.get(item.code) != item:
                _insert(connection, item, now_us)
                changed += 1
    return changed


def _insert(connection: Connection, item: Item, now_us: int) -> None:
    if isinstance(item, Directorate):
        known_us = _next_us(connection, _DIRECTORATE, item.code, now_us)
        values = {"code": item.code, "known_from_us": known_us, "name": item.name}
        connection.execute(_DIRECTORATE.insert(), values)
    elif isinstance(item, Project):
        known_us = _next_us(connection, _PROJECT, item.code, now_us)
        values = {"code": item.code, "known_from_us": known_us, "name": item.name}
        connection.execute(_PROJECT.insert(), values | {"directorate": item.directorate})
    else:
        known_us = _next_us(connection, _SIA, item.code, now_us)
        values = {"code": item.code, "known_from_us": known_us, "name": item.name}
        connection.execute(_SIA.insert(), values)
        if item.shares:
            connection.execute(_SHARE.insert(), _share_rows(item, known_us))


def _next_us(connection: Connection, rows: Any, code: str, now_us: int) -> int:
    """The instant from which a new row is known: now, but after the row it corrects."""
    query = select(func.max(rows.c.known_from_us)).where(rows.c.code == code)
    last_us = connection.execute(query).scalar_one()
    return now_us if last_us is None else max(now_us, last_us + 1)


def _share_rows(item: Sia, known_us: int) -> list[dict[str, Any]]:
    return [
        {
            "sia": item.code,
            "known_from_us": known_us,
            "ordinal": ordinal,
            "project": share.project,
            "permille": share.permille,
            "valid_from": share.from_.isoformat() if share.from_ else None,
            "valid_to": share.to.isoformat() if share.to else None,
        }
        for ordinal, share in enumerate(item.shares)
    ]
