"""SQL of pages of energy: what is derived from accepted ones, and the devices that they cover."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import store_bulk, store_rollups, tables
from footprint.service.store_chains import Chains, Content, Dated, keyed

_Of = Dated[ledger.Page]
DeviceKey = tuple[str, str, str]
"""Host, component and device."""


def insert_devices(connection: Connection, pages: Sequence[_Of], now_us: int) -> None:
    """Expect the devices of accepted pages from now on, and have their days summed again."""
    store_rollups.mark(connection, pages)
    devices: dict[DeviceKey, list[Any]] = {}
    for of in pages:
        for component, device, rated_power_uw in devices_of(of.page):
            key = (of.page.host_id, component, device)
            held = devices.get(key)
            if held is None:
                devices[key] = [of.start_us, of.end_us, now_us, rated_power_uw]
                continue
            held[0] = min(held[0], of.start_us)
            held[1] = max(held[1], of.end_us)
            if rated_power_uw is not None:
                held[3] = rated_power_uw
    if devices:
        rated_uw = {key: held[3] for key, held in devices.items()}
        last = {of.page.host_id: (of.page.seq, of.page.ledger_id) for of in pages}
        _mark_rated(connection, rated_uw, last)
        rows = [(*key, *devices[key]) for key in sorted(devices)]
        store_bulk.change_many(connection, _UPSERT, rows)


_RATED = "SELECT host_id, component, device, rated_power_uw FROM device WHERE host_id IN ()"
_UPSERT = """
INSERT INTO device (
    host_id, component, device, first_us, last_us, known_from_us, rated_power_uw
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (host_id, component, device) DO UPDATE SET
    first_us = CASE WHEN excluded.first_us < device.first_us
        THEN excluded.first_us ELSE device.first_us END,
    last_us = CASE WHEN excluded.last_us > device.last_us
        THEN excluded.last_us ELSE device.last_us END,
    rated_power_uw = coalesce(excluded.rated_power_uw, device.rated_power_uw)
"""


def _mark_rated(
    connection: Connection,
    rated_uw: Mapping[DeviceKey, int | None],
    last: Mapping[str, tuple[int, str]],
) -> None:
    """Rated power weights the cover of every day: where it changes, all are summed again."""
    hosts = {host_id for host_id, _, _ in rated_uw}
    changed = set()
    for *key, held_uw in store_bulk.found_among(connection, _RATED, hosts):
        told_uw = rated_uw.get(tuple(key))
        if told_uw is not None and told_uw != held_uw:
            changed.add(key[0])
    for host_id in sorted(changed):
        store_rollups.mark_host(connection, host_id, *last[host_id])


def devices_of(page: ledger.Page) -> list[tuple[str, str, int | None]]:
    """Component, device and rated power of what a page covers, or should have covered but for a
    gap."""
    rated_uw = {
        (state.component or "", state.device): state.rated_power_uw
        for state in page.sensors
        if not state.evidence
    }
    for gap in page.gaps:
        if gap.kind == "gap":
            rated_uw.setdefault((gap.component, gap.device), None)
    return [(*key, power_uw) for key, power_uw in rated_uw.items()]


def entry_rows(of: _Of) -> list[Content]:
    """The page's entries as rows; of all rows they are the most, so each is made at once."""
    page, start_us, _ = of
    host_id, ledger_id, seq = page.host_id, page.ledger_id, page.seq
    return [
        (
            host_id,
            start_us,
            ledger_id,
            seq,
            ordinal,
            entry.component,
            entry.device,
            entry.consumer,
            entry.part,
            entry.energy_uj,
            entry.quality,
        )
        for ordinal, entry in enumerate(page.entries)
    ]


def gap_rows(of: _Of) -> list[Content]:
    """The page's gaps as rows."""
    return keyed(
        of,
        [
            (gap.kind, gap.component, gap.device, to_us(gap.start), to_us(gap.end), gap.cause)
            for gap in of.page.gaps
        ],
    )


def sensor_rows(of: _Of) -> list[Content]:
    """The page's sensor states as rows."""
    page, _, end_us = of
    return keyed(
        of,
        [
            (
                end_us,
                state.sensor,
                state.device,
                state.component,
                _text(state.covers),
                state.evidence,
                state.quality,
                state.status,
                state.metered_uj,
                state.interpolated_uj,
                state.failures,
                _text(state.last_error),
                state.rated_power_uw,
            )
            for state in page.sensors
        ],
    )


def _text(line: str) -> str:
    """Free text as every database can hold it: PostgreSQL has no NUL."""
    return line.replace("\0", "\N{REPLACEMENT CHARACTER}")


def node_rows(of: _Of) -> list[Content]:
    """The page's node facts as rows."""
    return keyed(
        of,
        [
            (
                node.meter,
                " ".join(node.host_ids),
                to_us(node.start),
                to_us(node.end),
                node.energy_uj,
                node.quality,
            )
            for node in of.page.nodes
        ],
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
