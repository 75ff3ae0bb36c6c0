"""éCO2mix: both formats as published, days of the clock's change, every kind of damage."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footprint.grid import eco2mix
from footprint.grid.intensity import agreement
from footprint.grid.quarter import TECHNOLOGIES, GridError, Series
from footprint.interval import paris_day
from tests.tools import CAPABILITY_REASON

DATA = Path(__file__).with_name("data")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "eco2mix"
WHOLE = f"{CAPABILITY_REASON}the files lie beside the checkout as they were published, whole"
RTE = (DATA / "rte_2026-03-14.xls").read_bytes().splitlines(keepends=True)
ODRE = (DATA / "odre_2021-12-11.csv").read_bytes().splitlines(keepends=True)
HEADER, CLOSING = RTE[0], RTE[-1]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def rte_day(day: str, value: int = 0) -> list[bytes]:
    """A day of RTE's file with its 96 rows, gas counting up from `value` in each."""
    width = HEADER.count(b"\t") + 2
    gas = HEADER.decode("latin-1").split("\t").index("Gaz")
    lines = []
    for number in range(96):
        cells = ["0"] * (width - 1) + [""]
        time = f"{number // 4:02}:{number % 4 * 15:02}"
        cells[:4] = ["France", "Données temps réel", day, time]
        cells[gas] = str(value + number)
        lines.append("\t".join(cells).encode("latin-1") + b"\n")
    return lines


def gas_by_start(series: Series) -> dict[int, int | None]:
    place = TECHNOLOGIES.index("gas")
    return {start: quarter.generation_mw[place] for start, quarter in series.quarters.items()}


def test_a_day_of_rtes_file() -> None:
    series = eco2mix.read(RTE)
    assert (series.read, series.blank, len(series.quarters)) == (96, 32, 64)
    first = series.quarters[at("2026-03-13T23:00:00+00:00")]
    assert first.nature == "real-time"
    assert first.generation_mw == tuple(
        int(RTE[1].split(b"\t")[place]) for place in (7, 8, 9, 10, 11, 12, 13, 15)
    )
    assert first.published_g_per_kwh == int(RTE[1].split(b"\t")[17])
    assert agreement(series.quarters.values()).beyond_1_g == 0


def test_a_day_of_odres_export_is_sorted_by_its_offsets() -> None:
    series = eco2mix.read(ODRE)
    assert (series.read, series.blank, len(series.quarters), series.missing()) == (96, 0, 96, 0)
    found = agreement(series.quarters.values())
    assert found.quarters == 96
    assert min(series.quarters) == at("2021-12-11T00:00:00+01:00")


@pytest.mark.skipif(not SHARED.is_dir(), reason=WHOLE)
def test_the_whole_files_as_published() -> None:
    with (SHARED / "rte_en-cours-tr_2026-02-01_2026-03-15.xls").open("rb") as file:
        series = eco2mix.read(file)
    assert (series.read, series.blank, series.duplicates, series.missing()) == (4128, 128, 0, 0)
    found = agreement(series.quarters.values())
    assert (found.quarters, found.beyond_1_g) == (4000, 0)
    assert found.worst_g_per_kwh < 1
    with (SHARED / "odre_eco2mix-national-tr_2021-12.csv").open("rb") as file:
        series = eco2mix.read(file)
    assert (series.read, series.blank, series.duplicates, series.missing()) == (2976, 0, 0, 0)
    found = agreement(series.quarters.values())
    assert found.quarters == 2976
    assert 5 < found.worst_g_per_kwh < 6


def test_the_hour_that_spring_leaps_over_is_left_out() -> None:
    series = eco2mix.read([HEADER, *rte_day("2026-03-29"), CLOSING])
    assert (series.read, series.unreal) == (96, 4)
    found = gas_by_start(series)
    interval = paris_day(datetime(2026, 3, 29, tzinfo=UTC).date())
    assert len(found) == 92
    assert (min(found), max(found)) == (
        interval.start.timestamp(),
        interval.end.timestamp() - 900,
    )
    # 01:45 in winter's time, then 03:00 in summer's, a quarter of an hour later.
    assert found[at("2026-03-29T00:45:00+00:00")] == 7
    assert found[at("2026-03-29T01:00:00+00:00")] == 12
    assert series.missing() == 0


def test_the_hour_that_autumn_repeats_is_known_once() -> None:
    series = eco2mix.read([HEADER, *rte_day("2026-10-25"), CLOSING])
    found = gas_by_start(series)
    assert (series.read, series.unreal, len(found), series.missing()) == (96, 0, 96, 4)
    assert found[at("2026-10-25T02:45:00+02:00")] == 11
    assert at("2026-10-25T02:00:00+01:00") not in found
    assert found[at("2026-10-25T03:00:00+01:00")] == 12


def test_odre_has_both_hours_of_autumn() -> None:
    row = ODRE[1].decode()
    lines = [ODRE[0]]
    for hour, offset in (("02:00", "+02:00"), ("02:00", "+01:00")):
        cells = row.split(";")
        cells[2:5] = ["2026-10-25", hour, f"2026-10-25T{hour}:00{offset}"]
        lines.append(";".join(cells).encode())
    assert sorted(eco2mix.read(lines).quarters) == [
        at("2026-10-25T00:00:00+00:00"),
        at("2026-10-25T01:00:00+00:00"),
    ]


def test_a_half_hour_stands_for_both_its_quarters() -> None:
    lines = [line.replace(b"temps r\xe9el", b"consolid\xe9es") for line in rte_day("2026-01-05")]
    for number in range(1, 96, 2):
        cells = lines[number].rstrip(b"\n").split(b"\t")
        lines[number] = b"\t".join([*cells[:4], *[b""] * (len(cells) - 4)]) + b"\n"
    series = eco2mix.read([HEADER, *lines, CLOSING])
    found = gas_by_start(series)
    assert len(found) == 96
    assert {one.nature for one in series.quarters.values()} == {"consolidated"}
    assert found[at("2026-01-05T10:00:00+01:00")] == found[at("2026-01-05T10:15:00+01:00")] == 40


def test_real_time_is_never_stretched() -> None:
    lines = rte_day("2026-01-05")
    for number in range(1, 96):
        cells = lines[number].rstrip(b"\n").split(b"\t")
        lines[number] = b"\t".join([*cells[:4], *[b""] * (len(cells) - 4)]) + b"\n"
    assert len(eco2mix.read([HEADER, *lines, CLOSING]).quarters) == 1


def test_the_same_row_again_is_counted_and_a_contradiction_keeps_neither() -> None:
    other = ODRE[3].split(b";")
    other[8] = b"99999"
    series = eco2mix.read([*ODRE, ODRE[2], b";".join(other)])
    assert (series.duplicates, series.conflicts, len(series.quarters)) == (1, 1, 95)


def test_what_is_not_known_stays_unknown() -> None:
    cells = ODRE[1].split(b";")
    cells[8] = b"ND"
    series = eco2mix.read([ODRE[0], b";".join(cells)])
    (quarter,) = series.quarters.values()
    assert (quarter.generation_mw[0], series.not_known) == (None, 1)
    assert agreement([quarter]).quarters == 0


def test_columns_are_found_by_name_in_files_of_36() -> None:
    lines = [b"\t".join(line.rstrip(b"\n").split(b"\t")[:36]) + b"\n" for line in (HEADER,)]
    rows = [b"\t".join([*line.rstrip(b"\n").split(b"\t")[:36], b""]) + b"\n" for line in RTE[1:-1]]
    assert eco2mix.read([*lines, *rows, CLOSING]).quarters == eco2mix.read(RTE).quarters


def broken() -> Iterator[tuple[str, list[bytes], str]]:
    day = rte_day("2026-01-05")
    yield "no end", [HEADER, *day], "closing sentence"
    yield "cut in a row", [HEADER, *day[:40], day[40][:60]], "line 42: .* fields do not fit"
    yield "cut in a day", [HEADER, *day[:40], CLOSING], "the last day ends before 10:00"
    yield "a row left out", [HEADER, *day[:40], *day[41:], CLOSING], "line 42.*10:15 stands where"
    yield "no first row", [HEADER, *day[1:], CLOSING], "line 2.*begins at 00:15"
    yield "no first row later", [HEADER, *day, *rte_day("2026-01-06")[1:], CLOSING], "begins at"
    yield "a day back", [HEADER, *day, *day, CLOSING], "line 98.*stands where"
    shuffled = day.copy()
    random.Random(1).shuffle(shuffled)
    yield "shuffled", [HEADER, *shuffled, CLOSING], "out of order"
    yield "two files", [*RTE, *RTE], "rows after the file's end"
    as_utf8 = [line.decode("latin-1").encode() for line in RTE]
    yield "RTE's in UTF-8", as_utf8, "no column 'perimetre'"
    as_utf16 = b"".join(RTE).decode("latin-1").encode("utf-16").splitlines(keepends=True)
    yield "UTF-16", as_utf16, "no column"
    yield (
        "ODRE's in Latin-1",
        [line.decode().encode("latin-1") for line in ODRE],
        "line 1: not UTF-8 .byte 2.",
    )
    yield "nothing", [], "no column"
    yield "another file", [b"a;b;c\n", b"1;2;3\n"], "no column 'perimetre'"
    yield "columns twice", [HEADER.replace(b"Solaire", b"Gaz")], "more than one column 'gaz'"
    yield "a million columns", [b"\t" * 60_000], "more than 200 columns"
    yield "a region", [ODRE[0], ODRE[1].replace(b"France", b"Bretagne")], "not France"
    yield "nature", [ODRE[0], ODRE[1].replace(b"temps", b"autre")], "is none of"
    yield "no offset", [ODRE[0], ODRE[1].replace(b"+01:00", b"")], "not an instant with its offset"
    yield "off the quarter", [ODRE[0], ODRE[1].replace(b":00+01", b":01+01")], "not the start"
    cells = day[5].split(b"\t")
    lost = b"\t".join([*cells[:11], *cells[12:]])
    yield (
        "a field lost",
        [HEADER, *day[:5], lost, *day[6:], CLOSING],
        "line 7: 40 fields do not fit",
    )
    moved = b"\t".join([*cells[:-1], b"7\n"])
    yield "a field more", [HEADER, *day[:5], moved, *day[6:], CLOSING], "line 7: 41 fields do not"
    yield "far below zero", [ODRE[0], ODRE[1].replace(b";7147;", b";-7147;")], "from -3000 to"
    yield "cut in the last field", [*ODRE[:5], ODRE[5].rstrip()[:-1]], "line 6: it has no end"
    yield "day and instant", [ODRE[0], ODRE[1].replace(b";2021-12-11;", b";2021-12-10;")], "another"
    yield "a word", [ODRE[0], ODRE[1].replace(b"7147", b"beaucoup")], "'Gaz .MW.'.*'beaucoup'"
    yield "too much", [ODRE[0], ODRE[1].replace(b"7147", b"7147000")], "from -3000 to 500000"
    yield "a negative rate", [ODRE[0], ODRE[1].replace(b";73;", b";-73;")], "from 0 to 2000"
    yield "a date", [HEADER, day[0].replace(b"2026-01-05", b"05/01/2026")], "not a date"
    yield "a time", [HEADER, day[0].replace(b"00:00", b"00:10")], "not the time"
    yield "time to come", [HEADER, *_blank(day), CLOSING], "no quarter-hour has a value"


def _blank(lines: list[bytes]) -> list[bytes]:
    return [
        b"\t".join([*line.split(b"\t")[:4], *[b""] * (line.count(b"\t") - 3)]) + b"\n"
        for line in lines
    ]


@pytest.mark.parametrize(
    ("lines", "says"), [pytest.param(lines, says, id=name) for name, lines, says in broken()]
)
def test_a_damaged_file_says_where(lines: list[bytes], says: str) -> None:
    with pytest.raises(GridError, match=says) as found:
        eco2mix.read(lines)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 500


def test_a_year_is_read_in_order(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [f"{start + timedelta(days=number):%Y-%m-%d}" for number in range(365)]
    series = eco2mix.read([HEADER, *(row for day in days for row in rte_day(day)), CLOSING])
    assert (series.read, series.unreal, series.missing()) == (365 * 96, 4, 4)
