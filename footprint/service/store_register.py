"""SQL of the register: every change is a new row with its `known_from`; nothing is overwritten."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select

from footprint.service import store_externals, store_hardware, store_sites, tables
from footprint.service.register import (
    LISTS,
    Alias,
    Dated,
    Directorate,
    External,
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
from footprint.service.store_versions import EVER_US, last, of_last

_DIRECTORATE = tables.table(tables.Directorate)
_PROJECT = tables.table(tables.Project)
_SIA = tables.table(tables.Sia)
_SHARE = tables.table(tables.Share)
_ALIAS = tables.table(tables.SiaAlias)
_SERVER = tables.table(tables.Server)
_MODEL = tables.table(tables.ServerModel)
_TABLES = {
    Directorate: _DIRECTORATE,
    Project: _PROJECT,
    Sia: _SIA,
    Server: _SERVER,
    Site: store_sites.SITE,
    Hardware: store_hardware.HARDWARE,
    External: store_externals.EXTERNAL,
}
_SAID = ("unit", "purpose", "stage", "hosting", "charter", "owner", "users")
"""What is said of a SIA in its own row."""
MOST_VERSIONS = 100
sites = store_sites.sites
hardware = store_hardware.hardware
externals = store_externals.externals


Own = Collection[str] | None
"""The projects that a reader is held to, None where to none."""


def directorates(
    connection: Connection,
    as_of_us: int = EVER_US,
    own: Own = None,
    *,
    code: str | None = None,
) -> dict[str, Directorate]:
    """Directorates by code (or one), as known at an instant; with `own`, of these projects."""
    query = of_last(_DIRECTORATE, last(_DIRECTORATE, as_of_us, code))
    if own is not None:
        held = last(_PROJECT, as_of_us)
        theirs = of_last(_PROJECT, held).where(_PROJECT.c.code.in_(own))
        of_these = theirs.with_only_columns(_PROJECT.c.directorate)
        query = query.where(_DIRECTORATE.c.code.in_(of_these))
    found = connection.execute(query.order_by(_DIRECTORATE.c.code))
    return {row.code: Directorate(code=row.code, name=row.name) for row in found}


def projects(
    connection: Connection,
    as_of_us: int = EVER_US,
    own: Own = None,
    *,
    code: str | None = None,
) -> dict[str, Project]:
    """Projects by code (or one), as known at an instant; with `own`, these alone."""
    query = of_last(_PROJECT, last(_PROJECT, as_of_us, code))
    if own is not None:
        query = query.where(_PROJECT.c.code.in_(own))
    return {
        row.code: Project(code=row.code, name=row.name, directorate=row.directorate)
        for row in connection.execute(query.order_by(_PROJECT.c.code))
    }


def sia(
    connection: Connection,
    as_of_us: int = EVER_US,
    own: Own = None,
    *,
    code: str | None = None,
) -> dict[str, Sia]:
    """SIA by code (or one) with their shares, as known at an instant; with `own`, those of which
    these projects have a share, and these shares."""
    found = last(_SIA, as_of_us, code)
    of_shares = of_last(_SHARE, found, _SHARE.c.sia)
    if own is not None:
        of_shares = of_shares.where(_SHARE.c.project.in_(own))
    shares: dict[str, list[Share]] = {}
    for row in connection.execute(of_shares.order_by(_SHARE.c.ordinal)):
        shares.setdefault(row.sia, []).append(_share(row))
    aliases: dict[str, list[Alias]] = {}
    of_aliases = of_last(_ALIAS, found, _ALIAS.c.sia).order_by(_ALIAS.c.ordinal)
    for row in connection.execute(of_aliases):
        aliases.setdefault(row.sia, []).append(Alias(code=row.code, **_days(row)))
    query = of_last(_SIA, found)
    if own is not None:
        query = query.where(_of_sia(_SHARE.c.project.in_(own)))
    return {
        row.code: Sia(
            code=row.code,
            name=row.name,
            shares=shares.get(row.code, []),
            aliases=aliases.get(row.code, []),
            **{name: getattr(row, name) for name in _SAID},
        )
        for row in connection.execute(query.order_by(_SIA.c.code))
    }


def own_sia(connection: Connection, own: Collection[str]) -> set[str]:
    """The SIA of which nobody but these projects ever has a share, as known now."""
    mine, others = _SHARE.c.project.in_(own), _SHARE.c.project.not_in(own)
    query = of_last(_SIA, last(_SIA, EVER_US)).where(_of_sia(mine), ~_of_sia(others))
    return {row.code for row in connection.execute(query)}


def _of_sia(where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the row of a SIA at hand has such a share."""
    same = and_(_SHARE.c.sia == _SIA.c.code, _SHARE.c.known_from_us == _SIA.c.known_from_us)
    return select(_SHARE.c.sia).where(same, where).exists()


def _share(row: Any) -> Share:
    return Share(project=row.project, permille=row.permille, **_days(row))


def _days(row: Any) -> dict[str, date | None]:
    return {
        "from_": date.fromisoformat(row.valid_from) if row.valid_from else None,
        "to": date.fromisoformat(row.valid_to) if row.valid_to else None,
    }


def servers(
    connection: Connection, as_of_us: int = EVER_US, *, code: str | None = None
) -> dict[str, Server]:
    """Shared servers by code (or one) with the boards of their models, as known at an instant."""
    found = last(_SERVER, as_of_us, code)
    models: dict[str, dict[str, list[str]]] = {}
    of_models = of_last(_MODEL, found, _MODEL.c.server).order_by(_MODEL.c.ordinal)
    for row in connection.execute(of_models):
        models.setdefault(row.server, {}).setdefault(row.model, []).append(row.device)
    return {
        row.code: Server(
            code=row.code,
            name=row.name,
            weights=_weights(row),
            idle=row.idle,
            models=models.get(row.code, {}),
        )
        for row in connection.execute(of_last(_SERVER, found).order_by(_SERVER.c.code))
    }


_FIT = {"prompt_weight": 0, "generated_weight": 0}
"""How a row says that the weights are to be fitted: no declared weight is zero."""


def _weights(row: Any) -> Weights | Literal["fit"] | None:
    if row.prompt_weight is None:
        return None
    if row.prompt_weight == 0:
        return "fit"
    return Weights(prompt=row.prompt_weight, generated=row.generated_weight)


def held(connection: Connection) -> Register:
    """The whole register as it is now."""
    return Register(
        directorates=list(directorates(connection).values()),
        projects=list(projects(connection).values()),
        sia=list(sia(connection).values()),
        servers=list(servers(connection).values()),
        sites=list(sites(connection).values()),
        hardware=list(hardware(connection).values()),
        externals=list(externals(connection).values()),
    )


def versions(connection: Connection, kind: type[Item], code: str) -> list[int]:
    """The instants, in microseconds, from which versions of an item are known, oldest first; the
    newest hundred."""
    rows = _TABLES[kind]
    query = (
        select(rows.c.known_from_us)
        .where(rows.c.code == code)
        .order_by(rows.c.known_from_us.desc())
        .limit(MOST_VERSIONS)
    )
    return sorted(connection.execute(query).scalars())


class Change(msgspec.Struct, frozen=True):
    """An item of a list as it was, None where it is new, and as it is now."""

    list: str
    before: Item | None
    after: Item


def store(connection: Connection, register: Register, now_us: int) -> list[Change]:
    """Add a row for each item that is new or says something new."""
    held_now = held(connection)
    changes = []
    for name in LISTS:
        known = {item.code: item for item in getattr(held_now, name)}
        for item in getattr(register, name):
            if known.get(item.code) != item:
                _insert(connection, item, now_us)
                changes.append(Change(name, known.get(item.code), item))
    return changes


def _insert(connection: Connection, item: Item, now_us: int) -> None:
    rows = _TABLES[type(item)]
    known_us = _next_us(connection, rows, item.code, now_us)
    key = {"code": item.code, "known_from_us": known_us, "name": item.name}
    connection.execute(rows.insert(), key | _ROWS[type(item)](item))
    if isinstance(item, Sia) and item.shares:
        connection.execute(_SHARE.insert(), _share_rows(item, known_us))
    if isinstance(item, Sia) and item.aliases:
        connection.execute(_ALIAS.insert(), _alias_rows(item, known_us))
    if isinstance(item, Server) and item.models:
        connection.execute(_MODEL.insert(), _model_rows(item, known_us))
    if isinstance(item, Site):
        store_sites.insert(connection, item, known_us)
    if isinstance(item, Hardware):
        store_hardware.insert(connection, item, known_us)
    if isinstance(item, External):
        store_externals.insert(connection, item, known_us)


_ROWS: dict[type[Item], Callable[[Any], dict[str, Any]]] = {
    Directorate: lambda _: {},
    Project: lambda item: {"directorate": item.directorate},
    Sia: lambda item: {name: getattr(item, name) for name in _SAID},
    Server: lambda item: _weight_row(item.weights) | {"idle": item.idle},
    Site: lambda item: {"zone": item.zone},
    Hardware: store_hardware.row_of,
    External: store_externals.row_of,
}
"""What a row of an item holds beside code, name and instant."""


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


def _valid(dated: Dated) -> dict[str, str | None]:
    return {
        "valid_from": dated.from_.isoformat() if dated.from_ else None,
        "valid_to": dated.to.isoformat() if dated.to else None,
    }


def _alias_rows(item: Sia, known_us: int) -> list[dict[str, Any]]:
    return [
        {"sia": item.code, "known_from_us": known_us, "ordinal": ordinal, "code": alias.code}
        | _valid(alias)
        for ordinal, alias in enumerate(item.aliases)
    ]


def _share_rows(item: Sia, known_us: int) -> list[dict[str, Any]]:
    return [
        {
            "sia": item.code,
            "known_from_us": known_us,
            "ordinal": ordinal,
            "project": share.project,
            "permille": share.permille,
        }
        | _valid(share)
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
