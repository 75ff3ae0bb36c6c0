"""The device rows that `footprint fsck` expects: cover, since when known, rated power.

In: accepted pages, in any order. Out: what differs in the rows held, one line each. Of a device
whose first page has left, only the last cover and the rated power can be told, if pages held do.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import to_us
from footprint.service import store_check, store_pages, store_rollups
from footprint.service.store_chains import Row

DeviceKey = tuple[str, str, str]
_COVER = ("first_us", "last_us", "known_from_us")


class Devices:
    """The device rows that follow from the accepted pages."""

    def __init__(self) -> None:
        self._rows: dict[DeviceKey, Row] = {}
        self._rated: dict[DeviceKey, tuple[int, set[int]]] = {}
        self.days_us: set[int] = set()
        """The days (Europe/Paris) that have accepted pages."""

    def add(self, page: ledger.Page, known_from_us: int) -> None:
        """Take a page's devices into account."""
        start_us, end_us = to_us(page.start), to_us(page.end)
        self.days_us.add(store_rollups.day_of(start_us))
        for component, device, power_uw in store_pages.devices_of(page):
            key = (page.host_id, component, device)
            row = {
                "host_id": page.host_id,
                "component": component,
                "device": device,
                "first_us": start_us,
                "last_us": end_us,
                "known_from_us": known_from_us,
                "rated_power_uw": None,
            }
            held = self._rows.setdefault(key, row)
            for name, choose in (("first_us", min), ("last_us", max), ("known_from_us", min)):
                held[name] = choose(held[name], row[name])
            if power_uw is not None:
                self._rate(key, known_from_us, power_uw)

    def _rate(self, key: DeviceKey, known_us: int, power_uw: int) -> None:
        """The last power told holds; of several told at one instant, any may have been last."""
        last_us, powers_uw = self._rated.get(key, (known_us, set()))
        if known_us > last_us:
            powers_uw = set()
        if known_us >= last_us:
            self._rated[key] = (known_us, powers_uw | {power_uw})

    def rows(self, connection: Connection, host_id: str, gone_us: int) -> list[Row]:
        """The rows that a host should have."""
        expected = {
            key: row | {"rated_power_uw": min(self._rated.get(key, (0, {None}))[1], default=None)}  # type: ignore[type-var]
            for key, row in self._rows.items()
        }
        for key, held in store_check.devices(connection, host_id).items():
            if held.first_us < gone_us:
                expected[key] = self._older(held, expected.get(key))
        return [row for _, row in sorted(expected.items())]

    def _older(self, held: Any, row: Row | None) -> Row:
        """The row of a device whose first page has left."""
        if row is None:
            return dict(held._mapping)
        told = row["rated_power_uw"]
        return row | {
            "first_us": held.first_us,
            "known_from_us": held.known_from_us,
            "rated_power_uw": held.rated_power_uw if told is None else told,
        }

    def check(
        self, connection: Connection, gone_us: int, host_id: str | None = None
    ) -> Iterator[str]:
        """What is wrong with the device rows held, of a host or of all; what was before `gone_us`
        has left."""
        found = store_check.devices(connection, host_id)
        for key in sorted(found.keys() | self._rows.keys()):
            held, row = found.get(key), self._rows.get(key)
            name = f"device {'/'.join(key)}"
            if held is not None and held.first_us < gone_us:
                yield from self._check_older(name, held, row)
                continue
            if held is None or row is None:
                yield f"{name}: its row and the pages held do not go together"
                continue
            if any(getattr(held, column) != row[column] for column in _COVER):
                yield f"{name}: its first and last page are not those held"
            if held.rated_power_uw not in self._rated.get(key, (0, {None}))[1]:
                yield f"{name}: its rated power is not the last that its pages tell"

    def _check_older(self, name: str, held: Any, row: Row | None) -> Iterator[str]:
        if row is None:
            return
        if held.last_us != row["last_us"] or held.first_us > row["first_us"]:
            yield f"{name}: its first and last page are not those held"
        powers_uw = self._rated.get((held.host_id, held.component, held.device), (0, set()))[1]
        if powers_uw and held.rated_power_uw not in powers_uw:
            yield f"{name}: its rated power is not the last that its pages tell"
