"""The database: its schema is what the tables say, its writes are durable, its upgrade harmless."""

from datetime import UTC, datetime
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from footprint.service.store import open_store
from footprint.service.tables import METADATA
from tests.service.house import House, content

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    """A column or index added to one and not the other fails here."""
    store = open_store(tmp_path / "f.db", create=True, migrate=True, now=NOW)
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    store.close()


def test_what_is_acknowledged_is_synced(house: House) -> None:
    """WAL with synchronous=FULL on every connection."""
    with house.app.state.footprint.store.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    """Neither schema nor shipped factors are loaded twice."""
    path = tmp_path / "f.db"
    open_store(path, create=True, migrate=True, now=NOW).close()
    before = content(path)
    later = datetime(2026, 11, 11, tzinfo=UTC)
    open_store(path, create=True, migrate=True, now=later).close()
    assert content(path) == before
    assert len(before["factor"]) == 8


def test_a_failing_write_leaves_nothing(house: House) -> None:
    """A transaction that raises is undone whole."""
    before = house.content()
    try:
        with house.app.state.footprint.store.write() as connection:
            connection.exec_driver_sql("DELETE FROM factor")
            raise RuntimeError("power cut")
    except RuntimeError:
        pass
    assert house.content() == before
