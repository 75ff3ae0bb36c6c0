"""SQL of hardware: every change is a new row with its `known_from`; nothing is overwritten.

In: hardware that is new or says something new. Out: hardware by host, as known at an instant.
"""

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import Connection

from footprint.service import tables, tables_hardware
from footprint.service.register import Hardware, HardwarePart
from footprint.service.store_versions import EVER_US, last, of_last

HARDWARE = tables.table(tables_hardware.Hardware)
_PART = tables.table(tables_hardware.HardwarePart)


def hardware(
    connection: Connection, as_of_us: int = EVER_US, *, code: str | None = None
) -> dict[str, Hardware]:
    """Hardware by host (or of one) with its parts, as known at an instant."""
    found = last(HARDWARE, as_of_us, code)
    of_parts = of_last(_PART, found, _PART.c.hardware)
    parts: dict[str, list[HardwarePart]] = defaultdict(list)
    for row in connection.execute(of_parts.order_by(_PART.c.ordinal)):
        parts[row.hardware].append(HardwarePart(part=row.part, count=row.number))
    query = of_last(HARDWARE, found).order_by(HARDWARE.c.code)
    return {
        row.code: Hardware(
            code=row.code,
            name=row.name,
            from_=date.fromisoformat(row.valid_from),
            to=date.fromisoformat(row.valid_to) if row.valid_to else None,
            lifetime_years=row.lifetime_years,
            parts=parts[row.code],
            document=row.document,
        )
        for row in connection.execute(query)
    }


def row_of(item: Hardware) -> dict[str, Any]:
    """What a row holds beside code, name and instant."""
    return {
        "valid_from": item.from_.isoformat(),
        "valid_to": item.to.isoformat() if item.to else None,
        "lifetime_years": item.lifetime_years,
        "document": item.document,
    }


def insert(connection: Connection, item: Hardware, known_us: int) -> None:
    """Add the parts."""
    rows = [
        {
            "hardware": item.code,
            "known_from_us": known_us,
            "ordinal": ordinal,
            "part": one.part,
            "number": one.count,
        }
        for ordinal, one in enumerate(item.parts)
    ]
    connection.execute(_PART.insert(), rows)
