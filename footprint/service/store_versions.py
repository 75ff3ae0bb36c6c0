"""SQL of what has versions: the last row known of each code at an instant, and what belongs to it.

In: a table with `code` and `known_from_us`, or one whose rows refer to such. Out: queries.
"""

from typing import Any

from sqlalchemy import Select, Subquery, and_, func, select

EVER_US = 2**63 - 1


def last(rows: Any, as_of_us: int, code: str | None = None) -> Subquery:
    """Each code (or one) and when its last version known at an instant became known."""
    query = select(rows.c.code, func.max(rows.c.known_from_us).label("known_from_us"))
    query = query.where(rows.c.known_from_us <= as_of_us)
    if code is not None:
        query = query.where(rows.c.code == code)
    return query.group_by(rows.c.code).subquery()


def of_last(rows: Any, found: Subquery, code: Any = None) -> Select[Any]:
    """The rows of these versions; `code`: the column that refers to them, where it is another."""
    same = rows.c.code if code is None else code
    return select(rows).join(
        found, and_(same == found.c.code, rows.c.known_from_us == found.c.known_from_us)
    )
