"""LiteLLM's daily usage export: what each team asked on each day, counted once.

In: the text of a CSV file with the columns COLUMNS, in any order. Out: one `TeamDay` a team and
day, and remarks on what was odd. The export repeats a team's totals of the day on each of its model
rows, so that adding the rows would count them once a model; where the rows have numbers of their
own, there is one `TeamDay` a model. It has no split into prompt and generated tokens. A team
without a name ("Unassigned") stays visible. Importing a file twice gives the same days twice: they
replace each other where they are stored.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date

import msgspec

COLUMNS = ("Date", "Team", "Team ID", "Model", "Requests", "Successful", "Failed", "Total Tokens")
UNASSIGNED = "Unassigned"

MOST_BYTES = 64 << 20
MOST_ROWS = 1_000_000
MOST_COUNT = 10**12
"""Of one row: far above what a team asks in a day, and far enough below 2**53 to be added up."""


class ExportError(ValueError):
    """A file that is no such export; the message says which line, what, remedy, and repeats nothing
    of the file: names may stand where a number was expected."""


class TeamDay(msgspec.Struct, frozen=True):
    """What a team asked on a day, as the export dates it; `models` that it asked for, only one
    where the export has numbers by model. `team` is "" for nobody's."""

    day: date
    team: str
    team_id: str
    models: tuple[str, ...]
    requests: int
    successful: int
    failed: int
    total_tokens: int
    line: int

    @property
    def is_health_check(self) -> bool:
        """Whether every request was as small as a probe's: a constant background of 6 or 7 tokens
        each, asked by nobody who has a team."""
        return not self.team and self.total_tokens <= PROBE_TOKENS * self.requests


PROBE_TOKENS = 7
"""Of one request of LiteLLM's own health check, prompt and answer."""


class Export(msgspec.Struct, frozen=True):
    """Days in order, and remarks for a person, each with its line."""

    days: list[TeamDay]
    remarks: list[str]


class _Row(msgspec.Struct, frozen=True):
    line: int
    day: date
    team: str
    team_id: str
    model: str
    numbers: tuple[int, int, int, int]


def read(text: str) -> Export:
    """The export. Raises ExportError: nothing of a damaged file is taken."""
    if len(text) > MOST_BYTES:
        raise ExportError(f"the file has more than {MOST_BYTES >> 20} MiB; export fewer days")
    groups: dict[tuple[date, str, str], list[_Row]] = {}
    for row in _rows(text):
        groups.setdefault((row.day, row.team_id, row.team), []).append(row)
    days: list[TeamDay] = []
    remarks: list[str] = []
    for _, rows in sorted(groups.items(), key=lambda item: item[0]):
        days += _days(rows, remarks)
    return Export(days, remarks)


def _days(rows: list[_Row], remarks: list[str]) -> list[TeamDay]:
    """One team's day: once where its totals are repeated, else model by model."""
    first = rows[0]
    by_model: dict[str, list[_Row]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    if len({row.numbers for row in rows}) > 1:
        lines = ", ".join(str(row.line) for row in rows[:5])
        remarks.append(
            f"lines {lines}: the models of one team and day have numbers of their own; added"
        )
        return [_day(of_model, remarks) for _, of_model in sorted(by_model.items())]
    if len(by_model) < len(rows):
        remarks.append(f"line {rows[-1].line}: the same row as line {first.line}; counted once")
    return [_day(rows, remarks)]


def _day(rows: list[_Row], remarks: list[str]) -> TeamDay:
    """Of rows that repeat one total, or of one model's rows, which are added."""
    first = rows[0]
    requests, successful, failed, tokens = _sum(rows)
    models = tuple(sorted({row.model for row in rows}))
    if successful + failed != requests:
        remarks.append(
            f"line {first.line}: {successful} successful and {failed} failed are not "
            f"{requests} requests"
        )
    return TeamDay(
        *(first.day, first.team, first.team_id, models),
        *(requests, successful, failed, tokens, first.line),
    )


def _sum(rows: list[_Row]) -> tuple[int, int, int, int]:
    different = {row.numbers for row in rows}  # a row twice is one row
    one, two, three, four = (sum(numbers[place] for numbers in different) for place in range(4))
    return one, two, three, four


def _rows(text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        places = {name: header.index(name) for name in COLUMNS if name in header}
        missing = [name for name in COLUMNS if name not in places]
        if missing:
            raise ExportError(
                f"line 1: no column {', '.join(missing)}; is it LiteLLM's daily usage export?"
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if reader.line_num > MOST_ROWS:
                raise ExportError(f"more than {MOST_ROWS} lines; export fewer days")
            if len(cells) != len(header):
                raise ExportError(
                    f"line {reader.line_num}: {len(cells)} cells, the header has {len(header)}"
                )
            yield _row(reader.line_num, {name: cells[at].strip() for name, at in places.items()})
    except csv.Error as error:
        raise ExportError(f"line {reader.line_num}: no CSV ({error})") from error


def _row(line: int, cells: dict[str, str]) -> _Row:
    team = cells["Team"]
    return _Row(
        line=line,
        day=_date(line, cells["Date"]),
        team="" if team in ("", UNASSIGNED) else team,
        team_id=cells["Team ID"],
        model=cells["Model"],
        numbers=(
            _count(line, "Requests", cells),
            _count(line, "Successful", cells),
            _count(line, "Failed", cells),
            _count(line, "Total Tokens", cells),
        ),
    )


def _date(line: int, text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ExportError(f"line {line}: Date is no day such as 2026-11-02")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ExportError(f"line {line}: Date is no day of the calendar") from error


def _count(line: int, name: str, cells: dict[str, str]) -> int:
    text = cells[name].replace(",", "").replace("\u202f", "")
    if not re.fullmatch(r"\d{1,16}", text, re.ASCII) or int(text) > MOST_COUNT:
        raise ExportError(f"line {line}: {name} is no whole number up to {MOST_COUNT}")
    return int(text)
