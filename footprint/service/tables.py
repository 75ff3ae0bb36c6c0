"""The tables of the service: natural keys with the host first, no serial numbers, no triggers.

Instants are microseconds since 1970 UTC and energies microjoules, both BIGINT, so that SQLite and
PostgreSQL hold the same integers. Nothing is updated except a ledger's head and a device's first
and last cover; corrections are new rows with a later `known_from_us`.
"""

from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, Table
from sqlmodel import Field, SQLModel


def _key(**options: Any) -> Any:
    return Field(primary_key=True, **options)


def _big_key() -> Any:
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})


def _big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


class LedgerHead(SQLModel, table=True):
    """The last page held of a ledger. `end_us` is the end of its last accepted page."""

    __tablename__ = "ledger_head"

    host_id: str = _key()
    ledger_id: str = _key()
    seq: int = _big()
    hash: str
    end_us: int | None = _big(default=None)


class Page(SQLModel, table=True):
    """The evidence: canonical bytes as they came. `start_us` and `end_us` are unknown only where a
    quarantined page does not say."""

    __tablename__ = "page"
    __table_args__ = (
        Index("page_host_time", "host_id", "start_us", "end_us", "state", "known_from_us"),
        Index("page_state", "state", "start_us"),
    )

    host_id: str = _key()
    ledger_id: str = _key()
    seq: int = _big_key()
    hash: str
    start_us: int | None = _big(default=None)
    end_us: int | None = _big(default=None)
    known_from_us: int = _big()
    state: str
    reason: str = ""
    body: bytes = Field(sa_type=LargeBinary)


class Entry(SQLModel, table=True):
    """An entry of an accepted page."""

    __tablename__ = "entry"
    __table_args__ = (Index("entry_start", "start_us"), {"sqlite_with_rowid": False})

    host_id: str = _key()
    start_us: int = _big_key()
    ledger_id: str = _key()
    seq: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    component: str
    device: str
    consumer: str
    part: str
    energy_uj: int = _big()
    quality: str


class Gap(SQLModel, table=True):
    """A gap or blind stretch of an accepted page."""

    __tablename__ = "gap"
    __table_args__ = (Index("gap_start", "start_us"), {"sqlite_with_rowid": False})

    host_id: str = _key()
    start_us: int = _big_key()
    ledger_id: str = _key()
    seq: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    kind: str
    component: str
    device: str
    from_us: int = _big()
    to_us: int = _big()
    cause: str


class Sensor(SQLModel, table=True):
    """What an accepted page says of a sensor and device; the raw counters stay in the evidence."""

    __tablename__ = "sensor"
    __table_args__ = (Index("sensor_start", "start_us"), {"sqlite_with_rowid": False})

    host_id: str = _key()
    start_us: int = _big_key()
    ledger_id: str = _key()
    seq: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    end_us: int = _big()
    sensor: str
    device: str
    component: str | None = None
    covers: str
    evidence: bool
    quality: str
    status: str
    metered_uj: int = _big()
    interpolated_uj: int = _big()
    failures: int = _big()
    last_error: str
    rated_power_uw: int | None = _big(default=None)


class Node(SQLModel, table=True):
    """Energy of whole hosts by a node meter, as an accepted page tells it."""

    __tablename__ = "node"
    __table_args__ = (Index("node_from", "from_us"), {"sqlite_with_rowid": False})

    host_id: str = _key()
    start_us: int = _big_key()
    ledger_id: str = _key()
    seq: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    meter: str
    host_ids: str
    from_us: int = _big()
    to_us: int = _big()
    energy_uj: int = _big()
    quality: str


class Device(SQLModel, table=True):
    """A device that a page of a host ever covered or had a gap of: expected from then on."""

    __tablename__ = "device"

    host_id: str = _key()
    component: str = _key()
    device: str = _key()
    first_us: int = _big()
    last_us: int = _big()
    known_from_us: int = _big()
    rated_power_uw: int | None = _big(default=None)


class NodeImport(SQLModel, table=True):
    """Energy of whole hosts by a node meter, from an imported file; the last known row of a meter
    and start holds. `known_from_us` leads to the files."""

    __tablename__ = "node_import"
    __table_args__ = (Index("node_import_start", "start_us"), {"sqlite_with_rowid": False})

    meter: str = _key()
    start_us: int = _big_key()
    known_from_us: int = _big_key()
    end_us: int = _big()
    host_ids: str
    energy_uj: int = _big()
    quality: str


class ImportedFile(SQLModel, table=True):
    """A file that facts were imported from: its name and SHA-256, and the meter it was read for."""

    __tablename__ = "imported_file"

    known_from_us: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    kind: str
    name: str
    sha256: str
    meter: str


class Directorate(SQLModel, table=True):
    """A directorate of the ministry, as known from an instant on."""

    __tablename__ = "directorate"

    code: str = _key()
    known_from_us: int = _big_key()
    name: str


class Project(SQLModel, table=True):
    """A project, as known from an instant on."""

    __tablename__ = "project"

    code: str = _key()
    known_from_us: int = _big_key()
    name: str
    directorate: str


class Sia(SQLModel, table=True):
    """A SIA, as known from an instant on; its shares carry the same `known_from_us`."""

    __tablename__ = "sia"

    code: str = _key()
    known_from_us: int = _big_key()
    name: str


class Share(SQLModel, table=True):
    """Permille of a SIA that a project carries over Paris days [valid_from, valid_to)."""

    __tablename__ = "share"

    sia: str = _key()
    known_from_us: int = _big_key()
    ordinal: int = _key(sa_column_kwargs={"autoincrement": False})
    project: str
    permille: int
    valid_from: str | None = None
    valid_to: str | None = None


class Factor(SQLModel, table=True):
    """A factor as published; decimals and dates are kept as text, exactly as they were given."""

    __tablename__ = "factor"

    indicator: str = _key()
    zone: str = _key()
    method: str = _key()
    valid_from: str = _key()
    basis: str = _key()
    known_from_us: int = _big_key()
    valid_to: str | None = None
    value: str
    unit: str
    uncertainty_percent: str | None = None
    source: str
    published: str


METADATA = SQLModel.metadata


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model, for statements over many rows at once."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found
