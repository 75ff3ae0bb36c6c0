"""No GPU is counted by two hosts at once: an agent in a package beside one in a container, a copied
machine.

In: the pages of a batch. Out: why one is kept but left out. A board is known by its UUID wherever
it is; one that was moved is another host's from then on. What NVML does not name (a model, a sensor
of the board's maker) is not looked at: its name says nothing elsewhere.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from footprint import ledger
from footprint.interval import from_us
from footprint.service import store_boards

_UUID = re.compile(r"GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def of_page(page: object) -> list[str]:
    """The UUIDs of the boards whose energy a page counts."""
    if not isinstance(page, ledger.Page):
        return []
    return [
        state.device
        for state in page.sensors
        if state.component == "gpu" and not state.evidence and _UUID.fullmatch(state.device)
    ]


class Boards:
    """The boards of a batch: who else counted them, as held and in the batch so far."""

    def __init__(self, connection: Connection, boards: Collection[str]) -> None:
        self._connection = connection
        self._hosts = store_boards.hosts(connection, boards) if boards else {}
        self._fresh: dict[str, list[tuple[str, int, int]]] = defaultdict(list)

    def clash(self, boards: Sequence[str], host_id: str, interval_us: tuple[int, int]) -> str:
        """Why a host's page that counts `boards` must not count; empty where it may."""
        for board in boards:
            other = self._other(board, host_id, *interval_us)
            if other is not None:
                start, end = (from_us(us).isoformat() for us in interval_us)
                return (
                    f"overlap: {board} was counted by host {other} in part of {start} to {end}; "
                    "stop one of the two agents"
                )
        return ""

    def accept(self, boards: Sequence[str], host_id: str, interval_us: tuple[int, int]) -> None:
        """A page that counts `boards` counts from now on."""
        for board in boards:
            self._fresh[board].append((host_id, *interval_us))

    def _other(self, board: str, host_id: str, start_us: int, end_us: int) -> str | None:
        for other, from_us_, until_us in self._fresh[board]:
            if other != host_id and from_us_ < end_us and until_us > start_us:
                return other
        for other in self._hosts.get(board, []):
            if other != host_id and store_boards.counts(
                self._connection, other, board, (start_us, end_us)
            ):
                return other
        return None
