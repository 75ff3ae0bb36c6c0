"""The tables of what has left the database: months whose pages are in an archive file, and where
each ledger was cut.

A row is added in the transaction in which the pages leave, and never changed.
"""

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from footprint.service.tables import big, big_key, compare_bytes, key


class ArchivedMonth(SQLModel, table=True):
    """A month (Europe/Paris) whose pages have left: the file that has them, its SHA-256, how many
    there are, and how many of those that claim this month are quarantined. `until_us` is where the
    month ends, `facts` what its statement needs beside rollups (`archived_facts`)."""

    __tablename__ = "archived_month"

    month: str = key()
    file: str
    sha256: str
    pages: int = big()
    quarantined: int = big()
    until_us: int = big()
    at_us: int = big()
    facts: bytes = Field(sa_type=LargeBinary)


class ArchivedHead(SQLModel, table=True):
    """The last page of a ledger that left with a month (named by its end), and the latest end of
    the accepted pages that had left by then. `kind` is `energy` or `usage`."""

    __tablename__ = "archived_head"

    host_id: str = key()
    kind: str = key()
    ledger_id: str = key()
    until_us: int = big_key()
    seq: int = big()
    hash: str
    end_us: int = big()


compare_bytes()
