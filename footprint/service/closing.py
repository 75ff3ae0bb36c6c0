"""Closing a month and publishing it: once each, by whoever may.

In: a store, a month, who closes it. Out: `Closed`, which says what was done, or was before; what is
kept is the publication's file and the statement of the same facts (`store_closings`). The figures
are gathered without holding up writers; where somebody closed another month meanwhile, anew.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint import published_file
from footprint.interval import month_of
from footprint.service import publishing, rollups, store_closings, subjects
from footprint.service.clock import Clock
from footprint.service.publishing import Asked, Made
from footprint.service.store import Store
from footprint.service.store_closings import Closed
from footprint.service.subjects import ReportError

ATTEMPTS = 5
Record = Callable[[Connection, str, Closed], None]
"""Adds to the audit log what was done, in the transaction that did it."""


class Work(msgspec.Struct, frozen=True):
    """A store and its clock, the zone of hosts of no site; who closes, and how that is recorded."""

    store: Store
    clock: Clock
    zone: str
    actor: str
    record: Record


def last_month(now: datetime) -> str:
    """The month that has ended last."""
    present = month_of(now)
    return publishing.month_before(present, 1)


def preview(work: Work, month: str) -> Made:
    """The month as it would be closed now, of any month that has begun; nothing is stored."""
    _check_begun(month, work.clock())
    with rollups.settled(work.store, work.clock) as (connection, now):
        return _made(connection, work, month, now)


def close(work: Work, month: str) -> Closed:
    """Close a month that has ended; what was closed stays as it is. Raises ReportError for a month
    that is none, has not ended, or in which there was no meter."""
    interval = subjects.month_interval(month)
    if interval.end > work.clock():
        raise ReportError(f"month {month}: ends on {interval.end.isoformat()}; close it after that")
    for _ in range(ATTEMPTS):
        with rollups.settled(work.store, work.clock) as (connection, now):
            found = store_closings.of(connection, month)
            if found is not None:
                return found
            made = _made(connection, work, month, now)
        _check_measured(made)
        closed = _kept(work, made)
        if closed is not None:
            return closed
    raise ReportError(f"month {month}: others close months all the time; try again")


def publish(work: Work, month: str) -> Closed:
    """Publish a closed month; what is published stays so. Raises ReportError where it is not
    closed."""
    subjects.month_interval(month)
    with work.store.write() as connection:
        store_closings.lock(connection)
        closed = store_closings.of(connection, month)
        if closed is None:
            raise ReportError(f"month {month}: is not closed; close it first", unknown=True)
        if closed.published is not None:
            return closed
        now = work.clock()
        store_closings.publish(connection, month, now, work.actor)
        closed = msgspec.structs.replace(closed, published=now)
        work.record(connection, f"publish {month}", closed)
        return closed


def _check_begun(month: str, now: datetime) -> None:
    interval = subjects.month_interval(month)
    if interval.start > now:
        raise ReportError(f"month {month}: begins on {interval.start.isoformat()}")


def _check_measured(made: Made) -> None:
    """A month of silence is one in which somebody should have been heard."""
    one = made.publication
    if not one.ledgers and one.total.coverage is None:
        raise ReportError(f"month {one.month}: there was no meter yet; nothing is known of it")


def _made(connection: Connection, work: Work, month: str, now: datetime) -> Made:
    before = store_closings.months(connection)
    last = before[-1] if before else None
    number, previous = (last.number + 1, last.hash) if last else (1, None)
    asked = Asked(month, work.zone, now, number, previous)
    return publishing.made(connection, asked, store_closings.then(connection))


def _kept(work: Work, made: Made) -> Closed | None:
    """None where another month was closed since this one was made."""
    sealed, one = published_file.sealed(made.publication), made.publication
    with work.store.write() as connection:
        store_closings.lock(connection)
        before = store_closings.months(connection)
        if (before[-1].hash if before else None) != one.previous:
            return None
        at = work.clock()
        closed = Closed(
            one.month, one.number, sealed.hash, one.previous, one.as_of, at, work.actor, None
        )
        store_closings.add(connection, closed, sealed, made.statement)
        work.record(connection, f"close {one.month}", closed)
        return closed
