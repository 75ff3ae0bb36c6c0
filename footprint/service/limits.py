"""How much one sender may ask: requests at once, and requests in a time.

In: keys (addresses, tokens' public parts). Out: room, or in how many seconds to try again. What is
kept of a sender is two numbers, and only while they matter.
"""

import ipaddress
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from footprint.service.settings import Settings

MOST_KEYS = 10_000
BURST_SECONDS = 10
UNKNOWN = "unknown"
PASSWORDS_PER_MINUTE, PASSWORDS_AT_ONCE = 1, 10
"""Of one account, whoever tries: ten at once, then one a minute."""


class Rate:
    """So many in a time for each key, a burst of them at once: a bucket that fills by itself.

    `clock`: seconds, only ever forward.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> int | None:
        """Take one; None where there was one, else the whole seconds until there is."""
        now = self._clock()
        with self._lock:
            level, at = self._buckets.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - at) * self._per_second)
            taken = level >= 1
            self._buckets[key] = (level - 1 if taken else level, now)
            if len(self._buckets) > MOST_KEYS:
                # The one that was used longest ago: it comes back with a full bucket.
                del self._buckets[next(iter(self._buckets))]
        return None if taken else max(1, math.ceil((1 - level) / self._per_second))


class OfTokens:
    """What one token may ask, how often an address may be refused one, and how often a password of
    one account may be tried, from wherever."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        per_second = settings.requests_per_second_per_token
        per_minute = settings.refusals_per_minute_per_address
        self.rate = Rate(per_second, per_second * BURST_SECONDS, clock)
        self.at_once = AtOnce(settings.requests_at_once_per_token)
        self.refusals = Rate(per_minute / 60, per_minute, clock)
        self.passwords = Rate(PASSWORDS_PER_MINUTE / 60, PASSWORDS_AT_ONCE, clock)


class AtOnce:
    """So many at once for each key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def room(self, key: str | None) -> Iterator[bool]:
        """Whether there is room for one more of `key`, taken as long as the block lasts; None
        always has room."""
        taken = key is not None and self.enter(key)
        try:
            yield taken or key is None
        finally:
            if taken and key is not None:
                self.leave(key)

    def enter(self, key: str) -> bool:
        """Take room, if there is any; then `leave` has to follow."""
        with self._lock:
            if self._now[key] >= self._most:
                return False
            self._now[key] += 1
            return True

    def leave(self, key: str) -> None:
        """Give room back."""
        with self._lock:
            self._now[key] -= 1
            if not self._now[key]:
                del self._now[key]


def sender(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
