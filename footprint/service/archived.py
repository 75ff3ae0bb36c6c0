"""Time that has left the database: what comes for it, and what is checked at its border.

In: a read or write connection. Out: `Gone`, which reads what it needs once: why a page that comes
may not count, where a ledger's chain goes on, how far back what is held can be judged.
"""

from functools import cached_property

from sqlalchemy import Connection

from footprint.interval import from_us
from footprint.service import store_archived
from footprint.service.store_archived import Cut, KindName, Left


class Gone:
    """What has left, of one kind of pages."""

    def __init__(self, connection: Connection, kind: KindName) -> None:
        self._connection = connection
        self._kind = kind

    def reason(self, host_id: str, start_us: int) -> str:
        """Why a page must not count; empty where it may."""
        if not self._months or start_us >= self.reaches_us(host_id):
            return ""
        end_us = self._months[-1].until_us
        left = next((one for one in self._months if start_us < one.until_us), self._months[-1])
        return (
            f"archived: begins at {from_us(start_us).isoformat()}; what began before "
            f"{from_us(end_us).isoformat()} has left this database ({left.file})"
        )

    @property
    def until_us(self) -> int:
        """Where the last month ends that has left; 0 where none has."""
        return self._months[-1].until_us if self._months else 0

    def reaches_us(self, host_id: str) -> int:
        """Before when nothing of a host is told apart any more: the same, or the end of its last
        page that left."""
        return max(self.until_us, self._ends_us.get(host_id, 0)) if self._months else 0

    def cut(self, host_id: str, ledger_id: str) -> Cut | None:
        """The last page of a ledger that left."""
        return self._cuts.get((host_id, ledger_id)) if self._months else None

    @cached_property
    def _months(self) -> list[Left]:
        return store_archived.months(self._connection)

    @cached_property
    def _ends_us(self) -> dict[str, int]:
        return store_archived.ends_us(self._connection, self._kind)

    @cached_property
    def _cuts(self) -> dict[tuple[str, str], Cut]:
        return store_archived.heads(self._connection, self._kind)
