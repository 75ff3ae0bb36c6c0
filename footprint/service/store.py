"""The database: one engine, readers beside one writer at a time, migrations on the way in.

In: a path. Out: `Store`, whose `read()` and `write()` give a connection inside a transaction. The
SQL itself is in the `store_*` modules. SQLite runs in WAL with synchronous=FULL: what is
acknowledged survives a power cut.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from footprint.service import damage, store_factors, store_migrate

BUSY_SECONDS = 30


class StoreError(Exception):
    """A database that cannot be used; the message says which, why and the remedy."""


class DamageError(StoreError):
    """A database that fails while it is read or brought up to date."""


class Store:
    """A database file, open. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database throughout."""
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()  # nothing to keep: and SQLite cannot commit a damaged file

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The one writer's connection; what it did is durable when the block ends, or undone."""
        with (
            self._writer,
            self._engine.connect().execution_options(footprint_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def log_ahead(self) -> None:
        """Make the file one with a write-ahead log, which it then stays: readers never wait."""
        connection = self._engine.raw_connection()
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        finally:
            connection.close()

    def close(self) -> None:
        """Give every connection back to the operating system."""
        self._engine.dispose()


def open_store(path: Path, *, create: bool, migrate: bool, now: datetime) -> Store:
    """The store in `path`, at this program's version.

    `create`: make the file where there is none. `migrate`: bring an older one up to date, and add
    the shipped factors that it lacks, known from `now` on. Raises
    StoreError with a remedy where the file is missing, no database, older or newer.
    """
    if str(path) == ":memory:":
        raise StoreError("database :memory:: it would be lost; give the path of a file")
    if not create and not path.is_file():
        raise StoreError(f"database {path}: no such file; make it with: footprint migrate")
    store = Store(path)
    try:
        with store.read() as connection:
            store_migrate.check(connection, older=migrate)
        if migrate:
            store.log_ahead()
            with store.write() as connection:
                store_migrate.upgrade(connection)
                store_factors.load_shipped(connection, now)
    except store_migrate.VersionError as error:
        store.close()
        raise StoreError(f"database {path}: {error}") from error
    except damage.UNREADABLE as error:
        store.close()
        raise DamageError(damage.explain(path, error)) from error
    return store


def _engine(path: Path) -> Engine:
    # No text: a `?` of the path would begin options, `file:` an address.
    url = URL.create("sqlite", database=str(path.absolute()))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin too late: reads would not be one state.
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("footprint_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
