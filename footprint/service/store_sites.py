"""SQL of sites: every change is a new row with its `known_from`; nothing is overwritten.

In: a site that is new or says something new. Out: sites by code, as known at an instant.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from footprint.service import tables, tables_sites
from footprint.service.register import Contract, Dated, Pue, Site, SiteHost, Wue
from footprint.service.store_versions import EVER_US, last, of_last

SITE = tables.table(tables_sites.Site)
_HOST = tables.table(tables_sites.SiteHost)
_RATIO = tables.table(tables_sites.SiteRatio)
_CONTRACT = tables.table(tables_sites.SiteContract)
_Key = tuple[str, int]


def sites(
    connection: Connection, as_of_us: int = EVER_US, *, code: str | None = None
) -> dict[str, Site]:
    """Sites by code (or one) with their hosts and values, as known at an instant."""
    found = last(SITE, as_of_us, code)
    parts: dict[_Key, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for rows in (_HOST, _RATIO, _CONTRACT):
        query = of_last(rows, found, rows.c.site).order_by(rows.c.ordinal)
        for row in connection.execute(query):
            name, one = _part(rows, row)
            parts[row.site, row.known_from_us][name].append(one)
    query = of_last(SITE, found).order_by(SITE.c.code)
    return {
        row.code: Site(
            code=row.code, name=row.name, zone=row.zone, **parts[row.code, row.known_from_us]
        )
        for row in connection.execute(query)
    }


def _part(rows: Any, row: Any) -> tuple[str, Dated]:
    """A row of a site's, and which of its lists it belongs to."""
    dated: dict[str, Any] = {
        "from_": date.fromisoformat(row.valid_from) if row.valid_from else None,
        "to": date.fromisoformat(row.valid_to) if row.valid_to else None,
    }
    if rows is _HOST:
        return "hosts", SiteHost(host=row.host, **dated)
    dated |= {"document": row.document}
    if rows is _CONTRACT:
        return "contracts", Contract(
            permille=row.permille, g_per_kwh=Decimal(row.g_per_kwh), **dated
        )
    kind = Pue if row.kind == "pue" else Wue
    return row.kind, kind(value=Decimal(row.value), category=row.category, **dated)


def insert(connection: Connection, site: Site, known_us: int) -> None:
    """Add what belongs to a site beside its own row."""
    ratios = [("pue", one) for one in site.pue] + [("wue", one) for one in site.wue]
    for rows, parts in (
        (_HOST, [_dated(one) | {"host": one.host} for one in site.hosts]),
        (_RATIO, [_dated(one) | _ratio(kind, one) for kind, one in ratios]),
        (_CONTRACT, [_dated(one) | _contract(one) for one in site.contracts]),
    ):
        if parts:
            key = {"site": site.code, "known_from_us": known_us}
            found = [key | {"ordinal": ordinal} | part for ordinal, part in enumerate(parts)]
            connection.execute(rows.insert(), found)


def _dated(one: Dated) -> dict[str, Any]:
    return {
        "valid_from": one.from_.isoformat() if one.from_ else None,
        "valid_to": one.to.isoformat() if one.to else None,
    }


def _ratio(kind: str, one: Pue | Wue) -> dict[str, Any]:
    value = {"value": f"{one.value:f}", "category": one.category, "document": one.document}
    return {"kind": kind} | value


def _contract(one: Contract) -> dict[str, Any]:
    return {
        "permille": one.permille,
        "g_per_kwh": f"{one.g_per_kwh:f}",
        "document": one.document,
    }
