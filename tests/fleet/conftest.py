"""A running service for fleets, whose present is told, and which wants a token."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.fleet import command
from footprint.service.place import Place
from footprint.service.settings import read_token
from tests.postgres import Postgres, running
from tests.service.house import House

FIRST_START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
TOKEN = "a-token-for-every-host-of-the-fleet"


class FleetHouse(House):
    """The service, and fleets against it."""

    token_file: Path

    def options(self, *words: str) -> argparse.Namespace:
        """The options of `footprint fleet` against it."""
        parser = argparse.ArgumentParser()
        command.add(parser)
        told = ["--service", self.address, "--token-file", str(self.token_file)]
        return parser.parse_args([*told, *words])

    def fleet(self, *words: str) -> int:
        """Run `footprint fleet` in this process; its exit code."""
        return command.run_command(self.options(*words))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for all tests; what a crash would lose is of no interest to them."""
    with running("fsync=off") as server:
        yield server


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FleetHouse]:
    """A service first started with the year, whose present is 10 November 2026, 12:00 UTC: on
    SQLite, unless the test says "postgresql"."""
    place: Place = tmp_path / "footprint.db"
    if getattr(request, "param", "sqlite") == "postgresql":
        place = request.getfixturevalue("postgres").migrated(FIRST_START)
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN, encoding="ascii")
    token = read_token(token_file)
    with FleetHouse(place, FIRST_START, token_sha256=token) as opened:
        opened.token_file = token_file
        opened.now = NOW
        yield opened
