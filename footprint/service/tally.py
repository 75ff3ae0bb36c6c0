"""What the service counted since it started: pages by what became of them, energy accepted, and
what was turned away.

In: pages after they were stored. Out: integer totals for /metrics; they start at zero with the
process, as counters do.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from footprint.ledger import Page

RESULTS = ("accepted", "duplicate", "quarantined", "conflict", "refused")
REFUSALS = (
    *("unauthorized", "forbidden", "rate", "at_once", "connections"),
    *("slow_head", "slow_body", "stalled", "too_large"),
)
EnergyKey = tuple[str, str, str]
"""Component, consumer, quality."""


class Tally:
    """Totals that threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))
        self._energy_uj: Counter[EnergyKey] = Counter()
        self._refused: Counter[str] = Counter(dict.fromkeys(REFUSALS, 0))

    def count_pages(self, result: str, number: int) -> None:
        """Add pages (or refused batches) to one of `RESULTS`."""
        with self._lock:
            self._pages[result] += number

    def count_energy(self, pages: Iterable[Page]) -> None:
        """Add the energy of accepted pages."""
        found: defaultdict[EnergyKey, int] = defaultdict(int)
        for page in pages:
            for entry in page.entries:
                found[entry.component, entry.consumer, entry.quality] += entry.energy_uj
        with self._lock:
            self._energy_uj.update(found)

    def count_refused(self, reason: str) -> None:
        """Add a request or connection that was turned away, for one of `REFUSALS`."""
        with self._lock:
            self._refused[reason] += 1

    def refused(self) -> Mapping[str, int]:
        """What was turned away, by reason."""
        with self._lock:
            return dict(self._refused)

    def pages(self) -> Mapping[str, int]:
        """Pages by result."""
        with self._lock:
            return dict(self._pages)

    def energy_uj(self) -> Mapping[EnergyKey, int]:
        """Microjoules by component, consumer and quality."""
        with self._lock:
            return dict(self._energy_uj)
