"""SQL of pages of energy: what is derived from accepted ones, and the devices that they cover."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func
from sqlalchemy.dialects.sqlite import insert

from footprint import ledger
from footprint.interval import to_us
from footprint.service import tables
from footprint.service.store_chains import Chains, Row, keyed

_DEVICE = tables.table(tables.Device)


def insert_devices(connection: Connection, pages: Sequence[ledger.Page], now_us: int) -> None:
    """Expect the devices of accepted pages from now on."""
    devices = [row for page in pages for row in device_rows(page, now_us)]
    if devices:
        connection.execute(_upsert_devices(), devices)


def _upsert_devices() -> Any:
    statement = insert(_DEVICE)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[_DEVICE.c.host_id, _DEVICE.c.component, _DEVICE.c.device],
        set_={
            "first_us": func.min(_DEVICE.c.first_us, new.first_us),
            "last_us": func.max(_DEVICE.c.last_us, new.last_us),
            "rated_power_uw": func.coalesce(new.rated_power_uw, _DEVICE.c.rated_power_uw),
        },
    )


def device_rows(page: ledger.Page, now_us: int) -> list[Row]:
    """The devices that a page covers, or should have covered but for a gap."""
    rated_uw = {
        (state.component, state.device): state.rated_power_uw
        for state in page.sensors
        if not state.evidence
    }
    lost = {(gap.component, gap.device): None for gap in page.gaps if gap.kind == "gap"}
    return [
        {
            "host_id": page.host_id,
            "component": component,
            "device": device,
            "first_us": to_us(page.start),
            "last_us": to_us(page.end),
            "known_from_us": now_us,
            "rated_power_uw": rated_power_uw,
        }
        for (component, device), rated_power_uw in (lost | rated_uw).items()
    ]


def entry_rows(page: ledger.Page) -> list[Row]:
    """The page's entries as rows."""
    return keyed(page, (msgspec.structs.asdict(entry) for entry in page.entries))


def gap_rows(page: ledger.Page) -> list[Row]:
    """The page's gaps as rows."""
    return keyed(
        page,
        (
            {
                "kind": gap.kind,
                "component": gap.component,
                "device": gap.device,
                "from_us": to_us(gap.start),
                "to_us": to_us(gap.end),
                "cause": gap.cause,
            }
            for gap in page.gaps
        ),
    )


_SENSOR_FIELDS = (
    "sensor",
    "device",
    "component",
    "covers",
    "evidence",
    "quality",
    "status",
    "metered_uj",
    "interpolated_uj",
    "failures",
    "last_error",
    "rated_power_uw",
)


def sensor_rows(page: ledger.Page) -> list[Row]:
    """The page's sensor states as rows."""
    end_us = to_us(page.end)
    return keyed(
        page,
        (
            {"end_us": end_us} | {name: getattr(state, name) for name in _SENSOR_FIELDS}
            for state in page.sensors
        ),
    )


def node_rows(page: ledger.Page) -> list[Row]:
    """The page's node facts as rows."""
    return keyed(
        page,
        (
            {
                "meter": node.meter,
                "host_ids": " ".join(node.host_ids),
                "from_us": to_us(node.start),
                "to_us": to_us(node.end),
                "energy_uj": node.energy_uj,
                "quality": node.quality,
            }
            for node in page.nodes
        ),
    )


CHAINS = Chains(
    tables.LedgerHead,
    tables.Page,
    (
        (tables.Entry, entry_rows),
        (tables.Gap, gap_rows),
        (tables.Sensor, sensor_rows),
        (tables.Node, node_rows),
    ),
)
"""The ledgers of energy."""
