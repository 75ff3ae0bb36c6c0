"""Brings a database to this program's version, or says why it cannot (Alembic, scripts packaged).

In: a connection in a write transaction. Out: the schema at `migrations/versions`' last revision.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

MIGRATIONS = Path(__file__).parent / "migrations"


class VersionError(Exception):
    """A database of another version."""


def upgrade(connection: Connection) -> bool:
    """Run the migrations that are missing; whether there were any."""
    script = ScriptDirectory(str(MIGRATIONS))
    current = _current(connection, script)
    if current == script.get_current_head():
        return False
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def check(connection: Connection, *, older: bool) -> None:
    """Raise VersionError unless the schema is this program's (or, where allowed, `older`)."""
    script = ScriptDirectory(str(MIGRATIONS))
    if _current(connection, script) != script.get_current_head() and not older:
        raise VersionError("made by an older version; run: footprint migrate")


def _current(connection: Connection, script: ScriptDirectory) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise VersionError(
            f"made by a newer version of footprint (schema {current}); install that version or "
            "restore a backup"
        )
    if current is None and inspect(connection).get_table_names():
        raise VersionError("holds tables of another program; choose another database")
    return current
