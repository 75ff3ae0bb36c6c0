"""A year of 200 SIA after one factor has changed: every month's statement made again, on SQLite.

The energies are put where a year of pages would have led: rows by quarter-hour. From there on all
is the service's own: days are summed by the code that sums them, months stated as `footprint
statement` does. In a process of its own, for its peak of memory. Out: `Recomputed`.
"""

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from footprint import factor_table
from footprint.grid.quarter import TECHNOLOGIES, Quarter
from footprint.interval import paris_day, paris_month, to_us
from footprint.service import (
    reports,
    rollups,
    store_bulk,
    store_factors,
    store_grid,
    store_rollups,
    subjects,
    tables,
    tables_rollups,
)
from footprint.service.store import Store, open_store

SIA = 200
YEAR = 2025
NOW = datetime(2026, 12, 1, tzinfo=UTC)
QUARTER_US = 900_000_000
LINES = (("gpu", "static"), ("gpu", "dynamic"), ("cpu", "dynamic"), ("dram", "undivided"))
CORRECTION = (
    "indicator;zone;value;unit;valid_from;valid_to;basis;method;source;published\n"
    "gwp;FR;47;gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix, losses included, "
    "smoothed over 2022-2025;location;Correction;2026-12\n"
)


class Recomputed(msgspec.Struct, frozen=True):
    """How many rows by quarter-hour; seconds to sum all days again, and to state all months again
    after the factor; seconds of reading the rows one by one; the process' peak of memory; and the
    year's grams before and after."""

    rows: int
    days_s: float
    months_s: float
    by_row_s: float
    peak_bytes: int
    grams: list[float]


def measure(folder: Path) -> Recomputed:
    """In a process of its own."""
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.recompute", str(folder / "year.db")],
        check=True,
        capture_output=True,
    )
    return msgspec.json.decode(ran.stdout, type=Recomputed)


def main(path: Path) -> None:
    """Fill, sum, change, state."""
    store = open_store(path, create=True, migrate=True, now=NOW - timedelta(days=1))
    try:
        rows = _fill(store)
        began = time.monotonic()
        rollups.refresh(store)
        summed = time.monotonic()
        before = _grams(store, NOW)
        with store.write() as connection:
            store_factors.add(connection, factor_table.parse(CORRECTION, NOW))
        changed = time.monotonic()
        after = _grams(store, NOW + timedelta(hours=1))
        ended = time.monotonic()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        by_row_s = 12 * _by_row_s(store)
    finally:
        store.close()
    told = Recomputed(rows, summed - began, ended - changed, by_row_s, peak, [before, after])
    sys.stdout.write(json.dumps(msgspec.to_builtins(told)))


def _grams(store: Store, now: datetime) -> float:
    total_ug = 0
    for month in range(1, 13):
        with rollups.figures(store) as connection:
            asked = subjects.Asked(f"{YEAR}-{month:02}")
            found = reports.statement(connection, asked, "FR", now, rolled=True)
        assert found.total.views["hourly_life_cycle"].energy_uj == found.total.energy_uj
        assert found.total.emissions_ug is not None
        total_ug += found.total.emissions_ug
    return total_ug / 1e6


def _by_row_s(store: Store) -> float:
    """Seconds to read January's rows by quarter-hour and to meet each by its intensity."""
    interval = paris_month(f"{YEAR}-01")
    starts = range(to_us(interval.start), to_us(interval.end), QUARTER_US)
    intensity = {us: us // QUARTER_US % 100 for us in starts}
    query = (
        "SELECT quarter_us, consumer, component, part, quality, site, energy_j, rest_uj "
        "FROM quarter_total WHERE quarter_us >= ? AND quarter_us < ?"
    )
    sums: Counter[tuple[str, ...]] = Counter()
    with store.read() as connection:
        began = time.monotonic()
        ends = (to_us(interval.start), to_us(interval.end))
        for quarter_us, *key, joules, rest_uj in connection.exec_driver_sql(query, ends):
            sums[tuple(key)] += (joules * 10**6 + rest_uj) * intensity[quarter_us]
        return time.monotonic() - began


def _fill(store: Store) -> int:
    """Energies and the grid of every quarter-hour of the year; every day has to be summed."""
    quarter = tables.table(tables_rollups.QuarterTotal)
    mark = tables.table(tables_rollups.RollupMark)
    known_us = to_us(NOW) - 10**6
    rows = 0
    for month in range(1, 13):
        interval = paris_month(f"{YEAR}-{month:02}")
        starts = range(to_us(interval.start), to_us(interval.end), QUARTER_US)
        with store.write() as connection:
            store_grid.add(connection, "FR", map(_generation, starts), known_us)
            for start_us in starts:
                found = [*_energies(start_us)]
                store_bulk.insert(connection, quarter, found)
                rows += len(found)
    with store.write() as connection:
        days = [date(YEAR, 1, 1) + timedelta(days=n) for n in range(365)]
        starts_us = [to_us(paris_day(day).start) for day in days]
        store_bulk.insert(
            connection, mark, [(store_rollups.NO_HOST, us, "bench", 0, us, us) for us in starts_us]
        )
    return rows


def _energies(start_us: int) -> Iterator[tuple[Any, ...]]:
    for number in range(SIA):
        joules = 20_000 + (start_us // QUARTER_US * 7919 + number * 104_729) % 180_000
        for component, part in LINES:
            yield (
                start_us,
                f"sia-{number:03}",
                component,
                part,
                "counter",
                "",
                joules,
                start_us // QUARTER_US % 999_983,
            )


def _generation(start_us: int) -> Quarter:
    at = start_us // QUARTER_US
    mw = tuple(500 + (at * 31 + place * 97) % 40_000 for place in range(len(TECHNOLOGIES)))
    return Quarter(start_us // 10**6, "definitive", mw, None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
