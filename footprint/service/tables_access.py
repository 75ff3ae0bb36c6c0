"""The tables of what hosts may write: one-time codes and tokens; and the log of what was done.

No secret is in them (digests only) and no person: who acted is the public part of a token, a code
or an account.
"""

from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.dialects import postgresql
from sqlmodel import Field, SQLModel

# Compared as its bytes on PostgreSQL too, as in `tables`.
TEXT: Any = String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def text(**options: Any) -> Any:
    """A text, compared as its bytes."""
    return Field(sa_type=TEXT, **options)


def instant(**options: Any) -> Any:
    """An instant: BIGINT."""
    return Field(sa_type=BigInteger, **options)


class EnrolmentCode(SQLModel, table=True):
    """A code that a host may exchange for a token, once. `host_id` is None where any host that is
    not known yet may use it."""

    __tablename__ = "enrolment_code"

    code_id: str = text(primary_key=True)
    sha256: str = text()
    host_id: str | None = text(default=None)
    created_us: int = instant()
    expires_us: int = instant()
    used_us: int | None = instant(default=None)
    token_id: str | None = text(default=None)


class HostToken(SQLModel, table=True):
    """A token bound to a host, and the hardware fingerprint that the host gave for it. When it is
    used for the first time, the host's older ones are revoked."""

    __tablename__ = "host_token"
    __table_args__ = (Index("host_token_host", "host_id"),)

    token_id: str = text(primary_key=True)
    sha256: str = text()
    host_id: str = text()
    fingerprint: str = text()
    created_us: int = instant()
    first_used_us: int | None = instant(default=None)
    revoked_us: int | None = instant(default=None)


class AuditEvent(SQLModel, table=True):
    """Something that was done, or refused: numbered, with the hash of the line before and its own.
    Triggers keep it from being changed (migration 0017)."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("audit_event_at", "at_us"),)

    seq: int = instant(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at_us: int = instant()
    actor: str = text()
    action: str = text()
    host_id: str | None = text(default=None)
    outcome: str = text()
    before: str | None = text(default=None)
    after: str | None = text(default=None)
    previous: str = text()
    hash: str = text()
