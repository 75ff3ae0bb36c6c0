"""What befalls the service while a fleet sends: it is killed, or its database server crashes.

In: a cluster, a database of it, chance. Out: how often each was done, and the most memory that the
service took.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.postgres import Postgres
from tests.running import Service

CALM_SECONDS = (15.0, 45.0)
"""Least and most between two of them."""
DOWN_SECONDS = 2.0


class Storm:
    """A service that is not left alone. `place`: its database in `postgres`; `options`: more of
    `footprint serve`."""

    def __init__(
        self, folder: Path, postgres: Postgres, place: str, chance: random.Random, *options: str
    ) -> None:
        self.done: Counter[str] = Counter()
        self.most_kib = 0
        self._folder, self._postgres, self._place, self._chance = folder, postgres, place, chance
        self._options = options
        self.service = Service(folder, *options, place=place)

    def rage(self, running: Callable[[], bool]) -> None:
        """Go on while something runs."""
        while running():
            until = time.monotonic() + self._chance.uniform(*CALM_SECONDS)
            while running() and time.monotonic() < until:
                time.sleep(0.2)
            if running():
                self._chance.choice((self._kill, self._crash))()

    def end(self) -> None:
        """End the service, politely."""
        self._look()
        self.service.terminate()

    def _kill(self) -> None:
        self._look()
        self.service.kill()
        self.done["service killed"] += 1
        time.sleep(self._chance.uniform(0, DOWN_SECONDS))
        self.service = Service(
            self._folder, *self._options, place=self._place, listen=self.service.address
        )

    def _crash(self) -> None:
        self._postgres.stop("immediate")
        self.done["PostgreSQL crashed"] += 1
        time.sleep(self._chance.uniform(0, DOWN_SECONDS))
        self._postgres.start()

    def _look(self) -> None:
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        self.most_kib = max(self.most_kib, int(found[1]) if found else 0)
