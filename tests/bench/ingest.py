"""How fast the service takes pages in over HTTP, and how fast SQLite itself would take their rows.

In: real pages, made beforehand. Out: entries per second, the median of batches.
"""

import http.client
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from footprint.service.store_pages import entry_rows
from tests.pages import Sealed, batch, make_ledger
from tests.running import BIN, Service, ended

BATCHES = 60
PAGES = 100
CONSUMERS = {
    "chat": 600_000_000,
    "classify": 300_000_000,
    "search": 200_000_000,
    "translate": 50_000_000,
    "@agent": 1_000_000,
    "@system": 100_000_001,
}


@dataclass(frozen=True)
class Rates:
    """Entries per second."""

    service: float
    raw: float


def rates(folder: Path) -> Rates:
    """Both, one after the other, on the same rows in files of the same schema."""
    batches = [_batch(number) for number in range(BATCHES)]
    return Rates(service=_service(folder, batches), raw=_raw(folder, batches))


def _batch(number: int) -> list[Sealed]:
    """A day's backlog of one host."""
    return list(
        make_ledger(
            PAGES,
            start=datetime(2026, 11, 1, tzinfo=UTC),
            host_id=f"host-{number}",
            ledger_id=f"00000000-0000-4000-8000-{number:012}",
            consumers=CONSUMERS,
        )
    )


def _service(folder: Path, batches: Sequence[list[Sealed]]) -> float:
    bodies = [batch(pages) for pages in batches]
    service = Service(folder)
    with ended(service):
        host, _, port = service.address.partition(":")
        with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:

            def post(body: bytes) -> None:
                connection.request("POST", "/v1/pages", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != http.client.OK:
                    raise RuntimeError(f"the service answered {answer.status}: {text!r}")

            return _rate(post, bodies)


def _raw(folder: Path, batches: Sequence[list[Sealed]]) -> float:
    """The rows alone, by executemany, one durable transaction a batch, as the service does."""
    database = folder / "raw.db"
    command = [BIN / "footprint", "migrate", "--database", database]
    subprocess.run(command, check=True, capture_output=True)
    rows = [
        [tuple(row.values()) for sealed in pages for row in entry_rows(sealed.page)]
        for pages in batches
    ]
    names = list(entry_rows(batches[0][0].page)[0])
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO entry ({', '.join(names)}) VALUES ({marks})"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = FULL").close()

        def insert(part: list[tuple[Any, ...]]) -> None:
            with connection:
                connection.executemany(statement, part)

        return _rate(insert, rows)


def _rate(take: Callable[[Any], None], parts: Sequence[Any]) -> float:
    entries = PAGES * len(CONSUMERS)
    seconds = []
    for part in parts:
        began = time.perf_counter()
        take(part)
        seconds.append(time.perf_counter() - began)
    return entries / statistics.median(seconds)
