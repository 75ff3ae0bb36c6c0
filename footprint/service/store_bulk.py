"""Many rows of one table at once, and the few statements of every request, by the driver itself.

In: tuples in the order of the table's columns; statements that both databases understand, with a
`?` for each value. SQLite runs them on its own connection, PostgreSQL takes many rows as a stream
(COPY): several times faster than Core, which puts each statement together anew.
"""

from collections.abc import Collection, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, exc

Row = tuple[Any, ...]
AT_ONCE = 50
"""Rows of one statement on SQLite: more are no faster."""
MOST_VALUES = 500
"""Values of one statement on SQLite."""


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add the rows; a key that is held already is an error."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _insert_into_sqlite(_driver(connection), table, rows)
    else:
        _copy(connection, f"COPY {table.name} ({_names(table)}) FROM STDIN", rows)


def found(connection: Connection, statement: str, *values: Any) -> list[Row]:
    """What a SELECT finds."""
    if connection.dialect.name == "sqlite":
        rows: list[Row] = _driver(connection).execute(statement, values).fetchall()
        return rows
    answer = connection.exec_driver_sql(statement.replace("?", "%s"), values)
    return [tuple(row) for row in answer]


def found_among(connection: Connection, statement: str, values: Collection[Any]) -> list[Row]:
    """What a SELECT finds whose `IN ()` is to hold one of `values`."""
    if connection.dialect.name == "sqlite":
        found_rows: list[Row] = []
        each = list(values)
        for first in range(0, len(each), MOST_VALUES):
            part = each[first : first + MOST_VALUES]
            marks = ", ".join("?" for _ in part)
            found_rows += found(connection, statement.replace("IN ()", f"IN ({marks})"), *part)
        return found_rows
    return found(connection, statement.replace("IN ()", "= ANY(?)"), list(values))


def change(connection: Connection, statement: str, *values: Any) -> int:
    """Run a statement that changes rows; how many it changed."""
    if connection.dialect.name == "sqlite":
        changed: int = _driver(connection).execute(statement, values).rowcount
        return changed
    return connection.exec_driver_sql(statement.replace("?", "%s"), values).rowcount


def change_many(connection: Connection, statement: str, rows: Sequence[Row]) -> int:
    """Run a statement for each of the rows; how many it changed in all."""
    if not rows:
        return 0
    if connection.dialect.name == "sqlite":
        changed: int = _driver(connection).executemany(statement, rows).rowcount
        return changed
    return connection.exec_driver_sql(statement.replace("?", "%s"), list(rows)).rowcount


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _copy(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    dialect = connection.dialect
    driver = _driver(connection)
    failed: type[Exception] = dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except failed as error:  # as every other statement's, which SQLAlchemy runs itself
        raise exc.DBAPIError.instance(
            statement,
            None,
            error,
            failed,
            hide_parameters=True,
            connection_invalidated=dialect.is_disconnect(error, driver, None),  # type: ignore[arg-type]
            dialect=dialect,
        ) from error


def _insert_into_sqlite(driver: Any, table: Table, rows: Sequence[Row]) -> None:
    """Many rows a statement: each one run is a wait for Python's lock, which other threads hold for
    5 ms at a time."""
    whole = len(rows) - len(rows) % AT_ONCE
    for first in range(0, whole, AT_ONCE):
        values = list(chain.from_iterable(rows[first : first + AT_ONCE]))
        driver.execute(_insert(table, AT_ONCE), values)
    driver.executemany(_insert(table, 1), rows[whole:])


@cache
def _insert(table: Table, number: int) -> str:
    marks = ", ".join("?" for _ in table.columns)
    values = ", ".join([f"({marks})"] * number)
    return f"INSERT INTO {table.name} ({_names(table)}) VALUES {values}"  # noqa: S608 - our names


@cache
def _names(table: Table) -> str:
    return ", ".join(column.name for column in table.columns)
