"""SQL of AI services outside the house: every change is a new row with its `known_from`.

In: services that are new or say something new. Out: services by code, as known at an instant.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection

from footprint.service import tables, tables_externals
from footprint.service.register import External
from footprint.service.store_versions import EVER_US, last, of_last

EXTERNAL = tables.table(tables_externals.External)
_MODEL = tables.table(tables_externals.ExternalModel)


def externals(
    connection: Connection, as_of_us: int = EVER_US, *, code: str | None = None
) -> dict[str, External]:
    """Services by code (or one) with their models, as known at an instant."""
    found = last(EXTERNAL, as_of_us, code)
    of_models = of_last(_MODEL, found, _MODEL.c.external)
    models: dict[str, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(of_models.order_by(_MODEL.c.ordinal)):
        models[row.external][row.model] = row.name
    query = of_last(EXTERNAL, found).order_by(EXTERNAL.c.code)
    return {
        row.code: External(
            code=row.code,
            name=row.name,
            provider=row.provider,
            zone=row.zone,
            models=models[row.code],
        )
        for row in connection.execute(query)
    }


def row_of(item: External) -> dict[str, Any]:
    """What a row holds beside code, name and instant."""
    return {"provider": item.provider, "zone": item.zone}


def insert(connection: Connection, item: External, known_us: int) -> None:
    """Add the models."""
    rows = [
        {
            "external": item.code,
            "known_from_us": known_us,
            "ordinal": ordinal,
            "model": model,
            "name": name,
        }
        for ordinal, (model, name) in enumerate(item.models.items())
    ]
    connection.execute(_MODEL.insert(), rows)
