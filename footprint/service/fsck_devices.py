"""The device rows that `footprint fsck` expects: cover, since when known, rated power.

In: accepted pages, in any order. Out: what differs in the rows held, one line each.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from footprint import ledger
from footprint.service import store_check, store_pages
from footprint.service.store_chains import Row

DeviceKey = tuple[str, str, str]
_COVER = ("first_us", "last_us", "known_from_us")


class Devices:
    """The device rows that follow from the accepted pages."""

    def __init__(self) -> None:
        self._rows: dict[DeviceKey, Row] = {}
        self._rated: dict[DeviceKey, tuple[int, set[int]]] = {}

    def add(self, page: ledger.Page, known_from_us: int) -> None:
        """Take a page's devices into account."""
        for row in store_pages.device_rows(page, known_from_us):
            key = (row["host_id"], row["component"], row["device"])
            held = self._rows.setdefault(key, row)
            for name, choose in (("first_us", min), ("last_us", max), ("known_from_us", min)):
                held[name] = choose(held[name], row[name])
            if row["rated_power_uw"] is not None:
                self._rate(key, known_from_us, row["rated_power_uw"])

    def _rate(self, key: DeviceKey, known_us: int, power_uw: int) -> None:
        """The last power told holds; of several told at one instant, any may have been last."""
        last_us, powers_uw = self._rated.get(key, (known_us, set()))
        if known_us > last_us:
            powers_uw = set()
        if known_us >= last_us:
            self._rated[key] = (known_us, powers_uw | {power_uw})

    def check(self, connection: Connection) -> Iterator[str]:
        """What is wrong with the device rows held."""
        found = store_check.devices(connection)
        for key in sorted(found.keys() | self._rows.keys()):
            held, row = found.get(key), self._rows.get(key)
            name = f"device {'/'.join(key)}"
            if held is None or row is None:
                yield f"{name}: its row and the pages held do not go together"
                continue
            if any(getattr(held, column) != row[column] for column in _COVER):
                yield f"{name}: its first and last page are not those held"
            if held.rated_power_uw not in self._rated.get(key, (0, {None}))[1]:
                yield f"{name}: its rated power is not the last that its pages tell"
