"""The present month's statement, made once for each state of the database: for `/metrics`. Beside
it, what is kept of the months of trends.

In: a read connection. Out: the `Statement`, the same as long as no page, usage, factor or entry of
the register was added and the quarter-hour, at which coverage moves, is the same. A scrape every 15
seconds would otherwise divide a month of shared servers each time.
"""

import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from footprint.interval import QUARTER_HOUR_SECONDS, floor_to
from footprint.service import store_state
from footprint.service.trend_months import CommonMonths
from footprint.statement import Statement

_Key = tuple[datetime, tuple[int, ...]]


class MonthCache:
    """The newest statement, and the state that it was made of; `common` has months of trends.
    Threads may share it."""

    def __init__(self) -> None:
        self.common = CommonMonths()
        self._lock = threading.Lock()
        self._held: tuple[_Key, Statement] | None = None

    def get(
        self, connection: Connection, now: datetime, make: Callable[[], Statement]
    ) -> Statement:
        """The statement of the state that `connection` sees, from `make` where it is not held."""
        key = (floor_to(now, QUARTER_HOUR_SECONDS), store_state.marks(connection))
        with self._lock:
            if self._held is None or self._held[0] != key:
                self._held = (key, make())
            return self._held[1]
