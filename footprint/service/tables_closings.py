"""The tables of closed months, and of which of them are published.

A row is added, and neither changed nor taken out: triggers refuse it (migration 0022).
"""

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from footprint.service.tables import big, big_key, compare_bytes, key


class ClosedMonth(SQLModel, table=True):
    """A month (Europe/Paris) that was closed, in the order of closing: the hash of its publication
    and of the one before ("": of the first), as of when its figures are known, and both it and the
    statement of the same facts, each as JSON, compressed."""

    __tablename__ = "closed_month"

    number: int = big_key()
    month: str = Field(unique=True)
    hash: str
    previous: str
    as_of_us: int = big()
    at_us: int = big()
    actor: str
    publication: bytes = Field(sa_type=LargeBinary)
    statement: bytes = Field(sa_type=LargeBinary)


class PublishedMonth(SQLModel, table=True):
    """A closed month that everybody may read, and since when."""

    __tablename__ = "published_month"

    month: str = key()
    at_us: int = big()
    actor: str


compare_bytes()
