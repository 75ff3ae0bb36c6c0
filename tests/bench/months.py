"""How long a month takes to be told, by project and as a statement, with few hosts and with many.

In: numbers of hosts. Out: milliseconds of an answer over HTTP, the median of several. Each host has
a card and a page on each of some days; what is read is as large for a page every quarter-hour.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from footprint.interval import to_us
from footprint.ledger import GENESIS, PageHead
from footprint.service import ingest, rollups, store_register
from footprint.service.ingest import Key, Sheet
from footprint.service.kinds import ENERGY
from footprint.service.register import Directorate, Project, Register, Share, Sia
from footprint.service.store import Store, open_store
from tests.pages import make_page, seal
from tests.running import Service, ended

HOSTS = (100, 10_000)
DAYS = 3
SIA = 20
PROJECTS = 10
TIMES = 9
AT_ONCE = 500
FIRST = datetime(2026, 10, 1, 8, tzinfo=UTC)
NOW = FIRST + timedelta(days=DAYS)


class Told(NamedTuple):
    """Milliseconds of an answer, with so many hosts."""

    hosts: int
    by_project_ms: float
    project_ms: float
    statement_ms: float


def measure(folder: Path) -> list[Told]:
    """One row for each number of hosts."""
    return [_measure(folder / str(hosts), hosts) for hosts in HOSTS]


def _measure(folder: Path, hosts: int) -> Told:
    folder.mkdir(parents=True)
    with closing(
        open_store(folder / "footprint.db", create=True, migrate=True, now=FIRST)
    ) as store:
        _fill(store, hosts)
        rollups.refresh(store)
    service = Service(folder)
    with ended(service):
        return Told(
            hosts,
            _median_ms(f"{service.url}/v1/months/2026-10"),
            _median_ms(f"{service.url}/v1/statements/2026-10?project=project-1"),
            _median_ms(f"{service.url}/v1/statements/2026-10"),
        )


def _fill(store: Store, hosts: int) -> None:
    shares = [
        [Share(project=f"project-{number % PROJECTS}", permille=1000)] for number in range(SIA)
    ]
    register = Register(
        directorates=[Directorate(code="d", name="D")],
        projects=[
            Project(code=f"project-{number}", name="P", directorate="d")
            for number in range(PROJECTS)
        ],
        sia=[Sia(code=f"sia-{number}", name="S", shares=shares[number]) for number in range(SIA)],
    )
    with store.write() as connection:
        store_register.store(connection, register, to_us(FIRST))
    for sheets in _batches(hosts):
        names, instants_us = ingest.filing(sheets, NOW)
        with store.write_pages(names, instants_us) as connection:
            ingest.take(connection, ENERGY, [sheets], NOW)


def _batches(hosts: int) -> Iterator[dict[Key, list[Sheet]]]:
    last = dict.fromkeys(range(hosts), GENESIS)
    for day in range(DAYS):
        for first in range(0, hosts, AT_ONCE):
            sheets = {}
            for number in range(first, min(first + AT_ONCE, hosts)):
                key = (f"host-{number}", f"00000000-0000-4000-8000-{number:012}")
                page = make_page(
                    seq=day,
                    previous_hash=last[number],
                    start=FIRST + timedelta(days=day),
                    host_id=key[0],
                    ledger_id=key[1],
                    consumers={f"sia-{number % SIA}": 500_000_000, "@idle": 100_000_000},
                    component="gpu",
                    device=f"card-{number}",
                    rated_power_uw=700_000_000,
                )
                sealed = seal(page)
                interval_us = (to_us(page.start), to_us(page.end))
                head = PageHead(*key, day, last[number])
                sheets[key] = [Sheet(head, sealed.hash, sealed.body, page, interval_us)]
                last[number] = sealed.hash
            yield sheets


def _median_ms(url: str) -> float:
    times_ms = []
    for _ in range(TIMES):
        began = time.perf_counter()
        with urlopen(url, timeout=300) as answer:
            answer.read()
        times_ms.append((time.perf_counter() - began) * 1000)
    return statistics.median(times_ms)
