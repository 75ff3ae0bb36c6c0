"""A fresh service for each test: the real application on a real SQLite file, its clock told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.service.house import House

FIRST_START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A service first started with the year, whose present is 10 November 2026, 12:00 UTC."""
    with House(tmp_path / "footprint.db", FIRST_START) as opened:
        opened.now = NOW
        yield opened
