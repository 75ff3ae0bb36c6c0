"""Our World in Data's table: countries and years, groups left out, every kind of damage."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from footprint.factor_files import owid
from footprint.factor_files.found import Found
from footprint.factors import FactorError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LINES = (Path(__file__).with_name("data") / "owid.csv").read_bytes().splitlines(keepends=True)
HEADER, FRANCE = LINES[:2]
ZONES = {"FRA": "FR", "DEU": "DE"}


def read(lines: list[bytes]) -> Found:
    return owid.read(lines, ZONES, "2025-10-01", NOW)


def test_a_country_and_year_each() -> None:
    found = read(LINES)
    assert {(one.zone, one.valid_from.year): one.value for one in found.factors} == {
        ("FR", 2022): Decimal("78.55024"),
        ("FR", 2023): Decimal("55.27541"),
        ("FR", 2024): Decimal("44.179085"),
        ("DE", 2022): Decimal("420.10654"),
        ("DE", 2023): Decimal("371.31064"),
        ("DE", 2024): Decimal("344.13992"),
    }
    one = found.factors[0]
    assert (one.valid_from, one.valid_to) == (date(2022, 1, 1), date(2023, 1, 1))
    assert (one.basis, one.licence) == ("life-cycle, generation", "CC BY 4.0")
    assert (one.published, one.unit) == ("2025-10-01", "gCO2e/kWh")
    assert found.remarks == ["8 rows of groups of countries left out"]
    assert found.rows == 14


def test_a_code_that_is_no_country_is_named() -> None:
    found = read([*LINES, b"Atlantis,ATL,2022,3.5\n"])
    assert found.remarks[1] == "codes of no country left out: ATL"


def broken() -> Iterator[tuple[str, list[bytes], str]]:
    yield "nothing", [], "line 1: the columns must be Entity,Code,Year,Carbon intensity of"
    yield "another table", [b"Entity,Code,Year,Share of electricity\n"], "line 1: the columns must"
    yield "cut in a row", [HEADER, FRANCE[:11]], "line 2: 3 fields instead of 4"
    yield "no country", [HEADER], "no row is a country's"
    yield "twice", [HEADER, FRANCE, FRANCE], "line 3: FRA has 2022 on a line above"
    yield "a year", [HEADER, FRANCE.replace(b"2022", b"22")], "line 2, column 'Year': '22' is not"
    yield "far away", [HEADER, FRANCE.replace(b"2022", b"9999")], "'9999' is not a year"
    yield "a word", [HEADER, FRANCE.replace(b"78.55024", b"much")], "line 2.*'much' is not a number"
    yield "a comma", [HEADER, b'France,FRA,2022,"78,5"\n'], "'78,5' is not a number"
    yield "too much", [HEADER, FRANCE.replace(b"78.55024", b"999999")], "is not 0 or between"
    yield "bytes", [HEADER, b"Fran\xe7a,FRA,2022,1\n"], "line 2: not UTF-8 .byte 5."
    yield "a quote", [HEADER, b'"France,FRA,2022,1\n'], "not CSV"


@pytest.mark.parametrize(
    ("lines", "says"), [pytest.param(lines, says, id=name) for name, lines, says in broken()]
)
def test_a_damaged_file_says_where(lines: list[bytes], says: str) -> None:
    with pytest.raises(FactorError, match=says) as found:
        read(lines)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 500
