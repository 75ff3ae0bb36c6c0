"""The database: one engine, readers beside writers, migrations on the way in.

In: a place. Out: `Store`, whose `read()`, `write()` and `write_pages()` give a connection inside a
transaction. The SQL itself is in the `store_*` modules; what SQLite and PostgreSQL do differently
is in `store_sqlite` and `store_postgresql`.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from footprint.interval import from_us, month_of
from footprint.service import (
    damage,
    store_factors,
    store_migrate,
    store_postgresql,
    store_sqlite,
)
from footprint.service.place import Place


class StoreError(Exception):
    """A database that cannot be used; the message says which, why and the remedy."""


class DamageError(StoreError):
    """A database that fails while it is read or brought up to date."""


class Store:
    """A database, open. Threads may share it, and on PostgreSQL several services."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._backend = store_sqlite if isinstance(place, Path) else store_postgresql
        self._engine = (
            store_sqlite.engine(place)
            if isinstance(place, Path)
            else store_postgresql.engine(place)
        )
        self._months: set[str] = set()
        # Threads of a process wait here, where it costs nothing, and not in SQLite.
        # Again and again by the same one, who brings sums up to date in a still moment.
        self._writing = threading.RLock() if isinstance(place, Path) else None

    @contextmanager
    def read(self, *, any_version: bool = False) -> Iterator[Connection]:
        """A connection that sees one state of the database throughout; `any_version`: the tables
        of this program may be missing in it."""
        options = {"footprint_any_version": any_version}
        with self._engine.connect().execution_options(**options) as connection:
            transaction = connection.begin()
            try:
                yield connection
            finally:
                transaction.rollback()  # nothing to keep: and SQLite cannot commit a damaged file

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The connection of the one who writes what is no page; what it did is durable when the
        block ends, or undone."""
        with self._turn(), self._begin() as connection:
            self._backend.lock(connection, None)
            yield connection

    @contextmanager
    def write_pages(
        self, hosts: Collection[str], instants_us: Collection[int]
    ) -> Iterator[Connection]:
        """As above, for whoever writes pages of `hosts`; `instants_us` are in the months in which
        they may be filed."""
        with self._turn():
            self._make_months(instants_us)
            with self._begin() as connection:
                self._backend.lock(connection, hosts)
                yield connection

    @contextmanager
    def write_rollups(self) -> Iterator[Connection]:
        """As above, for whoever sums; one at a time, and of one state of the pages throughout."""
        with self._turn():
            if self._writing is not None:
                with self._begin() as connection:
                    yield connection
                return
            # A transaction sees the state of its first statement: another one does the waiting.
            with self._begin() as guard:
                self._backend.lock_rollups(guard)
                with self._begin(isolation_level="REPEATABLE READ") as connection:
                    yield connection

    @contextmanager
    def write_archive(self) -> Iterator[Connection]:
        """As above, for whoever lets a month go: nobody writes pages or sums meanwhile. On
        PostgreSQL an OperationalError where somebody does so for longer than is waited."""
        with self._turn(), self._begin() as connection:
            self._backend.lock_archive(connection)
            yield connection

    @contextmanager
    def still(self) -> Iterator[None]:
        """Until the block ends nobody else of this process (PostgreSQL: nobody) writes what figures
        rest on; who does is waited for. A month that leaves for the archive is not waited for long:
        it changes no figure. Sums may be brought up to date in it."""
        with self._turn():
            if self._writing is not None:
                yield
                return
            with self._begin() as connection:
                self._backend.lock_still(connection)
                yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """In a `still` moment: of a SQLite file, which other processes may write, nobody does so
        until the block ends, which writes nothing itself."""
        if self._writing is None:
            yield
            return
        with self._turn(), self._begin():
            yield

    def leading(self) -> AbstractContextManager[bool]:
        """Whether this service does what only one of several does, until the block ends."""
        found: AbstractContextManager[bool] = self._backend.leading(self._engine)
        return found

    def make_months(self, instants_us: Collection[int]) -> None:
        """Make ready for pages that are filed at these instants."""
        with self._turn():
            self._make_months(instants_us)

    def prepare(self) -> None:
        """Make a SQLite file one with a write-ahead log."""
        self._backend.prepare(self._engine)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def _begin(self, **options: str) -> Iterator[Connection]:
        with (
            self._engine.connect().execution_options(footprint_write=True, **options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._writing or nullcontext():
            yield

    def _make_months(self, instants_us: Collection[int]) -> None:
        missing = {month_of(from_us(us)): us for us in instants_us}
        missing = {month: us for month, us in missing.items() if month not in self._months}
        if missing:
            with self._begin() as connection:
                self._backend.make_months(connection, missing.values())
            self._months |= missing.keys()


def open_store(place: Place, *, create: bool, migrate: bool, now: datetime) -> Store:
    """The store in `place`, at this program's version.

    `create`: make the file where there is none. `migrate`: bring an older one up to date, and add
    the shipped factors that it lacks, known from `now` on. Raises
    StoreError with a remedy where the file is missing, no database, older or newer.
    """
    if str(place) == ":memory:":
        raise StoreError("database :memory:: it would be lost; give the path of a file")
    if isinstance(place, Path) and not create and not place.is_file():
        raise StoreError(f"database {place}: no such file; make it with: footprint migrate")
    store = Store(place)
    try:
        with store.read(any_version=True) as connection:
            store_migrate.check(connection, older=migrate)
        if migrate:
            store.prepare()
            with store.write() as connection:
                store_migrate.upgrade(connection)
                store_factors.load_shipped(connection, now)
    except store_migrate.VersionError as error:
        store.close()
        raise StoreError(f"database {place}: {error}") from error
    except damage.UNREADABLE as error:
        store.close()
        raise DamageError(damage.explain(place, error)) from error
    return store
