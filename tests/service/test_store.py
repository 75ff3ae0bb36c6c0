"""The database: its schema is what the tables say, its writes are durable, its upgrade harmless."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg import sql

from footprint.service.place import Place, Server
from footprint.service.store import open_store
from footprint.service.tables import METADATA
from tests import usage_pages
from tests.pages import make_ledger
from tests.postgres import Postgres
from tests.service.house import House, content
from tests.service.older import as_of

NOW = datetime(2026, 11, 10, tzinfo=UTC)
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
SHIPPED = 30
"""Factors that come with the program."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a database will be."""
    if request.param == "sqlite":
        return tmp_path / "f.db"
    return Server(request.getfixturevalue("postgres").new())


def test_the_migrations_make_what_the_tables_say(empty: Place) -> None:
    """A column or index added to one and not the other fails here."""
    store = open_store(empty, create=True, migrate=True, now=NOW)
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    store.close()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_is_acknowledged_is_synced(house: House) -> None:
    """WAL with synchronous=FULL on every connection."""
    with house.app.state.footprint.store.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_commit_waits_for_the_disk_of_the_server(postgres: Postgres) -> None:
    """Also where the database's own default is to forget what a power cut would take."""
    url = postgres.new()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(
                sql.Identifier(url.rpartition("/")[2])
            )
        )
    store = open_store(Server(url), create=True, migrate=True, now=NOW)
    with store.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    store.close()


def test_a_second_start_changes_nothing(empty: Place) -> None:
    """Neither schema nor shipped factors are loaded twice."""
    open_store(empty, create=True, migrate=True, now=NOW).close()
    before = content(empty)
    later = datetime(2026, 11, 11, tzinfo=UTC)
    open_store(empty, create=True, migrate=True, now=later).close()
    assert content(empty) == before
    assert len(before["factor"]) == SHIPPED


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


def test_a_database_of_the_version_before_keeps_everything(tmp_path: Path) -> None:
    """Pages, register, imports: every row and column that was there is there as it was."""
    newer, older = tmp_path / "newer.db", tmp_path / "older.db"
    with House(newer, NOON) as house:
        house.post(make_ledger(3))
        house.put("/v1/directorates/d", {"name": "D"})
        house.put("/v1/projects/p", {"name": "P", "directorate": "d"})
        house.put("/v1/sia/chat", {"name": "C", "shares": [{"project": "p", "permille": 1000}]})
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    as_of("0002", newer, older)
    before = content(older)
    assert "usage_page" not in before
    assert len(before["page"]) == 3
    with House(older, NOON) as house:
        after = house.content()
        for name, rows in before.items():
            if name not in ("alembic_version", "factor", "page", "sia"):
                assert after[name] == rows
        assert after["sia"] == [(*row, *[None] * 7) for row in before["sia"]]
        places = (0, *range(2, 9), 11, 13, 15, 17)  # but for subject, spread and what else is newer
        kept = {tuple(row[place] for place in places) for row in after["factor"]}
        assert {*before["factor"]} <= kept
        assert after["page"] == [(*row, row[4]) for row in before["page"]]  # filed at its start
        assert house.tell(usage_pages.make_ledger(1)).json()["accepted"] == 1
        assert house.get("/v1/sia/chat").json()["unit"] is None
