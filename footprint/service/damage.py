"""What the service says of a database that fails while it is used: damage, a full disk, a lock.

In: a place and the error of whatever read or wrote it. Out: one line with what, where and the
remedy. `UNREADABLE` is what bytes that were overwritten raise: SQLite refuses the page, or hands
out a value that no longer is what the program stored.
"""

import sqlite3
from pathlib import Path
from traceback import extract_tb

from sqlalchemy import exc

from footprint.service.errors import one_line
from footprint.service.place import Place, Server

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
_PASSING = ("08", "25", "40", "53", "57")
_PASSING_OF_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
_OF_SERVER = {
    "08": "start the server, or check the address",
    "25": "it only reads: is it a standby? make it take writes, or name the primary",
    "28": "check user and password (~/.pgpass) and the server's pg_hba.conf",
    "3D": "make the database first: createdb",
    "40": "nothing to do: what was sent will be sent again",
    "42501": "give this user rights to make and change tables in its schema",
    "53": "make room on its disk, or allow it more connections (max_connections)",
    "57": "wait until the server is up",
}
"""Remedies by what PostgreSQL calls the state or its class (its manual, appendix A)."""
_MOST_CHARACTERS = 200
_PACKAGE = str(Path(__file__).parents[1])


def explain(place: Place, error: Exception) -> str:
    """What is wrong with the database, and the remedy; one line, without a full stop."""
    if isinstance(place, Server) and isinstance(error, exc.DBAPIError):
        return f"database {place}: {reason(error)}; {_of_server(error)}"
    code = getattr(_cause(error), "sqlite_errorcode", None)
    remedy = _ELSEWHERE.get(code & 0xFF) if code is not None else None
    if remedy:
        return f"database {place}: {reason(error)}; {remedy}"
    if isinstance(_cause(error), sqlite3.Error) or _is_no_text(error):
        return f"database {place}: cannot be used ({reason(error)}): it may be damaged; {REMEDY}"
    # Overwritten bytes raise this, and so does a defect of ours: a backup must not be restored
    # because of a defect.
    return (
        f"database {place}: {reason(error)}: a defect of this program, to be reported with this "
        "line, unless footprint fsck --database COPY calls a copy of the file damaged: then "
        "restore the newest backup (agents send again what that lacks)"
    )


def _is_no_text(error: Exception) -> bool:
    """Whether a statement ended in bytes that are no text: SQLite's own words of a file whose
    schema was overwritten, or a text in it. What this program decodes itself it decodes
    elsewhere."""
    if not isinstance(error, UnicodeDecodeError):
        return False
    last = extract_tb(error.__traceback__)[-1].filename
    return "sqlalchemy" in last or Path(last).name.startswith("store")


def is_passing(error: Exception) -> bool:
    """Whether the same will work once the database answers, has room or a connection again."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _PASSING_OF_SQLITE
    state = getattr(cause, "sqlstate", None)
    if isinstance(error, exc.TimeoutError):  # of the pool: every connection is in use
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    return (
        error.connection_invalidated
        or (state is None and isinstance(error, exc.OperationalError))
        or str(state)[:2] in _PASSING
    )


def _of_server(error: exc.DBAPIError) -> str:
    state = getattr(_cause(error), "sqlstate", None)
    if state is None:
        return "start the server, or check the address"
    return (
        _OF_SERVER.get(state)
        or _OF_SERVER.get(state[:2])
        or (
            "a defect of this program, to be reported with this line, unless the server's log "
            "says that the database is damaged: then restore the newest backup (agents send again "
            "what that lacks)"
        )
    )


def reason(error: Exception) -> str:
    """SQLite's own words; of any other error its type, words and place. One line."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return one_line(cause)
    steps = [step for step in extract_tb(error.__traceback__) if _PACKAGE in step.filename]
    place = f" in {Path(steps[-1].filename).name}, line {steps[-1].lineno}" if steps else ""
    return f"{type(error).__name__}{place}: {one_line(error)[:_MOST_CHARACTERS]}"


def _cause(error: Exception) -> BaseException:
    return getattr(error, "orig", None) or error
