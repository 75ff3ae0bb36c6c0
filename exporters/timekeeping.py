"""Which of three clocks is wrong: the agent's, the host's wall clock, or the service's.

In: the date in every answer of the service. Out: whether the agent's own time, which does not
follow a step, must be set to the wall clock: only where the service says that the wall clock is
right. The agent's time goes forward over a gap, cause `clock`; it never goes back within a ledger.
"""

import logging
from collections.abc import Callable
from typing import Literal

from exporters.account import Track
from exporters.clock import Clock, Instant
from exporters.sampler import Sampler

WRONG_US = 60_000_000
"""From how far off the agent's time is set: less than that moves no page to another quarter-hour
that matters, and a wall clock drifts by less."""
AGREE_US = 5_000_000
"""The service's date counts whole seconds, and its answer takes time."""
FARTHEST_US = 35 * 86_400 * 1_000_000
"""A step forward that is longer is no outage to tell of quarter-hour by quarter-hour."""

Verdict = Literal["well", "behind", "far behind", "ahead"]

log = logging.getLogger("footprint.clock")


class Timekeeper:
    """Compares the clocks."""

    def __init__(self, clock: Clock, wall_ns: Callable[[], int]) -> None:
        self._clock = clock
        self._wall_ns = wall_ns
        self._seen: tuple[int, int] | None = None
        self._said = False

    def dated(self, service_seconds: float) -> None:
        """The service's clock, as its answer says just now; from the pusher's thread."""
        wall_ahead_us = self._wall_ns() // 1000 - int(service_seconds * 1_000_000)
        self._seen = wall_ahead_us, self._clock.offset_us()
        if abs(wall_ahead_us) < WRONG_US:
            self._said = False
        elif not self._said:
            self._said = True
            log.error(
                "clock: this host's is %d s ahead of the service's (negative: behind); set it, or "
                "the service keeps pages out or counts them in a wrong quarter-hour",
                wall_ahead_us // 1_000_000,
            )

    def verdict(self) -> Verdict:
        """Whether the agent's time must be set, and in which direction."""
        offset_us = self._clock.offset_us()
        if abs(offset_us) < WRONG_US or self._seen is None:
            return "well"
        wall_ahead_us, offset_then_us = self._seen
        if abs(wall_ahead_us) > AGREE_US or abs(offset_us - offset_then_us) > AGREE_US:
            return "well"  # the wall clock is wrong, or has stepped since the service was heard
        if offset_us < 0:
            return "ahead"
        return "behind" if offset_us <= FARTHEST_US else "far behind"


def skip_to(sampler: Sampler, until_us: int) -> None:
    """Nothing is known of the time until then: it was never lived through."""
    for track in sampler.tracks.values():
        _tell_gap(sampler, track, until_us)


def begin_at(sampler: Sampler, now: Instant, since_us: int) -> None:
    """Go on in a new ledger from now; of the time `since_us` nothing counts anywhere."""
    sampler.drafts.open.clear()
    sampler.begin(Instant(now.mono_ns, min(since_us, now.utc_us)))
    for track in sampler.tracks.values():
        track.stuck = track.forfeited = False
        _tell_gap(sampler, track, now.utc_us)


def _tell_gap(sampler: Sampler, track: Track, until_us: int) -> None:
    if track.covered_us >= until_us:
        return
    gap_us = sampler.drafts.gap(track.device, "gap", "clock", track.covered_us, until_us)
    place = (track.key, "clock")
    sampler.totals.gap_us[place] = sampler.totals.gap_us.get(place, 0) + gap_us
    track.covered_us = until_us
