"""A statement made while somebody writes: as of its own instant it can be had again."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from footprint import factor_table
from footprint.interval import floor_to
from footprint.service import cli, reports, store_factors, subjects
from footprint.service.place import Place
from tests.pages import make_ledger
from tests.service.house import House

TABLE = (
    "indicator;zone;value;unit;valid_from;valid_to;basis;method;source;published\n"
    "gwp;FR;{value};gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix, losses included, "
    "smoothed over 2022-2025;location;{value};2026-12\n"
)
HOLDS_SECONDS = 1.0


class Living(House):
    """A house whose clock is that of the machine."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @now.setter
    def now(self, _told: datetime) -> None:
        """It goes by itself."""


@pytest.fixture(name="living")
def make_living(database: Place) -> Iterator[Living]:
    """With some energy of this month."""
    with Living(database, datetime.now(UTC)) as house:
        start = floor_to(datetime.now(UTC), 900) - timedelta(hours=2)
        house.month = f"{start.astimezone():%Y-%m}"
        assert house.post(make_ledger(4, start=start)).status_code == 200
        yield house


def again(house: Living, stated: dict[str, Any]) -> int | None:
    """The gases of a statement, read from the pages as of its instant."""
    with house.app.state.footprint.store.read() as connection:
        as_of = datetime.fromisoformat(stated["as_of"])
        asked = subjects.Asked(stated["month"])
        return reports.statement(connection, asked, "FR", as_of, rolled=False).total.emissions_ug


def slow_writer(house: Living, begun: threading.Event) -> None:
    """Learns a factor, and takes its time until it is stored."""
    store = house.app.state.footprint.store
    with store.write() as connection:
        table = TABLE.format(value="99")
        store_factors.add(connection, factor_table.parse(table, datetime.now(UTC)))
        begun.set()
        threading.Event().wait(HOLDS_SECONDS)


def test_what_is_being_stored_is_waited_for(living: Living) -> None:
    """The statement that is asked for meanwhile has it, and can be had again."""
    first = living.get(f"/v1/statements/{living.month}").json()
    begun = threading.Event()
    writer = threading.Thread(target=slow_writer, args=(living, begun))
    writer.start()
    assert begun.wait(30)
    second = living.get(f"/v1/statements/{living.month}").json()
    writer.join()
    for stated in (first, second):
        assert again(living, stated) == stated["total"]["emissions_ug"]
    assert first["total"]["emissions_ug"] != second["total"]["emissions_ug"]


def test_an_import_is_known_from_when_it_is_stored(
    living: Living, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not from when it was begun: what was stated while it waited stays what was known."""
    file = tmp_path / "factors.csv"
    file.write_text(TABLE.format(value="77"), encoding="utf-8")
    arguments = ["import", "factors", str(file), "--database", str(living.database)]
    store = living.app.state.footprint.store
    with store.write():
        importing = threading.Thread(target=cli.main, args=(arguments,))
        importing.start()
        threading.Event().wait(HOLDS_SECONDS)
        released = datetime.now(UTC)
    importing.join()
    with store.read() as connection:
        found = [one for one in store_factors.all_factors(connection) if one.source == "77"]
    assert [one.known_from >= released for one in found] == [True]
    assert "77 gCO2e/kWh" in capsys.readouterr().out


def test_the_future_is_not_known(living: Living, capsys: pytest.CaptureFixture[str]) -> None:
    """As of an instant that is yet to come there is no statement."""
    arguments = ["statement", "--month", living.month, "--database", str(living.database)]
    assert cli.main([*arguments, "--as-of", "2100-01-01T00:00:00Z"]) == 1
    assert "is yet to come" in capsys.readouterr().err
