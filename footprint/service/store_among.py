"""A condition that a column is one of what a query finds, so that an index is always used for it.

In: a column and a query of values. Out: SQL. On PostgreSQL the values are found first and put into
an array (`= ANY (ARRAY(...))`): whatever its statistics say, which know little of the newest day,
it cannot compare every row with every value, as it did with `IN (SELECT ...)` for 10,000 hosts.
SQLite makes an index of the values by itself. Values that are at hand go along as one parameter, a
JSON array: as many parameters as values would be more than a database takes (65,535 on PostgreSQL,
32,766 on SQLite as it is published).
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Boolean, ColumnElement, Select, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True


def among(column: Any, values: Select[tuple[Any]]) -> ColumnElement[bool]:
    """Whether `column` is one of the values that a query of one column finds."""
    return _Among(column, values.scalar_subquery())


class _OneOf(FunctionElement[bool]):
    name = "one_of"
    type = Boolean()
    inherit_cache = True


def one_of(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Whether `column` is one of these texts, however many there are."""
    return _OneOf(column, literal(msgspec.json.encode([*values]).decode(), Text()))


@compiles(_OneOf)
def _listed(element: _OneOf, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a parameter


@compiles(_OneOf, "postgresql")
def _any_listed(element: _OneOf, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({values} AS json))))"


@compiles(_Among)
def _in(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN {values}"


@compiles(_Among, "postgresql")
def _any(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY (ARRAY{values})"
