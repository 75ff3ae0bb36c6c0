"""What an earlier version stored, or somebody changed, never takes the pages down."""

from pathlib import Path

import pytest

from footprint.service.cli import main
from tests.pages import make_ledger
from tests.service.house import House

PATHS = ("/", "/v1/overview", "/v1/statements/2026-11?format=html", "/metrics", "/v1/factors")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("unit", "kgCO2e/kWh"),
        ("value", "NaN"),
        ("value", "a lot"),
        ("value", "1e999999"),
        ("valid_from", "yesterday"),
        ("valid_from", "0001-01-01"),
        ("valid_to", "9999-12-31"),
        ("valid_to", "0001-01-01"),
    ],
)
def test_no_stored_factor_stops_the_service(house: House, column: str, value: str) -> None:
    """The figures of a day are still answered, every one of them with a factor."""
    house.post(make_ledger(2))
    house.execute(f"UPDATE factor SET {column} = ? WHERE value = '46.1'", value)
    assert [house.get(path).status_code for path in PATHS] == [200] * len(PATHS)
    figure = house.get("/v1/overview").json()["total"]
    assert figure["emissions_ug"] > 0


def test_fsck_names_a_factor_that_is_left_out(house: House, capsys) -> None:
    """With what is wrong and the remedy."""
    house.execute("UPDATE factor SET unit = 'kgCO2e/kWh' WHERE value = '46.1'")
    assert main(["fsck", "--database", str(house.database)]) == 1
    line = capsys.readouterr().err
    assert "gwp:FR:location:2025-01-01: unit 'kgCO2e/kWh' cannot be applied to gwp" in line


def test_no_stored_share_stops_the_service(house: House) -> None:
    """Its days count as the nearest that may be named."""
    house.put("/v1/directorates/d", {"name": "D"})
    house.put("/v1/projects/p", {"name": "P", "directorate": "d"})
    share = {"project": "p", "permille": 1000, "from": "2026-01-01", "to": "2027-01-01"}
    house.put("/v1/sia/chat-demo", {"name": "Chat", "shares": [share]})
    house.execute("UPDATE share SET valid_from = '0001-01-01', valid_to = '9999-12-31'")
    house.post(make_ledger(2))
    assert [house.get(path).status_code for path in PATHS] == [200] * len(PATHS)


def test_a_wrong_factor_file_is_refused_with_row_and_column(tmp_path: Path, capsys) -> None:
    """Kilograms where grams are meant: one line, and nothing is stored."""
    file = tmp_path / "factors.csv"
    file.write_text(
        "indicator;zone;value;unit;valid_from;valid_to;basis;method;uncertainty_percent;source;"
        "published\ngwp;FR;0.0461;kgCO2e/kWh;2026-01-01;;life-cycle, consumption mix, x;location;"
        "10;me;2026\n",
        encoding="utf-8",
    )
    database = tmp_path / "footprint.db"
    assert main(["import", "factors", str(file), "--database", str(database)]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "factors: line 2: unit 'kgCO2e/kWh' cannot be applied to gwp; write the value in" in line
    assert not database.exists()
