"""The tables of the service: natural keys with the host first, no serial numbers, no triggers.

Instants are microseconds since 1970 UTC and energies microjoules, both BIGINT, so that SQLite and
PostgreSQL hold the same integers. On PostgreSQL pages and what follows from them lie in months,
and text is compared as its bytes (migration 0004). Nothing is updated except a ledger's head and a
device's first and last cover; corrections are new rows with a later `known_from_us`.
"""

from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, Table, text
from sqlalchemy.dialects import postgresql
from sqlmodel import AutoString, Field, SQLModel


def key(**options: Any) -> Any:
    """A column of the primary key."""
    return Field(primary_key=True, **options)


def big_key() -> Any:
    """A BIGINT of the primary key, which no database counts up."""
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})


def big(**options: Any) -> Any:
    """A BIGINT column."""
    return Field(sa_type=BigInteger, **options)


QUARANTINED: Any = {
    "sqlite_where": text("state = 'quarantined'"),
    "postgresql_where": text("state = 'quarantined'"),
}
"""An index of few rows: pages that are kept but left out."""


OF_GPUS: Any = {
    "sqlite_where": text("component = 'gpu'"),
    "postgresql_where": text("component = 'gpu'"),
}
"""An index of boards, which are to be found wherever they are."""


class _Head(SQLModel):
    """The last page held of a ledger. `end_us` is the latest end of its accepted pages."""

    host_id: str = key()
    ledger_id: str = key()
    seq: int = big()
    hash: str
    end_us: int | None = big(default=None)


class _Evidence(SQLModel):
    """A page as it came. `start_us` and `end_us` are unknown only where a quarantined page does not
    say. `filed_us` says which month keeps it: its start, or when it came where it is quarantined;
    on PostgreSQL it belongs to the key."""

    host_id: str = key()
    ledger_id: str = key()
    seq: int = big_key()
    hash: str
    start_us: int | None = big(default=None)
    end_us: int | None = big(default=None)
    known_from_us: int = big()
    state: str
    reason: str = ""
    body: bytes = Field(sa_type=LargeBinary)
    filed_us: int = big(sa_column_kwargs={"server_default": "0"})


class _Content(SQLModel):
    """The key of what an accepted page says: its own, and the place in it."""

    host_id: str = key()
    start_us: int = big_key()
    ledger_id: str = key()
    seq: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})


class LedgerHead(_Head, table=True):
    """The head of a host's ledger of energy."""

    __tablename__ = "ledger_head"


class Page(_Evidence, table=True):
    """The evidence of energy: canonical bytes as they came."""

    __tablename__ = "page"
    __table_args__ = (
        Index("page_host_time", "host_id", "start_us"),
        Index("page_quarantined", "start_us", **QUARANTINED),
    )


class Entry(_Content, table=True):
    """An entry of an accepted page."""

    __tablename__ = "entry"
    __table_args__ = ({"sqlite_with_rowid": False},)

    component: str
    device: str
    consumer: str
    part: str
    energy_uj: int = big()
    quality: str


class Gap(_Content, table=True):
    """A gap or blind stretch of an accepted page."""

    __tablename__ = "gap"
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: str
    component: str
    device: str
    from_us: int = big()
    to_us: int = big()
    cause: str


class Sensor(_Content, table=True):
    """What an accepted page says of a sensor and device; the raw counters stay in the evidence."""

    __tablename__ = "sensor"
    __table_args__ = ({"sqlite_with_rowid": False},)

    end_us: int = big()
    sensor: str
    device: str
    component: str | None = None
    covers: str
    evidence: bool
    quality: str
    status: str
    metered_uj: int = big()
    interpolated_uj: int = big()
    failures: int = big()
    last_error: str
    rated_power_uw: int | None = big(default=None)


class Node(_Content, table=True):
    """Energy of whole hosts by a node meter, as an accepted page tells it."""

    __tablename__ = "node"
    __table_args__ = (Index("node_from", "from_us"), {"sqlite_with_rowid": False})

    meter: str
    host_ids: str
    from_us: int = big()
    to_us: int = big()
    energy_uj: int = big()
    quality: str


class Device(SQLModel, table=True):
    """A device that a page of a host ever covered or had a gap of: expected from then on."""

    __tablename__ = "device"
    __table_args__ = (Index("device_gpu", "device", **OF_GPUS),)

    host_id: str = key()
    component: str = key()
    device: str = key()
    first_us: int = big()
    last_us: int = big()
    known_from_us: int = big()
    rated_power_uw: int | None = big(default=None)


class NodeImport(SQLModel, table=True):
    """Energy of whole hosts by a node meter, from an imported file; the last known row of a meter
    and start holds. `known_from_us` leads to the files."""

    __tablename__ = "node_import"
    __table_args__ = (Index("node_import_start", "start_us"), {"sqlite_with_rowid": False})

    meter: str = key()
    start_us: int = big_key()
    known_from_us: int = big_key()
    end_us: int = big()
    host_ids: str
    energy_uj: int = big()
    quality: str


class ImportedFile(SQLModel, table=True):
    """A file that facts were imported from: its name and SHA-256, and the meter it was read for."""

    __tablename__ = "imported_file"

    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    kind: str
    name: str
    sha256: str
    meter: str


class UsageHead(_Head, table=True):
    """The head of a gateway's ledger of usage."""

    __tablename__ = "usage_head"


class UsagePage(_Evidence, table=True):
    """The evidence of usage: canonical bytes as they came. Of the accepted pages of a host with the
    same interval the one known last holds; no two of them are known from the same instant."""

    __tablename__ = "usage_page"
    __table_args__ = (
        Index("usage_page_host_time", "host_id", "start_us"),
        Index("usage_page_quarantined", "start_us", **QUARANTINED),
    )


class UsageCover(_Content, table=True):
    """The interval that an accepted usage page tells, lines in it or none, and where it is from."""

    __tablename__ = "usage_cover"
    __table_args__ = ({"sqlite_with_rowid": False},)

    end_us: int = big()
    origin: str


class UsageLine(_Content, table=True):
    """A line of an accepted usage page; `total` where it is what the server itself counted."""

    __tablename__ = "usage_line"
    __table_args__ = ({"sqlite_with_rowid": False},)

    total: bool
    server: str
    model: str
    consumer: str
    requests: int | None = big(default=None)
    prompt_tokens: int | None = big(default=None)
    cached_tokens: int = big()
    generated_tokens: int | None = big(default=None)
    total_tokens: int | None = big(default=None)
    units: int | None = big(default=None)
    estimated_uj: int | None = big(default=None)
    estimated_ug: int | None = big(default=None)


class UsageGap(_Content, table=True):
    """Time of an accepted usage page in which counts may be missing."""

    __tablename__ = "usage_gap"
    __table_args__ = ({"sqlite_with_rowid": False},)

    from_us: int = big()
    to_us: int = big()
    cause: str


class Directorate(SQLModel, table=True):
    """A directorate of the ministry, as known from an instant on."""

    __tablename__ = "directorate"

    code: str = key()
    known_from_us: int = big_key()
    name: str


class Project(SQLModel, table=True):
    """A project, as known from an instant on."""

    __tablename__ = "project"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    directorate: str


class Sia(SQLModel, table=True):
    """A SIA, as known from an instant on; its shares carry the same `known_from_us`."""

    __tablename__ = "sia"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    unit: str | None = None
    purpose: str | None = None
    stage: str | None = None
    hosting: str | None = None
    charter: str | None = None
    owner: str | None = None
    users: str | None = None


class Share(SQLModel, table=True):
    """Permille of a SIA that a project carries over Paris days [valid_from, valid_to)."""

    __tablename__ = "share"

    sia: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    project: str
    permille: int
    valid_from: str | None = None
    valid_to: str | None = None


class SiaAlias(SQLModel, table=True):
    """A code that stands for a SIA over Paris days [valid_from, valid_to)."""

    __tablename__ = "sia_alias"

    sia: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    code: str
    valid_from: str | None = None
    valid_to: str | None = None


class Server(SQLModel, table=True):
    """A shared server, as known from an instant on; its models carry the same `known_from_us`. The
    weights are both null where none were declared, both 0 where they are to be fitted."""

    __tablename__ = "server"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    prompt_weight: int | None = None
    generated_weight: int | None = None
    idle: str


class ServerModel(SQLModel, table=True):
    """A board on which a server has a model."""

    __tablename__ = "server_model"

    server: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    model: str
    device: str


class Factor(SQLModel, table=True):
    """A factor as published; decimals and dates are kept as text, exactly as they were given."""

    __tablename__ = "factor"

    indicator: str = key()
    subject: str = key()
    zone: str = key()
    method: str = key()
    valid_from: str = key()
    basis: str = key()
    known_from_us: int = big_key()
    valid_to: str | None = None
    value: str
    low: str | None = None
    high: str | None = None
    unit: str
    resolution: str
    uncertainty_percent: str | None = None
    parts: str
    source: str
    licence: str
    published: str


METADATA = SQLModel.metadata


def compare_bytes() -> None:
    """PostgreSQL orders text by a language unless told otherwise."""
    for held in METADATA.tables.values():
        for column in held.columns:
            if isinstance(column.type, AutoString):
                column.type = String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


compare_bytes()


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model, for statements over many rows at once."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found
