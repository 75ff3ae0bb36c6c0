"""The audit log: who may write and what was changed by whom, kept apart from the facts.

In: what was done, in the transaction that did it, or what was refused, in one of its own. Who acted
is the public part of a token or code, `operator` (the token of `--token-file`), `local` (a program
of this machine, where the service has no token) or `command` (`footprint` on the database). Neither
a secret nor a person nor an address is in it. Pages that are taken in are not: they are kept
themselves.
"""

from time import monotonic

from sqlalchemy import Connection

from footprint.interval import to_us
from footprint.service import store_access
from footprint.service.access import US_PER_DAY
from footprint.service.clock import Clock
from footprint.service.limits import Rate
from footprint.service.store import Store
from footprint.service.store_access import Event

DONE = "done"
COMMAND = "command"
REFUSALS_PER_MINUTE = 1
REFUSALS_AT_ONCE = 20


class Audit:
    """The log of one service, which drops what is older than its retention."""

    def __init__(self, store: Store, clock: Clock, days: float) -> None:
        self._store = store
        self._clock = clock
        self._kept_us = int(days * US_PER_DAY)
        self._refusals = Rate(REFUSALS_PER_MINUTE / 60, REFUSALS_AT_ONCE, monotonic)

    def record(self, connection: Connection, actor: str, action: str, host_id: str | None) -> None:
        """Add what was done to the log, in the same transaction."""
        self._add(connection, actor, action, host_id, DONE)

    def refused(self, actor: str, action: str, host_id: str | None, reason: str) -> None:
        """Add what was refused; of a sender that goes on, only some."""
        if self._refusals.take(actor) is None:
            with self._store.write() as connection:
                self._add(connection, actor, action, host_id, f"refused: {reason}")

    def _add(
        self, connection: Connection, actor: str, action: str, host_id: str | None, outcome: str
    ) -> None:
        now_us = to_us(self._clock())
        store_access.add_event(connection, Event(now_us, actor, action, host_id, outcome))
        store_access.drop_events(connection, now_us - self._kept_us)
