"""Which factor applies: by the day in Paris, as known at an instant, never of another basis."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from footprint.factor_table import OPTIONAL, REQUIRED, parse, parts_of, parts_text
from footprint.factors import (
    ELECTRICITY,
    Factor,
    FactorError,
    applicable,
    cut_at,
    headline,
)
from footprint.grid.intensity import RTE_DIRECT
from footprint.grid.quarter import TECHNOLOGIES
from footprint.interval import paris_midnight, paris_month

KNOWN = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHIPPED = files("footprint.service").joinpath("data/french_electricity.csv").read_text("utf-8")
HEADER = (
    "indicator;zone;value;unit;valid_from;valid_to;basis;method;uncertainty_percent;source;"
    "published"
)
ROW = "gwp;FR;46.1;gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix;location;10;S;2026"


@pytest.fixture(scope="module")
def shipped() -> list[Factor]:
    return parse(SHIPPED, KNOWN)


def test_the_shipped_table_is_whole(shipped: list[Factor]) -> None:
    """Every row has its source; values are the decimals that were published."""
    assert len([factor for factor in shipped if factor.subject == ELECTRICITY]) == 8
    assert all(factor.source and factor.published for factor in shipped)
    by_year = {
        factor.valid_from.year: factor.value
        for factor in shipped
        if factor.basis.startswith("life-cycle, consumption mix")
    }
    assert by_year == {
        2022: Decimal("52.0"),
        2023: Decimal("58.0"),
        2024: Decimal("51.9"),
        2025: Decimal("46.1"),
    }


@pytest.mark.parametrize(
    ("day", "value", "provisional"),
    [
        (date(2024, 12, 31), "51.9", False),
        (date(2025, 1, 1), "46.1", False),
        (date(2025, 12, 31), "46.1", False),
        (date(2026, 1, 1), "46.1", True),
        (date(2031, 7, 1), "46.1", True),
        (date(2021, 12, 31), "52.0", True),
    ],
)
def test_the_day_s_own_factor_or_the_newest_before(
    shipped: list[Factor], day: date, value: str, provisional: bool
) -> None:
    """A day without its own factor takes the newest before it, or the oldest, and says so."""
    found = headline(shipped, "FR", day, NOW)
    assert (found.value, found.provisional) == (Decimal(value), provisional)


def test_bases_are_never_mixed(shipped: list[Factor]) -> None:
    """The market's direct factor of 2025 is there, valid, and never the headline's."""
    market = applicable(shipped, "gwp", "FR", "market", date(2025, 5, 5), as_of=NOW)
    assert market.value == Decimal("17.11")
    assert headline(shipped, "FR", date(2025, 5, 5), NOW).value == Decimal("46.1")
    direct = [factor for factor in shipped if factor.basis.startswith("direct")]
    with pytest.raises(FactorError):
        headline(direct, "FR", date(2025, 5, 5), NOW)


def test_a_correction_holds_from_when_it_is_known(shipped: list[Factor]) -> None:
    """As of an earlier instant the earlier word still applies."""
    corrected = ROW.replace(";46.1;", ";47.0;").replace(
        "consumption mix;", "consumption mix, losses included, smoothed over 2022-2025;"
    )
    later = KNOWN + timedelta(days=30)
    both = shipped + parse(f"{HEADER}\n{corrected}\n", later)
    day = date(2025, 5, 5)
    assert headline(both, "FR", day, later).value == Decimal("47.0")
    assert headline(both, "FR", day, later - timedelta(seconds=1)).value == Decimal("46.1")


def test_a_factor_s_own_year_ends_being_provisional(shipped: list[Factor]) -> None:
    """Once the factor of 2026 is known, days of 2026 rest on it, and no longer provisionally."""
    own = ROW.replace("46.1", "40").replace("2026-01-01", "2027-01-01").replace("2025-", "2026-")
    later = KNOWN + timedelta(days=300)
    found = headline([*shipped, *parse(f"{HEADER}\n{own}\n", later)], "FR", date(2026, 3, 1), later)
    assert (found.value, found.provisional) == (Decimal("40"), False)


def test_a_zone_without_a_factor_names_what_to_import(shipped: list[Factor]) -> None:
    """Zone, indicator, method, basis and the command."""
    with pytest.raises(FactorError) as failed:
        headline(shipped, "DE", date(2026, 1, 1), NOW)
    assert "no gwp factor for zone DE (location, life-cycle, consumption mix)" in str(failed.value)
    assert "footprint import factors" in str(failed.value)
    with pytest.raises(FactorError):
        headline(shipped, "FR", date(2026, 1, 1), KNOWN - timedelta(seconds=1))


def test_cuts_make_up_the_interval() -> None:
    """Pieces follow one another; a day at the edge or outside cuts nothing."""
    month = paris_month("2026-03")
    days = [date(2026, 3, 1), date(2026, 3, 10), date(2026, 3, 30), date(2026, 4, 1)]
    pieces = cut_at(month, days)
    assert [piece.start for piece in pieces] == [paris_midnight(day) for day in days[:3]]
    assert pieces[-1].end == month.end
    assert sum(piece.microseconds for piece in pieces) == month.microseconds


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("46,1", "46.1", "line 2: value '46,1' is not a number with a decimal point"),
        ("NaN", "46.1", "line 2: value 'NaN' is not"),
        ("-1", "46.1", "line 2: value '-1' is not"),
        (";dix;", ";10;", "line 2: uncertainty_percent 'dix'"),
        ("2025-02-30", "2025-01-01", "line 2: valid_from '2025-02-30' is not a date, YYYY-MM-DD"),
        ("2024-01-01", "2026-01-01", "line 2: valid_to is not after valid_from"),
        (";place;", ";location;", "line 2: method must be one of location, market"),
        (";;2026", ";S;2026", "line 2: source is empty"),
        ("inf", "46.1", "line 2: value 'inf' is not a number"),
        ("١٠", "46.1", "line 2: value '١٠' is not a number"),
        ("100001", "46.1", "line 2: value 100001 is not 0 or between 1E-20 and 100000; check"),
        ("1e-99", "46.1", "line 2: value 1E-99 is not 0 or between"),
        ("kgCO2e/kWh", "gCO2e/kWh", "line 2: unit 'kgCO2e/kWh' cannot be applied to gwp; write"),
        ("gCO2/kWh", "gCO2e/kWh", "line 2: unit 'gCO2/kWh' cannot be applied to gwp"),
        ("0001-01-01", "2025-01-01", "valid_from '0001-01-01' cannot be used: 0001-01-01 is not"),
        ("9999-12-31", "2026-01-01", "valid_to '9999-12-31' cannot be used: 9999-12-31 is not be"),
        (";S;2026;x", ";S;2026", "line 2: 12 fields instead of 11"),
        ("zones", "zone", "line 1: no column is called 'zones'; the columns are indicator;zone;"),
    ],
)
def test_a_wrong_table_names_line_and_column(wrong: str, right: str, words: str) -> None:
    """The first fault, in words."""
    text = f"{HEADER}\n{ROW}\n"
    assert right in text
    with pytest.raises(FactorError) as failed:
        parse(text.replace(right, wrong, 1), KNOWN)
    assert words in str(failed.value)


def test_a_factor_twice_in_a_table_is_refused() -> None:
    """Nobody could say which of them holds."""
    with pytest.raises(FactorError, match="line 3: the same factor stands on a line above"):
        parse(f"{HEADER}\n{ROW}\n{ROW.replace('46.1', '47')}\n", KNOWN)


def test_every_technology_of_the_grid_has_its_factors(shipped: list[Factor]) -> None:
    """Of burning where there is some, of the life cycle for all; what burns emits no less over its
    life cycle than at once."""
    direct = {one.subject: one for one in shipped if one.basis == "direct CO2, combustion"}
    whole = {one.subject: one for one in shipped if one.basis == "life-cycle, generation"}
    assert {name: one.value for name, one in direct.items()} == {
        f"electricity/{name}": value for name, value in RTE_DIRECT.items()
    }
    assert set(whole) == {f"electricity/{name}" for name in TECHNOLOGIES}
    assert all(whole[name].value >= one.value for name, one in direct.items())
    assert all(one.low is not None and one.high is not None for one in whole.values())
    assert len({one.id for one in shipped}) == len(shipped)


def test_the_parts_of_2022_add_up_as_published(shipped: list[Factor]) -> None:
    """ADEME's 52.0 g/kWh: combustion, upstream, losses; their sum is off by its rounding."""
    used = headline(shipped, "FR", date(2022, 6, 1), NOW)
    assert used.parts == {
        "combustion": Decimal("33.8"),
        "upstream": Decimal("13.5"),
        "losses": Decimal("4.74"),
    }
    assert (sum(used.parts.values()), used.value) == (Decimal("52.04"), Decimal("52.0"))
    assert used.licence == "Licence Ouverte 2.0"


WHOLE = {
    **dict(zip(HEADER.split(";"), ROW.split(";"), strict=True)),
    "uncertainty_percent": "",
    "subject": "electricity/gas",
    "low": "40",
    "high": "50.5",
    "resolution": "month",
    "licence": "CC BY 4.0",
    "parts": "combustion=40 losses=6.1",
}


def table(**cells: str) -> str:
    row = {**WHOLE, **cells}
    return f"{';'.join(row)}\n{';'.join(row.values())}\n"


def test_every_column_is_read_wherever_it_stands() -> None:
    assert {*WHOLE} == {*REQUIRED, *OPTIONAL}
    (found,) = parse(table(), KNOWN)
    turned = [";".join(reversed(line.split(";"))) for line in table().splitlines()]
    assert parse("\n".join(turned), KNOWN) == [found]
    assert (found.subject, found.low, found.high) == (
        "electricity/gas",
        Decimal(40),
        Decimal("50.5"),
    )
    assert (found.resolution, found.licence) == ("month", "CC BY 4.0")
    assert parts_text(found.parts) == WHOLE["parts"]
    assert parts_of("") == {}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"low": ""}, "line 2: low and high go together"),
        ({"uncertainty_percent": "10"}, "line 2: uncertainty_percent stands beside low and high"),
        ({"low": "47"}, "line 2: value 46.1 is not between low 47 and high 50.5"),
        ({"high": "mille"}, "line 2: high 'mille' is not a number"),
        ({"resolution": "weekly"}, "line 2: resolution must be one of year, month, day, hour, q"),
        ({"parts": "combustion=40 losses=9"}, "line 2: parts add up to 49, and value is 46.1"),
        ({"parts": "combustion=40 combustion=6.1"}, "has 'combustion=6.1'; write"),
        ({"parts": "combustion 40"}, "line 2: parts 'combustion 40' has 'combustion'; write comb"),
        (
            {"indicator": "GWP"},
            "line 2: indicator must be one of gwp, adpe, water, primary_energy, p",
        ),
        ({"zone": "fr'--"}, 'line 2: zone "fr\'--" is not written like FR, or FR-COR'),
        ({"subject": "Gas"}, "line 2: subject 'Gas' is not written like electricity, or"),
        ({"published": "\x1b[31m"}, "line 2: published has characters that do not show"),
        ({"licence": "\u202e"}, "line 2: licence has characters that do not show"),
        ({"source": "x" * 1001}, "line 2: source has more than 1000 characters"),
        ({"basis": ""}, "line 2: basis is empty"),
    ],
)
def test_a_wrong_cell_of_the_newer_columns(cells: dict[str, str], words: str) -> None:
    with pytest.raises(FactorError) as failed:
        parse(table(**cells), KNOWN)
    assert words in str(failed.value)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace(";unit", ""), "line 1: column 'unit' is missing"),
        (HEADER + ";zone", "line 1: column 'zone' stands there twice"),
        ("", "line 1: column 'indicator' is missing"),
    ],
)
def test_a_wrong_header_names_the_column(header: str, words: str) -> None:
    with pytest.raises(FactorError) as failed:
        parse(f"{header}\n{ROW}\n", KNOWN)
    assert words in str(failed.value)


def test_a_factor_of_a_technology_is_never_that_of_the_mix(shipped: list[Factor]) -> None:
    gas = parse(table(zone="DE", valid_to=""), KNOWN)
    with pytest.raises(FactorError):
        headline(gas, "DE", date(2026, 1, 1), NOW)
    found = applicable(
        gas, "gwp", "DE", "location", date(2026, 1, 1), as_of=NOW, subject="electricity/gas"
    )
    assert found.id == "gwp:electricity/gas:life-cycle:DE:location:2025-01-01:2026"
    assert headline(shipped, "FR", date(2026, 5, 5), NOW).value == Decimal("46.1")
