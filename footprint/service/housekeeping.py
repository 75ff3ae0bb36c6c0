"""What a service does now and then beside answering: partitions of the coming months, and months
that leave for the archive.

In: a store, settings, a clock. Out: nothing that anybody waits for; what fails is one line in the
log and tried again. Of several services on one database one at a time lets months leave.
"""

import logging
import threading
from collections.abc import Callable

from footprint.interval import month_of, paris_month, to_us
from footprint.service import archive, damage
from footprint.service.archive_file import ArchiveError
from footprint.service.clock import Clock
from footprint.service.settings import Settings
from footprint.service.store import Store

PAUSE_SECONDS = 600.0
END_SECONDS = 5.0
MONTHS_AHEAD = 2
_log = logging.getLogger("footprint.housekeeping")


class Housekeeper:
    """Does it in a thread of its own. Whenever that ends nothing is lost, so a stop does not wait
    for a month in hand."""

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Make the months ready, and begin."""
        self._do(self.make_months)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(END_SECONDS)

    def make_months(self) -> None:
        """Make the partitions of this month and of those ahead, so that nobody who writes at the
        turn of a month has to."""
        month = paris_month(month_of(self._clock()))
        starts_us = [to_us(month.start)]
        for _ in range(MONTHS_AHEAD):
            starts_us.append(to_us(month.end))
            month = paris_month(month_of(month.end))
        self._store.make_months(starts_us)

    def archive(self) -> None:
        """Let the months leave that are older than the settings keep, if any are to."""
        folder = self._settings.archive_to
        if folder is None:
            return
        now = self._clock()
        before = archive.kept_from(self._settings.keep_months, now)
        for left in archive.run(self._store, folder, before, now):
            _log.warning(
                "%s left the database: %d pages, %s, sha256 %s",
                left.month,
                left.pages,
                folder / left.file,
                left.sha256,
            )
            if self._stop.is_set():
                return

    def _run(self) -> None:
        while not self._stop.wait(self._pause_seconds):
            self._do(self.make_months)
            self._do(self.archive)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except damage.UNREADABLE as error:
            _log.error("%s", damage.explain(self._store.place, error))
        except ArchiveError as error:
            _log.error("%s", error)
