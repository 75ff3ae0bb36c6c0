"""The tables of who may write: one-time codes, tokens of hosts, and the log of what was done.

No secret is in them (digests only) and no person: who acted is a token's public part. Rows of the
log are added and, when they are older than their retention, dropped; nothing else touches them.
"""

from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.dialects import postgresql
from sqlmodel import Field, SQLModel

# Compared as its bytes on PostgreSQL too, as in `tables`.
TEXT: Any = String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _text(**options: Any) -> Any:
    return Field(sa_type=TEXT, **options)


def _instant(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


class EnrolmentCode(SQLModel, table=True):
    """A code that a host may exchange for a token, once. `host_id` is None where any host that is
    not known yet may use it."""

    __tablename__ = "enrolment_code"

    code_id: str = _text(primary_key=True)
    sha256: str = _text()
    host_id: str | None = _text(default=None)
    created_us: int = _instant()
    expires_us: int = _instant()
    used_us: int | None = _instant(default=None)
    token_id: str | None = _text(default=None)


class HostToken(SQLModel, table=True):
    """A token bound to a host, and the hardware fingerprint that the host gave for it. When it is
    used for the first time, the host's older ones are revoked."""

    __tablename__ = "host_token"
    __table_args__ = (Index("host_token_host", "host_id"),)

    token_id: str = _text(primary_key=True)
    sha256: str = _text()
    host_id: str = _text()
    fingerprint: str = _text()
    created_us: int = _instant()
    first_used_us: int | None = _instant(default=None)
    revoked_us: int | None = _instant(default=None)


class AuditEvent(SQLModel, table=True):
    """Something that was done, or refused. `event_id` is random: several processes write."""

    __tablename__ = "audit_event"

    at_us: int = _instant(primary_key=True, sa_column_kwargs={"autoincrement": False})
    event_id: str = _text(primary_key=True)
    actor: str = _text()
    action: str = _text()
    host_id: str | None = _text(default=None)
    outcome: str = _text()
