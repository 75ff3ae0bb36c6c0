"""SQL of the register: every change is a new row with its `known_from`; nothing is overwritten."""

from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, select

from footprint.service import store_hardware, store_sites, tables
from footprint.service.register import (
    LISTS,
    Directorate,
    Hardware,
    Item,
    Project,
    Register,
    Server,
    Share,
    Sia,
    Site,
    Weights,
)

_DIRECTORATE = tables.table(tables.Directorate)
_PROJECT = tables.table(tables.Project)
_SIA = tables.table(tables.Sia)
_SHARE = tables.table(tables.Share)
_SERVER = tables.table(tables.Server)
_MODEL = tables.table(tables.ServerModel)
_TABLES = {
    Directorate: _DIRECTORATE,
    Project: _PROJECT,
    Sia: _SIA,
    Server: _SERVER,
    Site: store_sites.SITE,
    Hardware: store_hardware.HARDWARE,
}
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
            code=row.code,
            name=row.name,
            shares=shares.get((row.code, row.known_from_us), []),
            unit=row.unit,
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


def servers(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Server]:
    """Shared servers by code with the boards of their models, as known at an instant."""
    models: dict[tuple[str, int], dict[str, list[str]]] = {}
    for row in connection.execute(select(_MODEL).order_by(_MODEL.c.ordinal)):
        of_server = models.setdefault((row.server, row.known_from_us), {})
        of_server.setdefault(row.model, []).append(row.device)
    return {
        row.code: Server(
            code=row.code,
            name=row.name,
            weights=_weights(row),
            idle=row.idle,
            models=models.get((row.code, row.known_from_us), {}),
        )
        for row in _current(connection, _SERVER, as_of_us)
    }


_FIT = {"prompt_weight": 0, "generated_weight": 0}
"""How a row says that the weights are to be fitted: no declared weight is zero."""


def _weights(row: Any) -> Weights | Literal["fit"] | None:
    if row.prompt_weight is None:
        return None
    if row.prompt_weight == 0:
        return "fit"
    return Weights(prompt=row.prompt_weight, generated=row.generated_weight)


def sites(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Site]:
    """Sites by code, as known at an instant."""
    return store_sites.sites(connection, as_of_us)


def hardware(connection: Connection, as_of_us: int = EVER_US) -> dict[str, Hardware]:
    """Hardware by host, as known at an instant."""
    return store_hardware.hardware(connection, as_of_us)


def held(connection: Connection) -> Register:
    """The whole register as it is now."""
    return Register(
        directorates=list(directorates(connection).values()),
        projects=list(projects(connection).values()),
        sia=list(sia(connection).values()),
        servers=list(servers(connection).values()),
        sites=list(sites(connection).values()),
        hardware=list(hardware(connection).values()),
    )


def store(connection: Connection, register: Register, now_us: int) -> dict[str, int]:
    """Add a row for each item that is new or says something new; how many, by list."""
    before = held(connection)
    changed = {}
    for name in LISTS:
        known = {item.code: item for item in getattr(before, name)}
        fresh = [item for item in getattr(register, name) if known.get(item.code) != item]
        for item in fresh:
            _insert(connection, item, now_us)
        changed[name] = len(fresh)
    return changed


def _insert(connection: Connection, item: Item, now_us: int) -> None:
    rows = _TABLES[type(item)]
    known_us = _next_us(connection, rows, item.code, now_us)
    key = {"code": item.code, "known_from_us": known_us, "name": item.name}
    connection.execute(rows.insert(), key | _row(item))
    if isinstance(item, Sia) and item.shares:
        connection.execute(_SHARE.insert(), _share_rows(item, known_us))
    if isinstance(item, Server) and item.models:
        connection.execute(_MODEL.insert(), _model_rows(item, known_us))
    if isinstance(item, Site):
        store_sites.insert(connection, item, known_us)
    if isinstance(item, Hardware):
        store_hardware.insert(connection, item, known_us)


def _row(item: Item) -> dict[str, Any]:
    """What a row of `item` holds beside code, name and instant."""
    if isinstance(item, Project):
        return {"directorate": item.directorate}
    if isinstance(item, Sia):
        return {"unit": item.unit}
    if isinstance(item, Server):
        return _weight_row(item.weights) | {"idle": item.idle}
    if isinstance(item, Site):
        return {"zone": item.zone}
    if isinstance(item, Hardware):
        return store_hardware.row_of(item)
    return {}


def _weight_row(weights: Weights | Literal["fit"] | None) -> dict[str, int | None]:
    if weights == "fit":
        return dict(_FIT)
    return {
        "prompt_weight": weights.prompt if weights else None,
        "generated_weight": weights.generated if weights else None,
    }


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


def _model_rows(item: Server, known_us: int) -> list[dict[str, Any]]:
    boards = [(model, board) for model, boards in item.models.items() for board in boards]
    return [
        {
            "server": item.code,
            "known_from_us": known_us,
            "ordinal": ordinal,
            "model": model,
            "device": board,
        }
        for ordinal, (model, board) in enumerate(boards)
    ]
