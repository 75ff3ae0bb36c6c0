"""`footprint import factors`: formats told apart, all or nothing, versions beside one another."""

import json
import resource
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from footprint import factors
from footprint.applied import FactorUse
from footprint.interval import from_us
from footprint.service import store_factors
from footprint.service.cli import main
from footprint.service.clock import utc_now
from footprint.service.store import open_store
from tests.factor_files.test_electricity_maps import row
from tests.service.house import content

FILES = Path(__file__).parents[1] / "factor_files" / "data"
ADEME, OWID = FILES / "base_carbone.csv", FILES / "owid.csv"
HEADER = "indicator;zone;value;unit;valid_from;valid_to;basis;method;source;published\n"
ROW = (
    "gwp;FR;{};gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix, losses included, "
    "smoothed over 2022-2025;location;A correction;2026-07\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """The report of an import that succeeds."""
    assert main(["import", "factors", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["import", "factors", *map(str, arguments)]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    return str(written.err)


def headline(as_of: datetime | None = None) -> FactorUse:
    """What applies to a day of 2025."""
    store = open_store(Path("footprint.db"), create=False, migrate=False, now=utc_now())
    with store.read() as connection:
        held = store_factors.all_factors(connection, "FR")
    store.close()
    return factors.headline(held, "FR", date(2025, 5, 5), as_of or utc_now())


def test_what_ships_is_what_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    """ADEME's own file says of 2022 just what comes with the program."""
    said = run(capsys, ADEME)
    assert said[0].endswith("ADEME's Base Empreinte: 12 rows, 1 factors")
    assert said[-1].endswith("0 new, 0 changed, 1 as held")


def test_a_table_of_countries_needs_the_day_it_was_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for given in ((), ("--published", "autumn"), ("--published", "20251001")):
        assert "--published YYYY-MM-DD" in failure(capsys, OWID, *given)
    said = run(capsys, OWID, "--published", "2025-10-01")
    assert said[0].endswith("Our World in Data's table: 14 rows, 6 factors")
    assert said[-1].endswith("6 new, 0 changed, 0 as held")
    assert headline().value == Decimal("46.1"), "generation never stands for consumption"
    assert run(capsys, OWID, "--published", "2025-10-01")[-1].endswith("0 changed, 6 as held")


def test_years_of_electricity_maps_in_one_long_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(1990 + number % 30, 40, zone=f"Z{number // 30}") for number in range(300)]
    text = json.dumps({"data": rows})
    assert len(text) > 65_536
    Path("years.json").write_text(text)
    said = run(capsys, "years.json")
    assert said[0].endswith("Electricity Maps' years: 300 rows, 300 factors")
    assert said[-1].endswith("300 new, 0 changed, 0 as held")


def test_a_value_changed_and_changed_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a version of its own; as of each instant the figure is what it was then."""
    Path("one.csv").write_text(HEADER + ROW.format("46.1"))
    Path("two.csv").write_text(HEADER + ROW.format("50"))
    run(capsys, "one.csv")
    first, at_first = headline(), utc_now()
    said = run(capsys, "two.csv")
    assert said[1] == (
        "footprint: two.csv: changed: gwp:FR:location:2025-01-01:2026-07: 46.1 gCO2e/kWh "
        "(A correction, 2026-07) becomes 50 gCO2e/kWh (A correction, 2026-07)"
    )
    assert (headline().value, at_second := utc_now())[0] == Decimal(50)
    assert said[3:] == [
        "footprint: two.csv: applies from 2025-01-01 in FR: 50 gCO2e/kWh instead of 46.1 gCO2e/kWh",
        "footprint: two.csv: applies from 2026-01-01 in FR: 50 gCO2e/kWh (provisional) instead of "
        "46.1 gCO2e/kWh (provisional)",
    ]
    assert run(capsys, "one.csv")[2].endswith("0 new, 1 changed, 0 as held")
    assert headline() == first
    assert headline(at_first) == first
    assert headline(at_second).value == Decimal(50)


@pytest.mark.parametrize("published", ["2025-12-01", "2027"])
def test_a_correction_holds_whatever_it_calls_itself(
    capsys: pytest.CaptureFixture[str], published: str
) -> None:
    """Other words for its basis, an earlier day of publication: it was learned last, so it applies,
    and the report says what changes, though no factor held does."""
    row = "gwp;FR;99.9;gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix, anew;location;"
    Path("other.csv").write_text(f"{HEADER}{row}A correction;{published}\n")
    said = run(capsys, "--database", "footprint.db", "other.csv")
    assert said[1].endswith("1 new, 0 changed, 0 as held")
    assert "applies from 2025-01-01 in FR: 99.9 gCO2e/kWh instead of 46.1 gCO2e/kWh" in said[2]
    assert headline().value == Decimal("99.9")
    assert len(run(capsys, "other.csv")) == 2


def test_what_was_corrected_stays_corrected(capsys: pytest.CaptureFixture[str]) -> None:
    """The next start brings the shipped factors along, and they are no news."""
    Path("two.csv").write_text(HEADER + ROW.format("50"))
    run(capsys, "two.csv")
    run(capsys, OWID, "--published", "2025-10-01")
    assert headline().value == Decimal(50)


def test_a_preview_stores_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "make it with" in failure(capsys, "--preview", ADEME)
    run(capsys, ADEME)
    before = content(Path("footprint.db"))
    Path("two.csv").write_text(HEADER + ROW.format("50"))
    said = run(capsys, "--preview", "two.csv", OWID, "--published", "2025-10-01")
    assert "46.1 gCO2e/kWh" in said[1]
    assert "becomes 50 gCO2e/kWh" in said[1]
    assert said[-1] == "footprint: preview: nothing was stored"
    assert content(Path("footprint.db")) == before


def test_one_damaged_file_keeps_all_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cut.csv").write_bytes(ADEME.read_bytes()[:-500])
    assert "cut.csv: line" in failure(capsys, ADEME, "cut.csv")
    Path("words.csv").write_text("a;b\n1;2\n")
    assert "line 1: no column is called 'a'" in failure(capsys, ADEME, "words.csv")
    Path("bytes.csv").write_bytes(HEADER.encode() + b"\xff\n")
    assert "line 2: not UTF-8" in failure(capsys, ADEME, "bytes.csv")
    Path("nul.csv").write_text(HEADER + ROW.format("46.1").replace("A correction", "A\0B"))
    assert "line 2: source has characters that do not show" in failure(capsys, "nul.csv")
    Path("pipe.csv").mkdir()
    assert "is no file" in failure(capsys, "pipe.csv")
    Path("long.csv").write_bytes(b"x" * 70_000)
    assert "line 1: longer than 65536 bytes" in failure(capsys, "long.csv")
    assert "cannot be read" in failure(capsys, "nothing.csv")
    assert not Path("footprint.db").exists()


def test_a_table_of_many_lines_is_refused_at_its_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not after all of it is in memory."""
    with Path("many.csv").open("w") as file:
        for _ in range(100):
            file.write("é\n" * 100_000)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "line 1: no column is called 'é'" in failure(capsys, "many.csv")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 16 * 1024


def test_versions_are_known_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the clock stands still or was ahead."""
    run(capsys, ADEME)
    store = open_store(Path("footprint.db"), create=False, migrate=False, now=utc_now())
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE factor SET known_from_us = known_from_us + 3600000000")
    store.close()
    Path("two.csv").write_text(HEADER + ROW.format("50"))
    run(capsys, "two.csv")
    rows = content(Path("footprint.db"))["factor"]
    known = sorted({from_us(row[6]) for row in rows})
    assert known[-1] - known[-2] == timedelta(microseconds=1)
