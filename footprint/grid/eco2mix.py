"""éCO2mix: what RTE publishes of the French grid by quarter-hour, in its own files and in ODRE's.

In: the lines of a file, as bytes, none of them long. Out: `Series`. Two formats hold the same
columns, found by name:

- RTE's own, named .xls: tab-separated ISO-8859-1, 36 to 40 columns, rows with an empty field more
  than the header, the time of Paris without its offset, 96 rows a day always, a sentence at the
  end. On the day of the spring change 02:00 to 02:45 do not exist (the file repeats 01:00 to
  01:45 there); in autumn the hour that comes twice stands once, and is taken for the first.
- ODRE's: semicolons, UTF-8, unsorted, instants with their offset.

Consolidated and definitive files have half-hours: the rows between are blank or left out, and each
half-hour stands for its two quarters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from footprint.grid.quarter import (
    NATURES,
    QUARTER_S,
    TECHNOLOGIES,
    GridError,
    Nature,
    Quarter,
    Series,
)
from footprint.interval import PARIS, check_day

MAX_COLUMNS = 200
MAX_MW = 500_000
"""Five times the most that France ever used (102 GW, February 2012; RTE, "Bilan électrique")."""
LEAST_MW = -3_000
"""What stands still takes some power of its own; more than that is another column's value."""
MAX_RATE = 2_000
"""More than any fuel emits, g/kWh."""
ROWS_A_DAY = 96
PERIMETER = "France"
CLOSING = "RTE "
"""How the sentence begins that ends a file of RTE's own."""
_NAMES = {
    "fuel_oil": "fioul",
    "coal": "charbon",
    "gas": "gaz",
    "nuclear": "nucleaire",
    "wind": "eolien",
    "solar": "solaire",
    "hydro": "hydraulique",
    "bioenergy": "bioenergies",
}
_NATURES: dict[str, Nature] = dict(
    zip(("donnees temps reel", "donnees consolidees", "donnees definitives"), NATURES, strict=True)
)
_RATE = "taux de co2"
_INSTANT = ("date - heure", "date et heure")
_HOUR = ("heures", "heure")
_NUMBER = re.compile(r"-?[0-9]{1,7}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):(00|15|30|45)")
_NOT_KNOWN = ("ND", "-")


class _Format(msgspec.Struct, frozen=True):
    """One of the two ways in which the columns are written."""

    name: str
    encoding: str
    delimiter: str
    spare: int
    """Empty fields that a row has beyond the header's."""


_RTE = _Format("RTE's own file", "iso-8859-1", "\t", 1)
_ODRE = _Format("ODRE's export", "utf-8", ";", 0)


class _Columns(msgspec.Struct, frozen=True):
    """Where each column stands."""

    width: int
    perimeter: int
    nature: int
    day: int
    hour: int
    instant: int | None
    rate: int | None
    generation: tuple[int, ...]


class _Cells(msgspec.Struct, frozen=True):
    """A row, and how to name a place in it."""

    line: int
    cells: list[str]
    names: list[str]

    def error(self, place: int, why: str) -> GridError:
        """What is wrong with a cell."""
        return GridError(f"line {self.line}, column {self.names[place]!r}: {why}")


def read(lines: Iterable[bytes]) -> Series:
    """The quarter-hours of a file. Raises GridError with line and column: nothing of a damaged
    file is taken."""
    numbered = enumerate(lines, 1)
    first = next(numbered, (1, b""))[1].removeprefix(b"\xef\xbb\xbf")
    form = _ODRE if first.count(b";") > first.count(b"\t") else _RTE
    names = _split(first, 1, form)
    columns = _columns(names, form)
    rows = _rows(numbered, names, columns, form)
    series = Series()
    quarters = list(
        _ordered(rows, columns, series) if form is _RTE else _dated(rows, columns, series)
    )
    coarse = _half_hourly(quarters)
    for quarter in quarters:
        if quarter.nature not in coarse:
            series.add(quarter)
        elif not _is_between(quarter):
            series.add(quarter)
            series.add(msgspec.structs.replace(quarter, start_s=quarter.start_s + QUARTER_S))
    if not series.quarters:
        raise GridError("no quarter-hour has a value; is this a file of time to come?")
    return series


def _is_between(quarter: Quarter) -> bool:
    return quarter.start_s // QUARTER_S % 2 == 1


def _half_hourly(quarters: Iterable[Quarter]) -> set[Nature]:
    """The natures of which every row between half-hours is blank; never values of real time, whose
    last rows may be blank for being new."""
    told = {one.nature for one in quarters if _is_between(one) and not one.blank}
    return set(NATURES[1:]) - told


def _split(raw: bytes, line: int, form: _Format) -> list[str]:
    if raw.count(form.delimiter.encode()) >= MAX_COLUMNS:
        raise GridError(f"line {line}: more than {MAX_COLUMNS} columns; is this éCO2mix?")
    try:
        text = raw.decode(form.encoding).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise GridError(
            f"line {line}: not UTF-8 (byte {error.start + 1}), as {form.name} is; download it again"
        ) from error
    return text.split(form.delimiter)


def _plain(name: str) -> str:
    """A column's name without accents, capitals and unit."""
    bare = unicodedata.normalize("NFKD", name.split("(", maxsplit=1)[0])
    return "".join(one for one in bare if not unicodedata.combining(one)).strip().lower()


def _columns(names: list[str], form: _Format) -> _Columns:
    plain = [_plain(name) for name in names]

    def place(*allowed: str) -> int:
        found = [index for index, name in enumerate(plain) if name in allowed]
        if len(found) != 1:
            wrong = "more than one" if found else "no"
            raise GridError(
                f"line 1: {wrong} column {allowed[0]!r}; {form.name} is {form.encoding.upper()} "
                f"with the columns Périmètre, Nature, Date, Heures, Fioul, Charbon, Gaz and so on: "
                "give the file as it was published"
            )
        return found[0]

    return _Columns(
        width=len(names),
        perimeter=place("perimetre"),
        nature=place("nature"),
        day=place("date"),
        hour=place(*_HOUR),
        instant=place(*_INSTANT) if form is _ODRE else None,
        rate=place(_RATE) if _RATE in plain else None,
        generation=tuple(place(_NAMES[technology]) for technology in TECHNOLOGIES),
    )


def _rows(
    numbered: Iterable[tuple[int, bytes]], names: list[str], columns: _Columns, form: _Format
) -> Iterator[_Cells]:
    """The rows with values, each as wide as the header; RTE's must end with its sentence."""
    closed, line = form is _ODRE, 1
    for line, raw in numbered:
        cells = _split(raw, line, form)
        if not any(cells):
            continue
        if form is _RTE and len(cells) == 1 and cells[0].startswith(CLOSING):
            closed = True
            continue
        if form is _RTE and closed:
            raise GridError(f"line {line}: rows after the file's end; give one file at a time")
        if len(cells) != columns.width + form.spare or any(cells[columns.width :]):
            raise GridError(
                f"line {line}: {len(cells)} fields do not fit the header's {columns.width}; the "
                "file may be cut off: download it again"
            )
        if not raw.endswith(b"\n"):
            raise GridError(f"line {line}: it has no end: the file is cut off; download it again")
        row = _Cells(line, cells, names)
        if cells[columns.perimeter].strip() != PERIMETER:
            raise row.error(
                columns.perimeter,
                f"{cells[columns.perimeter][:40]!r} is not {PERIMETER}; give the national file",
            )
        yield row
    if not closed:
        raise GridError(
            f"line {line}: the file ends without RTE's closing sentence: it is cut off; download "
            "it again"
        )


def _ordered(rows: Iterable[_Cells], columns: _Columns, series: Series) -> Iterator[Quarter]:
    """Rows in the time of Paris without offset: 96 a day, each a quarter-hour after the last."""
    expected: datetime | None = None
    for row in rows:
        at = _local(row, columns)
        if expected is None and (at.hour or at.minute):
            raise row.error(columns.hour, f"the day begins at {at:%H:%M}; {_AGAIN}")
        within_a_day = expected is not None and expected.time() != datetime.min.time()
        if expected is not None and (at < expected or (at != expected and within_a_day)):
            raise row.error(
                columns.hour,
                f"{at:%Y-%m-%d %H:%M} stands where {expected:%Y-%m-%d %H:%M} should; {_AGAIN}",
            )
        if expected is not None and not within_a_day and (at.hour or at.minute):
            raise row.error(columns.hour, f"the day begins at {at:%H:%M}; {_AGAIN}")
        expected = at + timedelta(seconds=QUARTER_S)
        series.count()
        instant = at.replace(tzinfo=PARIS).astimezone(UTC)
        if instant.astimezone(PARIS).replace(tzinfo=None) != at:
            series.unreal += 1
            continue
        yield _quarter(row, columns, instant, series)
    if expected is not None and expected.time() != datetime.min.time():
        raise GridError(
            f"the last day ends before {expected:%H:%M}, where a file has {ROWS_A_DAY} rows a day; "
            f"{_AGAIN}"
        )


_AGAIN = "rows are missing or out of order: download the file again"


def _local(row: _Cells, columns: _Columns) -> datetime:
    day, hour = row.cells[columns.day].strip(), row.cells[columns.hour].strip()
    try:
        found = check_day(date.fromisoformat(day))
    except ValueError:
        raise row.error(columns.day, f"{day[:40]!r} is not a date, YYYY-MM-DD") from None
    time = _TIME.fullmatch(hour)
    if time is None:
        raise row.error(columns.hour, f"{hour[:40]!r} is not the time of a quarter-hour, HH:MM")
    return datetime(found.year, found.month, found.day, int(time[1]), int(time[2]))  # noqa: DTZ001


def _dated(rows: Iterable[_Cells], columns: _Columns, series: Series) -> Iterator[Quarter]:
    """Rows with the offset of their time."""
    place = columns.instant or 0
    for row in rows:
        text = row.cells[place].strip()
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError
            check_day(instant.date())
            instant = instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise row.error(
                place, f"{text[:40]!r} is not an instant with its offset, 2026-03-29T00:15:00+01:00"
            ) from None
        if int(instant.timestamp()) % QUARTER_S:
            raise row.error(place, f"{text[:40]!r} is not the start of a quarter-hour")
        off = instant.astimezone(PARIS).replace(tzinfo=None) - _local(row, columns)
        if abs(off) > timedelta(hours=1):  # an hour: where the clock changes
            raise row.error(place, f"{text[:40]!r} is another time than the row's day and hour")
        series.count()
        yield _quarter(row, columns, instant, series)


def _quarter(row: _Cells, columns: _Columns, at: datetime, series: Series) -> Quarter:
    nature = _NATURES.get(_plain(row.cells[columns.nature]))
    if nature is None:
        raise row.error(
            columns.nature,
            f"{row.cells[columns.nature][:40]!r} is none of {', '.join(sorted(_NATURES))}",
        )

    def number(place: int, least: int, most: int) -> int | None:
        text = row.cells[place].strip()
        if text in _NOT_KNOWN:
            series.not_known += 1
        if not text or text in _NOT_KNOWN:
            return None
        if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
            raise row.error(place, f"{text[:40]!r} is not a whole number from {least} to {most}")
        return int(text)

    rate = None if columns.rate is None else number(columns.rate, 0, MAX_RATE)
    return Quarter(
        int(at.timestamp()),
        nature,
        tuple(number(place, LEAST_MW, MAX_MW) for place in columns.generation),
        rate,
    )
