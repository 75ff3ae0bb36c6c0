"""The fleet's own books: energy by month, host and cell, pages, gaps, heads. Nothing else is kept.

In: every page at the moment it is made, with whether it counts. Out: sums to hold against the
service's.
"""

from collections import Counter, defaultdict

from footprint.fleet.host import Cell
from footprint.fleet.turns import Told

HostMonth = tuple[str, int]
"""Month and host."""
GapKey = tuple[str, str, str, str]
"""Month, kind, component, cause."""


class Books:
    """Sums of one thread, or of all."""

    def __init__(self) -> None:
        self.energy_uj: dict[HostMonth, dict[Cell, int]] = {}
        self.node_uj: Counter[HostMonth] = Counter()
        self.accepted: Counter[HostMonth] = Counter()
        self.quarantined: Counter[HostMonth] = Counter()
        self.gaps_us: Counter[GapKey] = Counter()
        self.heads: dict[tuple[str, str], tuple[int, str]] = {}
        self.entries = 0
        self._cells: dict[Cell, Cell] = {}

    def take(self, told: Told) -> None:
        """Account for a page that the service is to hold from now on."""
        page = told.page
        key = (page.month, told.host)
        self.heads[told.host_id, told.ledger_id] = page.seq, page.hash
        if not told.counts:
            self.quarantined[key] += 1
            return
        self.accepted[key] += 1
        sums = self.energy_uj.get(key)
        if sums is None:
            sums = self.energy_uj[key] = {}
        for cell, energy_uj in page.cells:
            if cell in sums:
                sums[cell] += energy_uj
            else:  # one tuple for every host that has it
                sums[self._cells.setdefault(cell, cell)] = energy_uj
        self.entries += len(page.cells)
        self.node_uj[key] += page.node_uj
        for kind, component, cause, microseconds in page.gaps:
            self.gaps_us[page.month, kind, component, cause] += microseconds

    def add(self, other: "Books") -> None:
        """Add the books of hosts that are not in these."""
        self.energy_uj |= other.energy_uj
        self.node_uj += other.node_uj
        self.accepted += other.accepted
        self.quarantined += other.quarantined
        self.gaps_us += other.gaps_us
        self.heads |= other.heads
        self.entries += other.entries

    def cells(self, month: str) -> dict[Cell, int]:
        """Energy of the month by cell, over all hosts."""
        found: defaultdict[Cell, int] = defaultdict(int)
        for (of, _), sums in self.energy_uj.items():
            if of == month:
                for cell, energy_uj in sums.items():
                    found[cell] += energy_uj
        return dict(found)

    def months(self) -> list[str]:
        """The months that have pages."""
        return sorted({month for month, _ in self.accepted.keys() | self.quarantined.keys()})
