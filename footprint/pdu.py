"""Rack PDU exports: rows of one feed's CSV, and the energy of a rack from all of its feeds.

In: the lines of an export (a title line, a header, then a row every five minutes), and for each
feed of a rack its rows by time. Out: the rack's energy of each five minutes, known only where every
feed is: half a rack is no figure. METHOD.md, "Node meters and platform", has the words.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from footprint.ledger import Quality
from footprint.units import NS_PER_S, uj_from_power, uj_from_watt_hours, uw_from_watts

STEP_SECONDS = 300
TIME = "Time (UTC)"
POWER = "Input Active Power Total (W)"
ENERGY = "Input Cumulated Energy Total (Wh)"
MAX_COLUMNS = 1000
MAX_ROWS = 250_000
"""Rows of one feed in one import: more than two years of five minutes, a few tens of megabytes."""
RESOLUTION_UJ = uj_from_watt_hours(1)
"""The step of these counters: one watt-hour."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""No rack was metered before: its PDU's clock has lost the date."""
AHEAD = timedelta(days=1)
"""How far a PDU's clock may be ahead: one that tells its local time is hours ahead of UTC."""
MAX_FEED_WATTS = 1_000_000
"""The most that a feed can carry: over ten times a three-phase one of 400 V and 125 A (87 kW)."""
LOAD_FACTOR = 10
"""How far above the highest power of its rows a feed may have been between two of them. A row in
five minutes can miss work between two idle ones; hosts draw some seven times their idle power at
most (METHOD.md's controller: 800 W and 5,800 W)."""

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?")


class PduError(ValueError):
    """An export that cannot be read; the message says line, column and the remedy."""


class Row(msgspec.Struct, frozen=True):
    """A feed at one instant: cumulated energy (uJ) and power (uW), None where the cell is empty."""

    at_s: int
    energy_uj: int | None
    power_uw: int | None


class Feed(msgspec.Struct):
    """The rows of one feed by time (seconds since 1970), and what was found in its files."""

    rows: dict[int, Row] = {}
    read: int = 0
    duplicates: int = 0
    conflicts: int = 0
    off_step: int = 0
    blank: int = 0
    doubtful: set[int] = set()

    def add(self, row: Row) -> None:
        """Take a row in; the same row again is counted and dropped, and of two that contradict
        each other neither is kept."""
        self.read += 1
        held = self.rows.get(row.at_s)
        if row.at_s % STEP_SECONDS:
            self.off_step += 1
        elif row.energy_uj is None and row.power_uw is None:
            self.blank += 1
        elif row.at_s in self.doubtful:
            self.conflicts += 1
        elif held is None:
            if len(self.rows) >= MAX_ROWS:
                raise PduError(f"more than {MAX_ROWS:,} rows of one feed; import it in parts")
            self.rows[row.at_s] = row
        elif held == row:
            self.duplicates += 1
        else:
            self.conflicts += 1
            self.doubtful.add(row.at_s)
            del self.rows[row.at_s]


class Step(msgspec.Struct, frozen=True):
    """Energy of five minutes from `start_s` (seconds since 1970), in microjoules."""

    start_s: int
    energy_uj: int
    quality: Quality


class Rack(msgspec.Struct):
    """The energy of a rack, and the five-minute steps that are unknown."""

    steps: list[Step] = []
    missing: int = 0
    """Steps in which a feed has no row at one end, or no value."""
    resets: int = 0
    """Steps in which a feed's counter fell."""
    implausible: int = 0
    """Steps in which a feed's energy is more than it can carry: another PDU's counter, say."""


def parse(lines: Iterable[str], now: datetime) -> Iterator[Row]:
    """The rows of an export; its first line is skipped, its second names the columns.

    `now` bounds their instants, which lie from `EARLIEST` to `AHEAD` of it.

    Raises PduError with line and column.
    """
    numbered = enumerate(lines, 1)
    next(numbered, None)
    header = next(numbered, None)
    if header is None:
        raise PduError("line 2: no header; an export has a title line, then the column names")
    delimiter = max(",;\t", key=header[1].count)
    names = [name.strip() for name in _cells(header[1], delimiter, 2)]
    places = {name: _place(names, name) for name in (TIME, POWER, ENERGY)}
    for number, line in numbered:
        if not line.strip():
            continue
        cells = _cells(line, delimiter, number)
        if len(cells) != len(names):
            raise PduError(
                f"line {number}: {len(cells)} columns where the header has {len(names)}; "
                "the file may be cut off: export it again"
            )
        found = {name: cells[place].strip() for name, place in places.items()}
        row = _row(found, number, decimal_comma=delimiter != ",")
        if wrong := _mistimed(row.at_s, now):
            raise PduError(f"line {number}, column {TIME!r}: {wrong}")
        yield row


def _cells(line: str, delimiter: str, number: int) -> list[str]:
    if line.count(delimiter) >= MAX_COLUMNS:
        raise PduError(f"line {number}: more than {MAX_COLUMNS} columns; is this a PDU export?")
    try:
        found = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise PduError(f"line {number}: not CSV: {error}; export the file again") from error
    return found[0] if found else []


def _place(names: list[str], name: str) -> int:
    if names.count(name) != 1:
        wrong = "no" if name not in names else "more than one"
        raise PduError(
            f"line 2: {wrong} column {name!r}; the second line of an export names the columns, "
            f"{TIME!r}, {POWER!r} and {ENERGY!r} among them"
        )
    return names.index(name)


def _row(cells: Mapping[str, str], number: int, *, decimal_comma: bool) -> Row:
    energy_wh = _number(cells[ENERGY], f"line {number}, column {ENERGY!r}", decimal_comma)
    power_watts = _number(cells[POWER], f"line {number}, column {POWER!r}", decimal_comma)
    return Row(
        _seconds(cells[TIME], f"line {number}, column {TIME!r}"),
        None if energy_wh is None else uj_from_watt_hours(energy_wh),
        None if power_watts is None else uw_from_watts(power_watts),
    )


def _mistimed(at_s: int, now: datetime) -> str:
    at, latest = datetime.fromtimestamp(at_s, UTC), now + AHEAD
    if EARLIEST <= at <= latest:
        return ""
    which = f"before {EARLIEST.isoformat()}" if at < EARLIEST else "more than a day ahead of now"
    return f"clock: {at.isoformat()} is {which}; correct the row, or leave it out; set its clock"


def _number(text: str, where: str, decimal_comma: bool) -> Decimal | None:
    """A number, or None for an empty cell: unknown, not zero."""
    if not text:
        return None
    plain = text.replace(",", ".") if decimal_comma else text
    if not _NUMBER.fullmatch(plain):
        raise PduError(
            f"{where}: {text[:40]!r} is not a number of 0 or more; write 1234.5, or leave it empty"
        )
    value = Decimal(plain)
    if uj_from_watt_hours(value) >= 2**62:  # of a fleet's year; beyond it BIGINT ends
        raise PduError(f"{where}: {text[:40]!r} is more than any feed counts; correct the file")
    return value


def _seconds(text: str, where: str) -> int:
    try:
        instant = datetime.fromisoformat(text.removesuffix(" UTC"))
        aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
        if not 1970 <= aware.year <= 9998:
            raise ValueError
        return int(aware.astimezone(UTC).timestamp())
    except ValueError as error:
        raise PduError(
            f"{where}: {text[:40]!r} is not an instant; write 2026-11-21 10:05:00, in UTC"
        ) from error


def rack(feeds: Iterable[Feed]) -> Rack:
    """The energy of a rack: the sum of its feeds, for the steps in which every feed is known.

    Steps are expected from the first row of any feed to the last.
    """
    all_feeds = list(feeds)
    instants = {at_s for feed in all_feeds for at_s in feed.rows}
    found = Rack()
    if not instants:
        return found
    per_feed = [_feed_steps(feed, found) for feed in all_feeds]
    # By the rows there are, not by the time between them: a row of another year costs no more.
    for start_s in sorted(instants.intersection(*per_feed)):
        known_steps = [known[start_s] for known in per_feed]
        counted = all(step.quality == "counter" for step in known_steps)
        total_uj = sum(step.energy_uj for step in known_steps)
        found.steps.append(Step(start_s, total_uj, "counter" if counted else "integrated"))
    found.missing = (max(instants) - min(instants)) // STEP_SECONDS - len(found.steps)
    return found


def _feed_steps(feed: Feed, found: Rack) -> dict[int, Step]:
    """The known steps of a feed by their start.

    A counter that stands still under load, and the step in which it moves again (it may catch up
    there), are taken from power; a counter that falls, and more than the feed can carry, make their
    step unknown.
    """
    steps: dict[int, Step] = {}
    most_uj = _most(feed)
    stood_at_s = None
    for start_s in sorted(feed.rows):
        before, after = feed.rows[start_s], feed.rows.get(start_s + STEP_SECONDS)
        if after is None:
            continue
        counted_uj, integrated_uj = _counted(before, after), _integrated(before, after)
        if counted_uj is not None and counted_uj < 0:
            found.resets += 1
            continue
        stands = counted_uj == 0 and (integrated_uj or 0) >= 2 * RESOLUTION_UJ
        step = None
        if counted_uj is not None and not stands and stood_at_s != start_s:
            step = Step(start_s, counted_uj, "counter")
        elif integrated_uj is not None:
            step = Step(start_s, integrated_uj, "integrated")
        if step and step.energy_uj > most_uj:
            found.implausible += 1
        elif step:
            steps[start_s] = step
        if stands:
            stood_at_s = start_s + STEP_SECONDS
    return steps


def _most(feed: Feed) -> int:
    """The most energy of a step: by the highest power of the feed's rows where they show any, with
    a counter's step at either end, and never more than any feed can carry."""
    most_uw = uw_from_watts(MAX_FEED_WATTS)
    shown_uw = max((row.power_uw or 0 for row in feed.rows.values()), default=0)
    if shown_uw:
        most_uw = min(most_uw, LOAD_FACTOR * shown_uw)
    return uj_from_power(most_uw, STEP_SECONDS * NS_PER_S) + 2 * RESOLUTION_UJ


def _counted(before: Row, after: Row) -> int | None:
    if before.energy_uj is None or after.energy_uj is None:
        return None
    return after.energy_uj - before.energy_uj


def _integrated(before: Row, after: Row) -> int | None:
    """The trapezium of two power samples, rounded down."""
    if before.power_uw is None or after.power_uw is None:
        return None
    return uj_from_power(before.power_uw + after.power_uw, STEP_SECONDS * NS_PER_S) // 2
