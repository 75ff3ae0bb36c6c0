"""What the service says of a database that fails while it is used: damage, a full disk, a lock.

In: a path and the error of whatever read or wrote it. Out: one line with what, where and the
remedy. `UNREADABLE` is what bytes that were overwritten raise: SQLite refuses the page, or hands
out a value that no longer is what the program stored.
"""

import sqlite3
from pathlib import Path
from traceback import extract_tb

from sqlalchemy import exc

OF_SQLITE = (exc.SQLAlchemyError, sqlite3.DatabaseError)
"""What SQLite says itself; nothing else proves that the database is at fault."""

UNREADABLE = (
    *OF_SQLITE,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
REMEDY = (
    "keep a copy of it, restore the newest backup (agents send again what that lacks), and ask "
    "what the copy still holds with: footprint fsck --database COPY"
)
_ELSEWHERE = {
    sqlite3.SQLITE_BUSY: "another program holds it: wait, or stop that program",
    sqlite3.SQLITE_LOCKED: "another program holds it: wait, or stop that program",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_CANTOPEN: "check the path and its rights",
    sqlite3.SQLITE_PERM: "check the path and its rights",
    sqlite3.SQLITE_READONLY: "check the path and its rights",
    sqlite3.SQLITE_NOTADB: "check the path; if this was the database, restore the newest backup "
    "(agents send again what that lacks)",
}
"""Remedies where the file itself is not to blame, or is none, by SQLite's primary result code."""
_MOST_CHARACTERS = 200
_PACKAGE = str(Path(__file__).parents[1])


def explain(path: Path, error: Exception) -> str:
    """What is wrong with the database `path`, and the remedy; one line, without a full stop."""
    code = getattr(_cause(error), "sqlite_errorcode", None)
    remedy = _ELSEWHERE.get(code & 0xFF) if code is not None else None
    if remedy:
        return f"database {path}: {reason(error)}; {remedy}"
    if isinstance(_cause(error), sqlite3.Error):
        return f"database {path}: cannot be used ({reason(error)}): it may be damaged; {REMEDY}"
    # Overwritten bytes raise this, and so does a defect of ours: a backup must not be restored
    # because of a defect.
    return (
        f"database {path}: {reason(error)}: a defect of this program, to be reported with this "
        "line, unless footprint fsck --database COPY calls a copy of the file damaged: then "
        "restore the newest backup (agents send again what that lacks)"
    )


def reason(error: Exception) -> str:
    """SQLite's own words; of any other error its type, words and place. One line."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return one_line(cause)
    steps = [step for step in extract_tb(error.__traceback__) if _PACKAGE in step.filename]
    place = f" in {Path(steps[-1].filename).name}, line {steps[-1].lineno}" if steps else ""
    return f"{type(error).__name__}{place}: {one_line(error)[:_MOST_CHARACTERS]}"


def one_line(words: object) -> str:
    """Text of unknown origin without what would break the line or steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(words)).split())


def _cause(error: Exception) -> BaseException:
    return getattr(error, "orig", None) or error
