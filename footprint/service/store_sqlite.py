"""The database as a SQLite file: WAL with synchronous=FULL, so that what is acknowledged survives a
power cut; one writer at a time, readers never wait.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 30
LOG_PAGES = 8000
"""32 MiB of log before it is carried over into the file, which waits for the disk twice more."""


def engine(path: Path) -> Engine:
    """Connections to the file, every one of them durable."""
    # No text: a `?` of the path would begin options, `file:` an address.
    url = URL.create("sqlite", database=str(path.absolute()))
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(made, "connect", _configure)
    event.listen(made, "begin", _begin)
    return made


def prepare(made: Engine) -> None:
    """Make the file one with a write-ahead log, which it then stays."""
    connection = made.raw_connection()
    try:
        connection.execute("PRAGMA journal_mode = WAL").close()
    finally:
        connection.close()


def lock(_connection: Connection, _hosts: Iterable[str] | None) -> None:
    """Nothing: BEGIN IMMEDIATE lets one writer in."""


def lock_rollups(_connection: Connection) -> None:
    """Nothing, as above."""


def lock_archive(_connection: Connection) -> None:
    """Nothing, as above."""


@contextmanager
def leading(_made: Engine) -> Iterator[bool]:
    """Always: one service uses a file."""
    yield True


def make_months(_connection: Connection, _instants_us: Iterable[int]) -> None:
    """Nothing: the tables are whole."""


def _configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin too late: reads would not be one state.
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "foreign_keys = ON", f"wal_autocheckpoint = {LOG_PAGES}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("footprint_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
