"""What truly came in through the wall, noted as the run goes: at every tick and every poll.

In: the truth, and what the controller showed when it was polled. Out: rows in the order of time,
and the true energies between any two instants.
"""

from bisect import bisect_left
from collections.abc import Iterator

from exporters.twin.tape import Numbers, Tape
from exporters.twin.truth import Truth

NOT_POLLED, NO_ANSWER = -1, -2


class WallLog:
    """Rows of UTC (us), true energy at the wall and of all components (uJ), and what the controller
    showed (uW or uJ; NOT_POLLED, NO_ANSWER)."""

    def __init__(self, tape: Tape, length: int) -> None:
        self._at_us, self._wall_uj, self._components_uj, self._shown = (
            tape.numbers("q", length) for _ in range(4)
        )
        self._count = 0

    def note(
        self, at_us: int, truth: Truth, shown: int | None = None, *, polled: bool = False
    ) -> None:
        """One row; `shown` is what the controller answered to a poll."""
        row = self._count
        self._at_us[row] = at_us
        self._wall_uj[row] = truth.wall_uj
        self._components_uj[row] = truth.components_uj
        self._shown[row] = (NO_ANSWER if shown is None else shown) if polled else NOT_POLLED
        self._count += 1

    def polls(self) -> Iterator[tuple[int, int]]:
        """Instant of each poll, and what was shown or NO_ANSWER."""
        for row in range(self._count):
            if self._shown[row] != NOT_POLLED:
                yield self._at_us[row], self._shown[row]

    def wall_uj(self, start_us: int, end_us: int) -> float:
        """True energy at the wall between two instants."""
        return self._at(self._wall_uj, end_us) - self._at(self._wall_uj, start_us)

    def components_uj(self, start_us: int, end_us: int) -> float:
        """True energy of all components between two instants."""
        return self._at(self._components_uj, end_us) - self._at(self._components_uj, start_us)

    def _at(self, totals: Numbers, at_us: int) -> float:
        """The total at an instant; between two rows by elapsed time."""
        after = min(bisect_left(self._at_us, at_us, 1, self._count), self._count - 1)
        before_us, after_us = self._at_us[after - 1], self._at_us[after]
        part = (at_us - before_us) / (after_us - before_us)
        return totals[after - 1] + part * (totals[after] - totals[after - 1])
