"""The tables of alerts: which were raised and whether they are over, and what is to be sent.

Addresses of functions' mailboxes may lie in `outbox`, until it is cleaned.
"""

from sqlalchemy import Index
from sqlmodel import SQLModel

from footprint.service.tables import big, big_key, compare_bytes, key


class Alert(SQLModel, table=True):
    """An alert of a budget since it was raised; `event` is how it ended ("" while it stands), and
    `ended_us` when (0). `calm_us`: since when what it warns of is so no more (0)."""

    __tablename__ = "alert"
    __table_args__ = (Index("alert_raised", "raised_us"),)

    budget: str = key()
    kind: str = key()
    percent: int = big_key()
    raised_us: int = big_key()
    project: str
    sia: str
    calm_us: int = big()
    ended_us: int = big()
    event: str
    content: str


class OutboxMessage(SQLModel, table=True):
    """A message to one receiver. `due_us`: it is not sent before; `leased_us`: somebody sends it
    until then; `sent_us`, `given_up_us`: 0 while it waits. `said`: what hindered it last."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_waiting", "sent_us", "given_up_us", "seq"),
        Index("outbox_of_alert", "budget", "kind", "percent", "raised_us"),
    )

    seq: int = big_key()
    message_id: str
    channel: str
    target: str
    budget: str
    kind: str
    percent: int = big()
    raised_us: int = big()
    event: str
    content: str
    made_us: int = big()
    due_us: int = big()
    leased_us: int = big()
    attempts: int = big()
    sent_us: int = big()
    given_up_us: int = big()
    said: str


compare_bytes()
