"""ADEME's file: France's mean consumption mix as published, and every kind of damage to it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from footprint.factor_files import ademe
from footprint.factors import FactorError
from tests.tools import CAPABILITY_REASON

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FILE = Path(__file__).with_name("data") / "base_carbone.csv"
LINES = FILE.read_bytes().splitlines(keepends=True)
HEADER, MIX = LINES[0], [line for line in LINES if b";42513;" in line]
SHARED = Path(__file__).resolve().parents[3] / "shared/data/factors/base_carbone_extract_latin1.csv"
WHOLE = f"{CAPABILITY_REASON}the extract lies beside the checkout"


def test_2022_is_52_grams_decomposed_as_published() -> None:
    found = ademe.read(LINES, NOW)
    (factor,) = found.factors
    assert (factor.value, factor.unit) == (Decimal("52.0"), "gCO2e/kWh")
    assert factor.parts == {
        "combustion": Decimal("33.8"),
        "upstream": Decimal("13.5"),
        "losses": Decimal("4.74"),
    }
    assert (factor.valid_from, factor.valid_to) == (date(2022, 1, 1), date(2023, 1, 1))
    assert (factor.uncertainty_percent, factor.published) == (Decimal(10), "2023-04-24")
    assert (found.rows, found.remarks) == (
        len(LINES) - 1,
        ["3 of 4 elements are no consumption mix"],
    )


@pytest.mark.skipif(not SHARED.is_file(), reason=WHOLE)
def test_the_whole_extract() -> None:
    with SHARED.open("rb") as file:
        found = ademe.read(file, NOW)
    assert [factor.value for factor in found.factors] == [Decimal(52)]
    assert found.remarks == ["52 of 53 elements are no consumption mix"]


def test_of_two_elements_of_a_year_the_valid_one_holds_wherever_it_stands() -> None:
    archived = [line.replace("Valide générique".encode("latin-1"), b"Archiv\xe9") for line in MIX]
    old = [line.replace(b";42513;", b";99;").replace(b"0,052;", b"0,051;") for line in archived]
    for lines in ([HEADER, *MIX, *old], [HEADER, *old, *MIX]):
        found = ademe.read(lines, NOW)
        assert [factor.value for factor in found.factors] == [Decimal(52)]
        assert any("another element of 2022 holds instead" in one for one in found.remarks)


def test_of_two_valid_ones_the_one_changed_last_holds() -> None:
    newer = [
        line.replace(b";42513;", b";99;").replace(b"24/04/2023", b"25/04/2023") for line in MIX
    ]
    (factor,) = ademe.read([HEADER, *newer, *MIX], NOW).factors
    assert (factor.published, "id 99" in factor.source) == ("2023-04-25", True)


def test_years_stand_side_by_side() -> None:
    other = [line.replace(b";42513;", b";99;").replace(b"2022", b"2021") for line in MIX]
    found = ademe.read([HEADER, *MIX, *other], NOW)
    assert [factor.valid_from.year for factor in found.factors] == [2021, 2022]


def broken() -> Iterator[tuple[str, list[bytes], str]]:
    yield "nothing", [], "none is France's mean consumption mix"
    yield "no mix", [HEADER, LINES[1]], "1 elements, and none is France's mean consumption mix"
    yield "another file", [b"a;b\n"], "line 1: column 'Type Ligne' is missing"
    as_utf8 = [line.decode("latin-1").encode() for line in LINES]
    yield "UTF-8", as_utf8, "line 1: column .* is missing; ADEME publishes this file in ISO-8859-1"
    yield "cut in a row", [*LINES[:3], LINES[3][:11]], "line 4: 2 fields where the header has 67"
    yield "cut in a quote", [*LINES[:3], LINES[3][:40]], "line 4: not CSV: unexpected end"
    yield "cut before its parts", [HEADER, MIX[0]], "no part follows"
    yield "cut after a part", [HEADER, *MIX[:2]], "parts add up to 33.8, and value is 52"
    yield "shuffled", [HEADER, MIX[1], MIX[0]], "line 2.*'42513' is no part of the element above"
    yield "a part twice", [HEADER, *MIX[:2], MIX[1]], "stands there twice"
    yield "another part", [HEADER, MIX[0], MIX[1].replace(b"Combustion", b"Magie")], "is none of"
    yield "a word", [HEADER, MIX[0].replace(b"0,052;", b"beaucoup;")], "not a number with a decimal"
    yield "a point", [HEADER, MIX[0].replace(b"0,052;", b"0.052;")], "'0.052' is not a number"
    yield (
        "a row of another kind",
        [HEADER, MIX[0].replace(b"El\xe9ment", b"Autre")],
        "'Autre' is neith",
    )
    yield (
        "the year",
        [HEADER, MIX[0].replace(b"Ann\xe9e 2022", b"Ann\xe9e 2021")],
        "is not the year of",
    )
    yield "a date", [HEADER, MIX[0].replace(b"24/04/2023", b"31/02/2023"), *MIX[1:]], "not a date"
    yield (
        "percent",
        [HEADER, MIX[0].replace(b";10;", b";dix;"), *MIX[1:]],
        "not a number of percent",
    )


@pytest.mark.parametrize(
    ("lines", "says"), [pytest.param(lines, says, id=name) for name, lines, says in broken()]
)
def test_a_damaged_file_says_where(lines: list[bytes], says: str) -> None:
    with pytest.raises(FactorError, match=says) as found:
        ademe.read(lines, NOW)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 500
