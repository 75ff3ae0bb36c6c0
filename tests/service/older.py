"""A database as an earlier version of the program had it, made by that version's own migrations."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from footprint.service.store_migrate import MIGRATIONS


def as_of(revision: str, source: Path, target: Path) -> None:
    """Make `target` at a revision of the schema, with what it can hold of `source`."""
    engine = create_engine(f"sqlite:///{target}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with closing(sqlite3.connect(target)) as older, older:
        older.execute("ATTACH ? AS newer", [str(source)])
        tables = older.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table != "alembic_version":
                names = ", ".join(row[1] for row in older.execute(f"PRAGMA table_info({table})"))
                told = names.replace("event_id", "printf('%016x', seq)")  # numbers since 0017
                older.execute(
                    f"INSERT OR IGNORE INTO {table} ({names}) SELECT {told} FROM newer.{table}"
                )
