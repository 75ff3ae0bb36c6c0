"""PDU exports: two feeds make a rack, half a rack makes nothing, and every oddity is counted."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import pdu
from footprint.pdu import Feed, PduError, Row, parse, rack
from tests.pdu_exports import COLUMNS, row, rows

START = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
START_S = int(START.timestamp())
WH_UJ = 3_600_000_000


def export(lines: list[str], columns: list[str] = COLUMNS) -> list[str]:
    """A title, a header and rows."""
    return ["Title\n", ",".join(columns) + "\n", *lines]


def feed(lines: list[str]) -> Feed:
    """A feed that read one export."""
    found = Feed()
    for one in parse(export(lines), NOW):
        found.add(one)
    return found


def known(*feeds: Feed) -> list[tuple[int, int, str]]:
    """Minutes from the start, microjoules and quality of each known step."""
    return [
        ((step.start_s - START_S) // 60, step.energy_uj, step.quality) for step in rack(feeds).steps
    ]


def test_a_rack_is_the_sum_of_its_feeds() -> None:
    """Watt-hour differences of both feeds, exact in microjoules."""
    one, other = feed(rows(START, [1000, 1100, 1200.5])), feed(rows(START, [50, 50, 60], 20))
    assert known(one, other) == [(0, 100 * WH_UJ, "counter"), (5, 1105 * WH_UJ // 10, "counter")]


def test_half_a_rack_is_no_figure() -> None:
    """A step in which one feed has no row is unknown, and counted as missing."""
    lines = rows(START, [0, 100, 200, 300])
    whole, lacking = feed(lines), feed([*lines[:1], *lines[2:]])
    assert known(whole, lacking) == [(10, 200 * WH_UJ, "counter")]
    assert rack([whole, lacking]).missing == 2
    assert rack([whole, Feed()]).steps == []
    assert rack([]).steps == rack([Feed()]).steps == []


def test_duplicates_are_dropped_and_contradictions_are_unknown() -> None:
    """The same row twice counts once; two rows that differ count for nothing, nor a third."""
    lines = rows(START, [0, 100, 200, 300, 400])
    doubled = feed([*lines, lines[1], row(START, 7, 1200), lines[0]])
    assert (doubled.read, doubled.duplicates, doubled.conflicts) == (8, 1, 2)
    assert [start for start, *_ in known(doubled)] == [5, 10, 15]


def test_the_order_of_rows_is_no_matter() -> None:
    """An export that is sorted backwards says the same."""
    lines = rows(START, [0, 100, 200, 300, 400])
    assert known(feed(lines[::-1])) == known(feed(lines))


def test_a_counter_that_falls_is_unknown() -> None:
    """Neither a negative nor a spike: the step is missing, the next one counts from there."""
    reset = feed(rows(START, [900, 1000, 3, 103]))
    assert known(reset) == [(0, 100 * WH_UJ, "counter"), (10, 100 * WH_UJ, "counter")]
    assert rack([reset]).resets == rack([reset]).missing == 1


def test_power_stands_in_for_a_counter_that_does_not_move() -> None:
    """Integrated, and so is the step in which the counter moves again: it may catch up there."""
    stuck = feed(rows(START, [0, 100, 100, 100, 400, 500]))
    step_uj = 100 * WH_UJ
    assert known(stuck) == [
        (0, step_uj, "counter"),
        *((minute, step_uj, "integrated") for minute in (5, 10, 15)),
        (20, step_uj, "counter"),
    ]


def test_another_pdus_counter_is_unknown_and_it_counts_on_from_there() -> None:
    """A PDU that was exchanged counts from elsewhere; power beside it shows that it cannot be."""
    swapped = feed(rows(START, [1000, 1050, 901_050_000, 901_050_050, 901_060_000], 600))
    assert known(swapped) == [(0, 50 * WH_UJ, "counter"), (10, 50 * WH_UJ, "counter")]
    assert (rack([swapped]).implausible, rack([swapped]).missing) == (2, 2)


def test_a_feed_without_power_is_bounded_by_what_any_feed_can_carry() -> None:
    """A megawatt over five minutes; so is the power itself."""
    silent = feed(rows(START, [0, 83_000, 170_000], None))
    assert known(silent) == [(0, 83_000 * WH_UJ, "counter")]
    loud = feed(rows(START, [None, None], 10**9))
    assert (known(loud), rack([loud]).implausible) == ([], 1)


def test_work_between_two_idle_rows_is_counted() -> None:
    """Power is seen once in five minutes: ten times what it shows is still believed."""
    assert known(feed(rows(START, [0, 500], 600))) == [(0, 500 * WH_UJ, "counter")]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00+00:00 is before 2020-01-01T00:00"),
        (datetime(9998, 1, 1, tzinfo=UTC), "9998-01-01T00:00:00+00:00 is more than a day ahead"),
    ],
)
def test_a_row_of_an_impossible_day_is_refused(at: datetime, words: str) -> None:
    """With line, column and what to do."""
    with pytest.raises(PduError) as raised:
        feed([row(START, 1, 1), row(at, 2, 1)])
    assert f"line 4, column 'Time (UTC)': clock: {words}" in str(raised.value)
    assert "correct the row" in str(raised.value)
    feed([row(pdu.EARLIEST, 1, 1), row(NOW + pdu.AHEAD, 2, 1)])


def test_rows_far_apart_cost_no_more_than_rows() -> None:
    """Five million years between two rows: the steps between are counted, not walked through."""
    found = Feed()
    for at_s in (0, 300, 300 * 10**15):
        found.add(Row(at_s, at_s, None))
    assert (len(rack([found]).steps), rack([found]).missing) == (1, 10**15 - 1)


def test_a_feed_at_rest_counts_no_energy() -> None:
    """A counter that stands still where power says less than its step is zero, measured."""
    assert known(feed(rows(START, [5, 5, 5], 0))) == [(0, 0, "counter"), (5, 0, "counter")]


def test_an_empty_cell_is_unknown_and_not_zero() -> None:
    """Without counter, power; without both, nothing."""
    assert known(feed(rows(START, [None, 100, 200]))) == [
        (0, 100 * WH_UJ, "integrated"),
        (5, 100 * WH_UJ, "counter"),
    ]
    blank = feed([*rows(START, [0, 100]), row(START.replace(minute=10), None, None)])
    assert blank.blank == 1
    assert len(known(blank)) == 1


def test_a_row_between_five_minutes_is_left_out_and_counted() -> None:
    """It belongs to no step."""
    off = feed([*rows(START, [0, 100]), row(START.replace(minute=7), 150, 1200)])
    assert (off.off_step, len(known(off))) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "line 2: no header"),
        (["a\n"], "line 2: no header"),
        (["t\n", "a,b\n"], "line 2: no column 'Time (UTC)'"),
        (export([], [*COLUMNS, COLUMNS[0]]), "line 2: more than one column 'Time (UTC)'"),
        (export([row(START, 1, 1), "2026-11-10 09:05:00,x\n"]), "line 4: 2 columns where the head"),
        (export([row(START, "-3", 1)]), "line 3, column 'Input Cumulated Energy Total (Wh)': '-3'"),
        (export([row(START, "nan", 1)]), "'nan' is not a number of 0 or more"),
        (export([row(START, "1e99", 1)]), "'1e99' is not a number"),
        (export([row(START, "9" * 40, 1)]), "is not a number"),
        (export([row(START, "9" * 12, 1)]), "is more than any feed counts"),
        (export([row(START, 1, "n/a")]), "column 'Input Active Power Total (W)': 'n/a'"),
        (export([row(START, 1, 1).replace("2026-11-10", "10/11/26")]), "is not an instant; write"),
        (export(['"2026\n']), "line 3: not CSV"),
        (["t\n", "," * 1000 + "\n"], "line 2: more than 1000 columns"),
    ],
)
def test_a_hostile_export_is_one_line_with_its_place(lines: list[str], words: str) -> None:
    """Line, column and what to do."""
    with pytest.raises(PduError) as raised:
        list(parse(lines, NOW))
    assert words in str(raised.value)
    assert len(str(raised.value)) < 300


def test_semicolons_and_decimal_commas_are_read() -> None:
    """As a French spreadsheet saves them."""
    lines = [line.replace(",", ";") for line in export(rows(START, ["0.5"]))]
    lines[2] = lines[2].replace("0.5;", "0,5;")
    assert next(parse(lines, NOW)).energy_uj == WH_UJ // 2


def test_rows_of_one_feed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without end stops with a remedy before memory does."""
    found = Feed()
    found.rows = dict.fromkeys(range(pdu.MAX_ROWS))  # type: ignore[assignment]
    with pytest.raises(PduError, match="import it in parts"):
        found.add(Row(START_S, 1, 1))


@given(st.lists(st.integers(0, 40_000), min_size=2, max_size=30), st.data())
def test_known_steps_add_up_to_the_counters(steps: list[int], data: st.DataObject) -> None:
    """Whatever rows are lost, the known energy is that of the steps whose ends both feeds have."""
    totals = [sum(steps[:n]) for n in range(len(steps) + 1)]
    lost = data.draw(st.sets(st.integers(0, len(steps))))
    feeds = [Feed(), Feed()]
    for number, total in enumerate(totals):
        at_s = START_S + number * pdu.STEP_SECONDS
        feeds[0].add(Row(at_s, total * WH_UJ, None))
        if number not in lost:
            feeds[1].add(Row(at_s, 2 * total * WH_UJ, None))
    found = rack(feeds)
    expected = [
        3 * step * WH_UJ for n, step in enumerate(steps) if n not in lost and n + 1 not in lost
    ]
    assert [step.energy_uj for step in found.steps] == expected
    assert len(found.steps) + found.missing == len(steps)
