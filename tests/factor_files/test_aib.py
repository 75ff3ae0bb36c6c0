"""AIB's residual mixes: a country and year each, and every kind of damage."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from footprint.factor_files import aib
from footprint.factor_files.found import Found
from footprint.factors import RESIDUAL_BASIS, FactorError, applicable

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEADER = b"Country,Year,Residual mix (gCO2/kWh)\n"
FRANCE = b"FR,2025,17.11\n"


def read(*lines: bytes) -> Found:
    assert not lines or not lines[0].startswith(b"Country") or aib.recognises(lines[0])
    return aib.read(lines, "2026-05-26", NOW)


def test_a_country_and_year_each() -> None:
    found = read(HEADER, FRANCE, b"CH,2024,34.84\n")
    assert {(one.zone, one.valid_from.year): one.value for one in found.factors} == {
        ("FR", 2025): Decimal("17.11"),
        ("CH", 2024): Decimal("34.84"),
    }
    one = found.factors[0]
    assert (one.method, one.basis, one.unit) == ("market", RESIDUAL_BASIS, "gCO2/kWh")
    assert (one.source, one.published) == ("AIB European Residual Mixes 2025", "2026-05-26")
    use = applicable(
        found.factors, "gwp", "FR", "market", date(2025, 7, 1), as_of=NOW, basis=RESIDUAL_BASIS
    )
    assert use.value == Decimal("17.11")


def test_as_a_spreadsheet_writes_it() -> None:
    """Byte-order mark, semicolons, blanks, Windows line ends."""
    found = read(b"\xef\xbb\xbfCountry;Year;Residual mix (gCO2/kWh)\r\n", b"FR; 2025 ;17.11\r\n")
    assert [one.value for one in found.factors] == [Decimal("17.11")]


def broken() -> Iterator[tuple[list[bytes], str]]:
    yield [], "line 1: the columns must be Country,Year,Residual mix"
    yield [b"Country,Year,Residual mix (kg)\n"], "line 1: the columns must be"
    yield [HEADER], "no row has a residual mix"
    yield [HEADER, b"FR,2025\n"], "line 2: 2 fields instead of 3"
    yield [HEADER, FRANCE, FRANCE], "line 3: FR has 2025 on a line above"
    yield [HEADER, b"France,2025,17.11\n"], "line 2, column 'Country': 'France' is no code"
    yield [HEADER, b"FR,25,17.11\n"], "line 2, column 'Year': '25' is not"
    yield [HEADER, b'FR,2025,"17,11"\n'], "'17,11' is not a number"
    yield [HEADER, b"AT,2022,0\n"], "line 2.*zero: AT has no residual mix"
    yield [HEADER, b"F\xe9,2025,1\n"], "line 2: not UTF-8 .byte 2."
    yield [HEADER, b'"FR,2025,1\n'], "not CSV"
    yield [HEADER, *(b"FR,2025,1\n" for _ in range(aib.MAX_ROWS + 1))], "FR has 2025|more than"


@pytest.mark.parametrize(("lines", "said"), [*broken()])
def test_damage_is_named_with_its_place(lines: list[bytes], said: str) -> None:
    with pytest.raises(FactorError, match=said):
        read(*lines)
