"""One SQLite file that a power cut does not tear, and the room it may take.

In: where it is, what is in it. Out: the connection; errors as one line with what, where and the
remedy; a reserve beside it that is given up so that a full disk can still be emptied: SQLite needs
some room to delete (https://sqlite.org/wal.html), and what was delivered must be able to go.
"""

import contextlib
import fcntl
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from exporters.errors import DamagedError, SpoolError, SpoolFullError

MIB = 1024 * 1024
RESERVE_BYTES = MIB
LOG_BYTES = 4 * MIB
"""To what the write-ahead log is cut back; SQLite writes it back at 1000 pages of 4 KiB."""
PAGE_BYTES = 4096
PARTS = ("", "-wal", "-shm")

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What Python's sqlite3 raises of a file; the second where SQLite's own words, or a text in the
file, are no text any more."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_file(
    path: Path, schema: str, known: int, later: str, most_bytes: int | None
) -> sqlite3.Connection:
    """The file at format `known`, made where there is none; `later`: what may be added to an older
    one. Raises OSError, SpoolError, or what is `UNREADABLE`."""
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        if most_bytes is not None:
            db.execute(f"PRAGMA max_page_count = {max(1, most_bytes // PAGE_BYTES)}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            db.executescript(f"BEGIN; {schema} {later} PRAGMA user_version = {known}; COMMIT;")
        elif version != known:
            raise SpoolError(
                f"spool: {path} has format {version}, this agent knows {known}; "
                "install the agent that wrote it, or move the file away to begin a new ledger"
            )
        else:
            db.executescript(later)
    except BaseException:
        db.close()
        raise
    return db


def hold(path: Path) -> int:
    """Keep the spool to this process: two writers would each lose what the other counts."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise SpoolError(
            f"spool: another footprint-agent uses {path.parent}; stop it, or give this one a "
            "state_dir of its own"
        ) from error
    return held


def unusable(path: Path, error: Exception) -> SpoolError:
    """The error for a file that cannot be opened or read."""
    line = (
        f"spool: cannot use {path}: {error}; check the folder's rights and free space, or "
        "move the file away to begin a new ledger"
    )
    return (DamagedError if is_damage(error) else SpoolError)(line)


def unwritable(path: Path, error: Exception) -> SpoolError:
    """The error for a file that does not take what it should."""
    if is_damage(error):
        return unusable(path, error)
    line = (
        f"spool: cannot write {path}: {error}; free some space, nothing is lost "
        "meanwhile as long as the agent runs"
    )
    return (SpoolFullError if _is_full(path, error) else SpoolError)(line)


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken: it will not get better by itself."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    no_table = code == sqlite3.SQLITE_ERROR and "no such table" in str(error)
    return code in _DAMAGED or no_table or isinstance(error, UnicodeDecodeError)


def _is_full(path: Path, error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code != sqlite3.SQLITE_IOERR:
        return code == sqlite3.SQLITE_FULL
    with contextlib.suppress(OSError):  # the shared memory beside it says no more than that
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize < RESERVE_BYTES
    return False


def size(path: Path) -> int:
    """Bytes of the file, its log and its reserve."""
    files = (path, path.with_name(path.name + "-wal"), Reserve(path).path)
    return sum(file.stat().st_size for file in files if file.exists())


def set_aside(path: Path, why: str = "damaged") -> Path:
    """Rename a file that cannot be used and its log, for whoever wants to look; the new name."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.name}.{why}-{at}" + (f"-{n}" if n else "") for n in range(1000))
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    for part in PARTS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    sync_folder(path.parent)
    return aside


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Replace a small file: after a power cut it is the old one or the new one. Raises OSError."""
    half = path.with_name(path.name + ".half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
    sync_folder(path.parent)


class Reserve:
    """Room on the disk that nothing else takes meanwhile."""

    def __init__(self, spool: Path) -> None:
        self.path = spool.with_suffix(".reserve")

    def keep(self) -> None:
        """Take it, where there is room; not having it is no error."""
        if self.path.exists():
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                self.drop()
            finally:
                os.close(descriptor)

    def drop(self) -> None:
        """Give it up."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
