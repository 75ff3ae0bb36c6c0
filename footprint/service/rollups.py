"""Brings rollups up to date: day by day, as long as a day has marks.

In: a store. Out: rollups that say what its pages say. Whoever reads figures calls `refresh` first,
and the service does now and then, so that readers find little to do. One at a time: of several
services the others wait, and find it done.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from sqlalchemy import Connection

from footprint.service import damage, store_rollups
from footprint.service.clock import Clock
from footprint.service.store import Store

PAUSE_SECONDS = 15.0
ATTEMPTS = 5
REST = 4
"""The refresher pauses at least as many times as long as it summed, so that a backlog of a large
fleet, whose days it would sum again and again, comes in first."""
_log = logging.getLogger("footprint.rollups")


def refresh(store: Store) -> int:
    """Sum again what has marks; how many days."""
    days = 0
    with store.read() as connection:
        if store_rollups.marked_day(connection) is None:
            return days
    while True:
        with store.write_rollups() as connection:
            day_us = store_rollups.marked_day(connection)
            if day_us is None:
                return days
            store_rollups.sum_day(connection, day_us)
        days += 1


@contextmanager
def figures(store: Store) -> Iterator[Connection]:
    """A read connection on rollups that hold every page known before."""
    refresh(store)
    with store.read() as connection:
        yield connection


@contextmanager
def settled(store: Store, clock: Clock) -> Iterator[tuple[Connection, datetime]]:
    """As `figures`, with the instant as of which they are: whatever is known until then is in them,
    whatever is stored later is known later. So the same can be had again as of that instant. It
    begins while nobody writes, after a last moment has been summed."""
    for attempt in range(ATTEMPTS):
        refresh(store)
        with ExitStack() as held:
            with store.still():
                refresh(store)
                with store.alone():
                    connection = held.enter_context(store.read())
                    left = store_rollups.marked_day(connection)  # from here on it sees this state
                    now = clock()
            if left is None or attempt == ATTEMPTS - 1:
                yield connection, now
                return


class Refresher:
    """Refreshes now and then in a thread of its own, which ends with the service."""

    def __init__(self, store: Store, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollups", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the day in hand."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause_seconds = self._pause_seconds
        while not self._stop.wait(pause_seconds):
            began = time.monotonic()
            try:
                refresh(self._store)
            except damage.UNREADABLE as error:
                _log.error("rollups: %s", damage.explain(self._store.place, error))
            pause_seconds = max(self._pause_seconds, REST * (time.monotonic() - began))
