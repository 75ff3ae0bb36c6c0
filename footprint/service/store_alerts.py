"""SQL of alerts and of what is to be sent about them.

In: a connection. Out: what stands, what was, and messages that wait. A message goes to one
receiver, in the order in which its receiver's were made: whoever sends takes it for a while
(`take`), says what came of it (`sent`, `failed`), and another takes it where they never do.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select

from footprint.alert import Change, Standing, Watched
from footprint.interval import from_us, to_us
from footprint.service import tables, tables_alerts
from footprint.service.store_budgets import Own

_ALERT = tables.table(tables_alerts.Alert)
_OUTBOX = tables.table(tables_alerts.OutboxMessage)
MOST_ERROR_CHARACTERS = 300


class Raised(msgspec.Struct, frozen=True):
    """An alert of a project's or a SIA's budget (the other is ""): `event` is "" while it stands,
    `content` what was told when it was raised."""

    budget: str
    kind: str
    percent: int
    raised_us: int
    project: str
    sia: str
    content: str
    calm_us: int = 0
    ended_us: int = 0
    event: str = ""


class Message(msgspec.Struct, frozen=True):
    """A message to one receiver (`channel`, `target`) about an alert; `seq` is given by `add`."""

    message_id: str
    channel: str
    target: str
    budget: str
    kind: str
    percent: int
    raised_us: int
    event: str
    content: str
    made_us: int
    due_us: int
    seq: int = 0
    attempts: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """How many messages wait for their hour or their first attempt, how many failed and are tried
    again, and how many were given up."""

    waiting: int
    failing: int
    given_up: int


class Sent(msgspec.Struct, frozen=True):
    """What became of a message: all instants 0 until then."""

    channel: str
    event: str
    made_us: int
    due_us: int
    attempts: int
    sent_us: int
    given_up_us: int
    said: str


def standing(connection: Connection, budget: str) -> dict[Watched, tuple[int, Standing]]:
    """What stands of a budget, with the microsecond at which it was raised."""
    query = select(_ALERT).where(_ALERT.c.budget == budget, _ALERT.c.ended_us == 0)
    return {
        Watched(row.kind, row.percent): (
            row.raised_us,
            Standing(from_us(row.raised_us), from_us(row.calm_us) if row.calm_us else None),
        )
        for row in connection.execute(query)
    }


def watched(connection: Connection) -> list[str]:
    """Budgets of which something stands."""
    query = select(_ALERT.c.budget).where(_ALERT.c.ended_us == 0).distinct()
    return sorted(connection.execute(query).scalars())


def raise_alert(connection: Connection, raised: Raised) -> None:
    """Keep a new alert."""
    connection.execute(_ALERT.insert(), msgspec.structs.asdict(raised))


def change(
    connection: Connection, budget: str, raised_us: int, change: Change, now: datetime
) -> None:
    """End an alert that stands, or keep since when it is calm."""
    watched = change.watched
    ended = {"ended_us": to_us(now), "event": change.event} if change.event else {}
    calm_us = to_us(change.calm_since) if change.calm_since else 0
    connection.execute(
        _ALERT.update()
        .where(
            _ALERT.c.budget == budget,
            _ALERT.c.kind == watched.kind,
            _ALERT.c.percent == watched.percent,
            _ALERT.c.raised_us == raised_us,
        )
        .values(calm_us=calm_us, **ended)
    )


def alerts(
    connection: Connection,
    own: Own | None,
    before: tuple[int, str, str, int] | None,
    most: int,
    *,
    standing_only: bool,
) -> list[Raised]:
    """Alerts, the newest first, after the one of this key."""
    columns = [_ALERT.c[name] for name in Raised.__struct_fields__]
    order = [_ALERT.c.raised_us, _ALERT.c.budget, _ALERT.c.kind, _ALERT.c.percent]
    query = select(*columns).where(*_theirs(own))
    if standing_only:
        query = query.where(_ALERT.c.ended_us == 0)
    if before is not None:
        query = query.where(_before(order, before))
    query = query.order_by(*(column.desc() for column in order)).limit(most)
    return [Raised(**row._mapping) for row in connection.execute(query)]


def _before(order: list[Any], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Less than a key, column by column."""
    column, value = order[0], values[0]
    less: ColumnElement[bool] = column < value
    if len(order) == 1:
        return less
    return or_(less, (column == value) & _before(order[1:], values[1:]))


def _theirs(own: Own | None) -> list[ColumnElement[bool]]:
    if own is None:
        return []
    return [or_(_ALERT.c.project.in_([*own.projects]), _ALERT.c.sia.in_([*own.sia]))]


def messages(connection: Connection, one: Raised) -> list[Sent]:
    """What became of an alert's messages, in the order in which they were made."""
    columns = [_OUTBOX.c[name] for name in Sent.__struct_fields__]
    query = select(*columns).where(
        _OUTBOX.c.budget == one.budget,
        _OUTBOX.c.kind == one.kind,
        _OUTBOX.c.percent == one.percent,
        _OUTBOX.c.raised_us == one.raised_us,
    )
    return [Sent(**row._mapping) for row in connection.execute(query.order_by(_OUTBOX.c.seq))]


def add(connection: Connection, made: Iterable[Message]) -> None:
    """Put messages into the outbox, numbered one after the other. Whoever calls holds the
    database's write lock (`Store.write`)."""
    last = connection.execute(select(func.max(_OUTBOX.c.seq))).scalar_one()
    rows = [
        msgspec.structs.asdict(one)
        | {"seq": seq, "leased_us": 0, "sent_us": 0, "given_up_us": 0, "said": ""}
        for seq, one in enumerate(made, (last or 0) + 1)
    ]
    if rows:
        connection.execute(_OUTBOX.insert(), rows)


def take(
    connection: Connection, channels: Collection[str], now_us: int, until_us: int
) -> Message | None:
    """The message that is `next_due`, leased to the caller until then."""
    found = next_due(connection, channels, now_us)
    if found is not None:
        _update(connection, found.seq, leased_us=until_us)
    return found


def next_due(connection: Connection, channels: Collection[str], now_us: int) -> Message | None:
    """The next message to send through one of the channels: of each receiver the first that was not
    sent, where it is due and nobody sends it."""
    columns = [_OUTBOX.c[name] for name in Message.__struct_fields__]
    waits = (_OUTBOX.c.sent_us == 0, _OUTBOX.c.given_up_us == 0, _OUTBOX.c.channel.in_(channels))
    first = (
        select(func.min(_OUTBOX.c.seq)).where(*waits).group_by(_OUTBOX.c.channel, _OUTBOX.c.target)
    )
    seqs = list(connection.execute(first).scalars())
    query = select(*columns).where(
        _OUTBOX.c.seq.in_(seqs), _OUTBOX.c.due_us <= now_us, _OUTBOX.c.leased_us <= now_us
    )
    row = connection.execute(query.order_by(_OUTBOX.c.due_us, _OUTBOX.c.seq).limit(1)).first()
    return None if row is None else Message(**row._mapping)


def sent(connection: Connection, one: Message, now_us: int) -> None:
    """It arrived."""
    _update(connection, one.seq, sent_us=now_us, attempts=one.attempts + 1, leased_us=0, said="")


def failed(
    connection: Connection, one: Message, said: str, due_us: int, given_up_us: int = 0
) -> None:
    """It did not, and is tried again then; or is given up."""
    _update(
        connection,
        one.seq,
        said=said[:MOST_ERROR_CHARACTERS],
        due_us=due_us,
        given_up_us=given_up_us,
        attempts=one.attempts + 1,
        leased_us=0,
    )


def clean(connection: Connection, before_us: int) -> None:
    """Forget messages that were sent, or given up, before then."""
    done = or_(
        (_OUTBOX.c.sent_us > 0) & (_OUTBOX.c.sent_us < before_us),
        (_OUTBOX.c.given_up_us > 0) & (_OUTBOX.c.given_up_us < before_us),
    )
    connection.execute(_OUTBOX.delete().where(done))


def waiting(connection: Connection) -> Waiting:
    """What was not sent."""
    count = select(func.count()).select_from(_OUTBOX).where(_OUTBOX.c.sent_us == 0)
    still = count.where(_OUTBOX.c.given_up_us == 0)
    return Waiting(
        connection.execute(still.where(_OUTBOX.c.attempts == 0)).scalar_one(),
        connection.execute(still.where(_OUTBOX.c.attempts > 0)).scalar_one(),
        connection.execute(count.where(_OUTBOX.c.given_up_us > 0)).scalar_one(),
    )


def _update(connection: Connection, seq: int, **values: Any) -> None:
    connection.execute(_OUTBOX.update().where(_OUTBOX.c.seq == seq).values(**values))
