"""How fast the service takes pages in over HTTP, and how fast the database itself would take their
rows: SQLite by executemany, PostgreSQL by COPY, on tables of the same schema.

In: real pages, made beforehand. Out: entries per second, and requests a second where each has one
page; senders are many, as agents are, and wait for each answer.
"""

import http.client
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from footprint.service import tables
from footprint.service.store_chains import dated
from footprint.service.store_pages import entry_rows
from tests import postgres
from tests.pages import Sealed, batch, make_ledger
from tests.running import BIN, Service, ended

BATCHES = 120
PAGES = 100
BATCH_CONNECTIONS = 4
REQUESTS = 4000
CONNECTIONS = 32
CONSUMERS = {
    "chat": 600_000_000,
    "classify": 300_000_000,
    "search": 200_000_000,
    "translate": 50_000_000,
    "@agent": 1_000_000,
    "@system": 100_000_001,
}
NAMES = ", ".join(column.name for column in tables.table(tables.Entry).columns)
START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rates:
    """Entries per second of the service and of the bare database; requests of one page a second."""

    service: float
    raw: float
    requests: float


def sqlite(folder: Path) -> Rates:
    """On a SQLite file."""
    folder.mkdir()
    batches = [_batch(number) for number in range(BATCHES)]
    return Rates(_service(folder, None, batches), _executemany(folder, batches), _one_page(folder))


def postgresql(folder: Path) -> Rates:
    """On a PostgreSQL server on the same machine, with its default settings."""
    folder.mkdir()
    batches = [_batch(number) for number in range(BATCHES)]
    with postgres.running() as server:
        return Rates(
            _service(folder, server.new(), batches),
            _copy(server.new(), batches),
            _one_page(folder, server.new()),
        )


def _batch(number: int, pages: int = PAGES) -> list[Sealed]:
    """A day's backlog of one host, or less of it."""
    return list(
        make_ledger(
            pages,
            start=START,
            host_id=f"host-{number}",
            ledger_id=f"00000000-0000-4000-8000-{number:012}",
            consumers=CONSUMERS,
        )
    )


def _service(folder: Path, place: str | None, batches: Sequence[list[Sealed]]) -> float:
    service = Service(folder, place=place)
    with ended(service):
        seconds = _seconds(service, [batch(pages) for pages in batches], BATCH_CONNECTIONS)
    return len(batches) * PAGES * len(CONSUMERS) / seconds


@contextmanager
def _posting(service: Service) -> Iterator[Callable[[bytes], None]]:
    host, _, port = service.address.partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:

        def post(body: bytes) -> None:
            connection.request("POST", "/v1/pages", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the service answered {answer.status}: {text!r}")

        yield post


def _one_page(folder: Path, place: str | None = None) -> float:
    """One page of each of many hosts, as agents at a quarter-hour."""
    bodies = [batch(_batch(1000 + host, 1)) for host in range(REQUESTS)]
    service = Service(folder, place=place or str(folder / "one.db"))
    with ended(service):
        return REQUESTS / _seconds(service, bodies, CONNECTIONS)


def _seconds(service: Service, bodies: Sequence[bytes], connections: int) -> float:
    """Until the service has answered all, each connection its share, one after another."""

    def send(first: int) -> None:
        with _posting(service) as post:
            for body in bodies[first::connections]:
                post(body)

    with ThreadPoolExecutor(connections) as pool:
        began = time.perf_counter()
        list(pool.map(send, range(connections)))
        return time.perf_counter() - began


def _rows(batches: Sequence[list[Sealed]]) -> list[list[tuple[Any, ...]]]:
    return [
        [row for sealed in pages for row in entry_rows(dated(sealed.page))] for pages in batches
    ]


def _executemany(folder: Path, batches: Sequence[list[Sealed]]) -> float:
    """The rows alone, one durable transaction a batch, as the service does."""
    database = folder / "raw.db"
    _migrate(str(database))
    marks = ", ".join("?" for _ in NAMES.split(", "))
    statement = f"INSERT INTO entry ({NAMES}) VALUES ({marks})"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = FULL").close()

        def insert(part: list[tuple[Any, ...]]) -> None:
            with connection:
                connection.executemany(statement, part)

        return _rate(insert, _rows(batches))


def _copy(url: str, batches: Sequence[list[Sealed]]) -> float:
    """As above, by COPY into a table that is not divided into months."""
    _migrate(url)
    with closing(psycopg.connect(url)) as connection:
        connection.execute("CREATE TABLE raw (LIKE entry INCLUDING ALL)")
        connection.commit()

        def insert(part: list[tuple[Any, ...]]) -> None:
            with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy(f"COPY raw ({NAMES}) FROM STDIN") as copy,
            ):
                for row in part:
                    copy.write_row(row)

        return _rate(insert, _rows(batches))


def _migrate(place: str) -> None:
    command = [BIN / "footprint", "migrate", "--database", place]
    subprocess.run(command, check=True, capture_output=True)


def _rate(take: Callable[[Any], None], parts: Sequence[Any]) -> float:
    entries = PAGES * len(CONSUMERS)
    seconds = []
    for part in parts:
        began = time.perf_counter()
        take(part)
        seconds.append(time.perf_counter() - began)
    return entries / statistics.median(seconds)
