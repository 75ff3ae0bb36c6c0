"""What Citus asks of a schema is checked always; that it takes it, where one is given.

FOOTPRINT_TEST_CITUS_DSN names an empty database on the coordinator of a Citus cluster.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from footprint.service import citus, store_postgresql
from footprint.service.cli import main
from footprint.service.place import Server
from footprint.service.store import open_store
from footprint.service.store_migrate import MIGRATIONS
from footprint.service.tables import METADATA
from tests.pages import make_ledger
from tests.postgres import Postgres
from tests.service.house import House
from tests.tools import CAPABILITY_REASON

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
SERVICE = Path(citus.__file__).parent
DSN = os.environ.get("FOOTPRINT_TEST_CITUS_DSN")


@pytest.fixture
def engine(postgres: Postgres) -> Iterator[Engine]:
    """An empty database."""
    made = store_postgresql.engine(Server(postgres.new()))
    yield made
    made.dispose()


def faults(engine: Engine) -> list[str]:
    with engine.connect().execution_options(footprint_write=True) as connection:
        return list(citus.faults(connection))


def upgrade(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(footprint_write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_every_migration_leaves_a_schema_that_can_be_spread(engine: Engine) -> None:
    """Each of them, one after another."""
    revisions = [one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert len(revisions) >= 7
    for revision in reversed(revisions):
        upgrade(engine, revision)
        assert (revision, faults(engine)) == (revision, [])


def test_every_table_is_by_host_or_everywhere_or_here() -> None:
    """None is forgotten, none is both; what has the host in its key is by host, host first."""
    names = {*METADATA.tables, "alembic_version"}
    told = (*citus.BY_HOST, *citus.EVERYWHERE, *citus.HERE)
    assert set(told) == names
    assert len(told) == len(names)
    for name, rows in METADATA.tables.items():
        key = [column.name for column in rows.primary_key.columns]
        assert (citus.COLUMN in key) == (name in citus.BY_HOST)
        if name in citus.BY_HOST:
            assert key[0] == citus.COLUMN
        assert not rows.foreign_keys
        assert not any(column.identity for column in rows.columns)


PLANTED = {
    "CREATE TABLE other (host_id text PRIMARY KEY)": "other: neither",
    "ALTER TABLE device DROP CONSTRAINT device_pkey": "device: has no primary key",
    "CREATE UNIQUE INDEX one ON ledger_head (ledger_id)": "its key one does not have host_id",
    "CREATE UNIQUE INDEX one ON ledger_head (ledger_id, host_id)": "does not begin with host_id",
    "ALTER TABLE factor ADD COLUMN n serial": "column n is counted up",
    "ALTER TABLE device ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY": "column n is counted up",
    "ALTER TABLE page ADD FOREIGN KEY (host_id, ledger_id) REFERENCES ledger_head": "foreign key",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
    "CREATE TRIGGER t AFTER INSERT ON gap FOR EACH ROW EXECUTE FUNCTION f()": "has the trigger t",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_citus_refuses_is_found(postgres: Postgres, planted: str) -> None:
    """One fault planted in the schema, one line that names it."""
    server = postgres.migrated(datetime(2026, 1, 1, tzinfo=UTC))
    with psycopg.connect(server.url) as connection:
        connection.execute(planted)
    made = store_postgresql.engine(server)
    found = faults(made)
    made.dispose()
    assert any(PLANTED[planted] in line for line in found), found


VOLATILE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|timeofday|random|gen_random_uuid|nextval)\s*\("
    r"|\bcurrent_(date|time|timestamp)\b|\bstrftime\b|\bfunc\.(now|random|current_\w+)\b",
    re.IGNORECASE,
)


def volatile(source: str) -> list[str]:
    """What follows `DO UPDATE` in a source, up to the end of its statement, and is not the same
    each time it is asked."""
    parts = re.split(r"(?:DO UPDATE|on_conflict_do_update)", source)[1:]
    return [found[0] for part in parts for found in VOLATILE.finditer(part.partition('"""')[0])]


def test_no_conflict_is_resolved_by_what_changes() -> None:
    """Citus would have each node say its own: `DO UPDATE SET x = now()` is refused."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in SERVICE.rglob("*.py")}
    assert any("DO UPDATE" in source for source in sources.values())
    assert {name: volatile(source) for name, source in sources.items() if volatile(source)} == {}
    assert volatile('"""INSERT ... ON CONFLICT (a) DO UPDATE SET at = now()"""')


def test_a_database_without_citus_is_one_line(house: House, capsys) -> None:
    """A file, and a server that does not have the extension."""
    assert main(["db", "distribute", "--database", str(house.database)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    remedy = "CREATE EXTENSION citus" if isinstance(house.database, Server) else "coordinator"
    assert remedy in err


@pytest.mark.skipif(
    DSN is None, reason=f"{CAPABILITY_REASON}FOOTPRINT_TEST_CITUS_DSN names a Citus"
)
def test_a_cluster_takes_it(capsys) -> None:
    """Spread, spread again, written to, read, checked."""
    server = Server(DSN or "")
    open_store(server, create=True, migrate=True, now=datetime(2026, 1, 1, tzinfo=UTC)).close()
    for _ in range(2):
        assert main(["db", "distribute", "--database", str(server)]) == 0
    assert "0 tables spread, all are" in capsys.readouterr().out
    with House(server, NOW) as house:
        for number in range(5):
            ledger_id = f"00000000-0000-4000-8000-{number:012}"
            pages = make_ledger(4, host_id=f"host-{number}", ledger_id=ledger_id)
            assert house.post(pages).json()["accepted"] == 4
        found = house.get("/v1/statements/2026-11").json()
        assert found["total"]["energy_uj"] == 5 * 4 * 1_000_000_001
        store = house.app.state.footprint.store
        with store.read() as connection:
            assert {*citus.BY_HOST} <= citus.spread(connection)
    assert main(["fsck", "--database", str(server)]) == 0
