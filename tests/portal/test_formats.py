"""Figures, dates and the text of others, as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from footprint.portal.formats import ENERGY, MASS, POWER, Formats, plain, scale

FR, EN = Formats("fr"), Formats("en")
KWH = 3_600_000_000_000


@pytest.mark.parametrize(
    ("family", "raw", "french", "english"),
    [
        (ENERGY, 1, "<\u202f0,001\u202fmWh", "<\u00a00.001\u00a0mWh"),
        (ENERGY, -1, ">\u202f-0,001\u202fmWh", ">\u00a0-0.001\u00a0mWh"),
        (ENERGY, 1800, "<\u202f0,001\u202fmWh", "<\u00a00.001\u00a0mWh"),
        (ENERGY, 512_345_678, "142\u202fmWh", "142\u00a0mWh"),
        (ENERGY, 5_406_123_456_789, "1,50\u202fkWh", "1.50\u00a0kWh"),
        (ENERGY, 999_999 * KWH, "1\u202f000\u202fMWh", "1,000\u00a0MWh"),
        (POWER, 14_671_798, "14,7\u202fW", "14.7\u00a0W"),
        (MASS, 102_125_000_000, "102\u202fkg", "102\u00a0kg"),
    ],
)
def test_unit_follows_size(family, raw, french, english):
    """A figure alone takes the unit in which it has three digits, with the locale's signs."""
    column = scale(family, [raw])
    assert FR.with_unit(raw, column) == french
    assert EN.with_unit(raw, column) == english


def test_one_column_has_one_unit_in_which_its_smallest_figure_shows():
    """A column of very unlike figures takes a smaller unit, so that none is written as zero."""
    column = scale(ENERGY, [900 * KWH, 360_000_000, None, 0])
    assert column.symbol == "Wh"
    assert FR.amount(900 * KWH, column) == "900\u202f000,0"
    assert FR.amount(360_000_000, column) == "0,1"


@given(st.lists(st.integers(min_value=1, max_value=2**63), min_size=1))
@example([1800])
def test_a_known_figure_never_reads_as_zero(raws):
    """Whatever else stands in its column, energy that is not zero does not look like zero."""
    column = scale(ENERGY, raws)
    for raw in raws:
        shown = EN.amount(raw, column)
        assert shown.startswith("<") or any(digit in shown for digit in "123456789")


@given(st.integers(min_value=1, max_value=2**63), st.data())
def test_shares_say_none_and_all_only_when_true(whole, data):
    """A share reads 0 % or 100 % exactly when it is none or all."""
    part = data.draw(st.integers(min_value=0, max_value=whole))
    shown = EN.share(part, whole)
    assert (shown == "0%") == (part == 0)
    assert (shown == "100%") == (part == whole)


def test_coverage_is_rounded_down():
    """Coverage of 99.99 % does not read as complete."""
    assert FR.ratio(Decimal("0.9999")) == "99,9\u202f%"
    assert FR.ratio(Decimal(1)) == "100\u202f%"


def test_instants_are_told_in_paris_time():
    """The hour follows Paris across the change of clocks, and the offset says so."""
    winter = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert (FR.paris_day(winter), FR.clock(winter)) == ("22 novembre 2026", "00:30")
    assert (FR.offset(winter), FR.offset(summer)) == ("UTC+1", "UTC+2")
    assert EN.clock(summer) == "14:00"
    assert EN.clock(summer.replace(second=5)) == "14:00:05"


def test_days_and_months_are_written_out():
    """The first of a month is `1er` in French; an exclusive end is told as its last day."""
    assert FR.day(date(2026, 8, 1)) == "1er août 2026"
    assert EN.day(date(2026, 8, 1)) == "1 August 2026"
    assert FR.last_day("2026-01-01") == "31 décembre 2025"
    assert (FR.month("2026-11"), EN.month("2026-11")) == ("novembre 2026", "November 2026")


@pytest.mark.parametrize("text", ["2026", "2026-02-31", "spring \u2067x"])
def test_a_date_that_is_none_is_shown_as_it_was_written(text):
    """A factor's date that cannot be read does not break the page."""
    assert FR.day_or_text(text) == plain(text) == FR.last_day(text)


@pytest.mark.parametrize(
    ("microseconds", "shown"),
    [
        (0, "0\u202fs"),
        (1, "<\u202f1\u202fs"),
        (47_000_000, "47\u202fs"),
        (3_600_000_000, "1\u202fh"),
        (50_399_999_999, "13\u202fh 59\u202fmin"),
        (7_200_000_000_000, "2\u202f000\u202fh"),
    ],
)
def test_durations_are_told_in_two_units(microseconds, shown):
    """A duration is told in hours, minutes and seconds, the two largest that it has."""
    assert FR.duration(microseconds) == shown


def test_characters_that_act_unseen_are_shown():
    """Direction marks, controls and line separators of a name become visible."""
    assert plain("a\u202eb\u2069c\x00d\u2028e é") == "a[U+202E]b[U+2069]c[U+0000]d[U+2028]e é"


def test_units_of_factors_are_written_by_hand():
    """A factor's unit has its space and its subscript."""
    assert FR.unit("gCO2e/kWh") == "g\u202fCO₂e/kWh"


def test_the_ends_of_the_calendar_can_be_written() -> None:
    """A page whose clock was wrong by millennia takes no page down."""
    for instant in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
        assert all((FR.clock(instant), FR.paris_day(instant), FR.offset(instant)))
    assert FR.last_day("0001-01-01") == "0001-01-01"


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        ("0.000553174", "0,000553", "0.000553"),
        ("0.805", "0,805", "0.805"),
        ("51.649", "51,6", "51.6"),
        ("26191.4", "26\u202f191", "26,191"),
        ("0.000000000", "0", "0"),
    ],
)
def test_a_ratio_has_three_digits_that_say_something(value, french, english):
    """However small or large it is."""
    assert FR.significant(Decimal(value)) == french
    assert EN.significant(Decimal(value)) == english
