"""A fresh service for each test: the real application, its clock told, on a real SQLite file and
again on a real PostgreSQL server."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.service.place import Place
from footprint.service.store import open_store
from tests.postgres import Postgres, running
from tests.service.house import House
from tests.service.receivers import MailServer, Receiver

FIRST_START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for all tests; what a crash would lose is of no interest to them."""
    with running("fsync=off") as server:
        yield server


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as a service first started with the year has it: every test has a copy, and no test
    waits for the migrations again."""
    path = tmp_path_factory.mktemp("migrated") / "footprint.db"
    open_store(path, create=True, migrate=True, now=FIRST_START).close()
    return path


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "postgresql":
        found: Place = request.getfixturevalue("postgres").migrated(FIRST_START)
        return found
    return shutil.copy(request.getfixturevalue("migrated"), tmp_path / "footprint.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database of each kind."""
    return _place(request, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A service first started with the year, whose present is 10 November 2026, 12:00 UTC."""
    with House(_place(request, tmp_path), FIRST_START) as opened:
        opened.now = NOW
        yield opened


@pytest.fixture(name="mail")
def listen_for_mail() -> Iterator[MailServer]:
    """A mail server."""
    with MailServer() as found:
        yield found


@pytest.fixture(name="hook")
def listen_for_posts() -> Iterator[Receiver]:
    """Who takes what a webhook sends."""
    with Receiver() as found:
        yield found
