"""Imported rows that cannot be are left out and said; none of them takes a figure down."""

import pytest

from footprint.interval import to_us
from footprint.service.cli import main
from tests.pages import START, make_ledger
from tests.service.house import House

START_US = to_us(START)
END_US = START_US + 300_000_000
MONTH = "/v1/statements/2026-11"
NODE = ("pdu:r12", START_US, 1, END_US, "host-1", 5, "counter")
GRID = ("FR", START_US, 1, "real-time", 1, 1, 1, 1, 1, 1, 1, 1, 40)


def put(house: House, table: str, values: tuple[object, ...]) -> None:
    marks = ", ".join("?" for _ in values)
    house.execute(f"INSERT INTO {table} VALUES ({marks})", *values)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (5, -5, "its energy is -5 uJ"),
        (6, "guessed", "its quality is 'guessed'"),
        (3, START_US, "it does not end within a day of its start"),
        (4, "host-1 Host", "'Host' is no host"),
    ],
)
def test_energy_of_nodes(house: House, capsys, place: int, value: object, words: str) -> None:
    house.post(make_ledger(2))
    before = house.get(MONTH).json()["total"]
    row = (*NODE[:place], value, *NODE[place + 1 :])
    put(house, "node_import", row)
    answer = house.get(MONTH)
    assert answer.status_code == 200
    assert answer.json()["total"] == before
    assert main(["fsck", "--database", str(house.database)]) == 1
    assert f"imported energy of pdu:r12 from 2026-11-10T09:00:00+00:00: {words}" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (3, "x", "its nature is 'x'"),
        (1, START_US + 1, "it does not start with a quarter-hour"),
        (6, -9999, "-9999 MW cannot be"),
    ],
)
def test_the_grid(house: House, capsys, place: int, value: object, words: str) -> None:
    put(house, "grid_quarter", (*GRID[:place], value, *GRID[place + 1 :]))
    found = house.get("/v1/grid/2026-11-10").json()["quarters"]
    assert {one["nature"] for one in found} == {None}
    assert main(["fsck", "--database", str(house.database)]) == 1
    assert words in capsys.readouterr().err


def test_right_rows_are_read(house: House) -> None:
    put(house, "node_import", NODE)
    put(house, "grid_quarter", GRID)
    assert main(["fsck", "--database", str(house.database)]) == 0
