"""The audit log: who may what and what was changed by whom, kept apart from the facts.

In: what was done, in the transaction that did it, or what was refused, in one of its own. Who acted
is the public part of an account, a token or a code, `operator` (the token of `--token-file`),
`local` (a program of this machine, where the service asks for no sign-in) or `command` with the
number of the system's user (`footprint` on the database). Neither a secret nor a person nor an
address is in it. Pages that are taken in are not: they are kept themselves.
"""

import os
from datetime import datetime
from time import monotonic
from typing import Any

import msgspec
from sqlalchemy import Connection

from footprint.interval import to_us
from footprint.service import store_audit
from footprint.service.access import US_PER_DAY
from footprint.service.clock import Clock
from footprint.service.limits import Rate
from footprint.service.store import Store
from footprint.service.store_audit import Event

DONE = "done"
COMMAND = f"command:{os.getuid()}" if hasattr(os, "getuid") else "command"
"""`footprint` on the database, and as which user of the system it ran."""
REFUSALS_PER_MINUTE = 1
REFUSALS_AT_ONCE = 20


class Audit:
    """The log of one service, which drops what is older than its retention."""

    def __init__(self, store: Store, clock: Clock, days: float) -> None:
        self._store = store
        self._clock = clock
        self._kept_us = int(days * US_PER_DAY)
        self._refusals = Rate(REFUSALS_PER_MINUTE / 60, REFUSALS_AT_ONCE, monotonic)

    def record(
        self,
        connection: Connection,
        actor: str,
        action: str,
        host_id: str | None = None,
        *,
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Add what was done to the log, in the same transaction; `before` and `after`: what it was
        and is, structs or their parts."""
        event = Event(*self._who(actor, action, host_id), DONE, _json(before), _json(after))
        self._add(connection, event)

    def refused(self, actor: str, action: str, host_id: str | None, reason: str) -> None:
        """Add what was refused; of a sender that goes on, only some."""
        if self._refusals.take(actor) is None:
            event = Event(*self._who(actor, action, host_id), f"refused: {reason}")
            with self._store.write() as connection:
                self._add(connection, event)

    def _who(
        self, actor: str, action: str, host_id: str | None
    ) -> tuple[int, str, str, str | None]:
        return to_us(self._clock()), actor, action, host_id

    def _add(self, connection: Connection, event: Event) -> None:
        store_audit.add(connection, event)
        store_audit.drop(connection, event.at_us - self._kept_us)


def by_command(
    connection: Connection,
    now: datetime,
    action: str,
    host_id: str | None = None,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Add what `footprint` did to a database, in the same transaction."""
    told = (to_us(now), COMMAND, action, host_id, DONE)
    store_audit.add(connection, Event(*told, _json(before), _json(after)))


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
