"""Judges pages again that were left out because this service's own clock was behind.

In: when that was, and of which hosts. Out: what became of each such page, one line each. A page
ends at most a quarter-hour ahead of the clock when it comes; where it was the service's clock that
was wrong, its hosts' pages were genuine, and their agents never send them again. Each is judged as
if it came now: it counts from now on, and figures as of an earlier instant stay what they were.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from footprint.interval import to_us
from footprint.service import audit, ingest
from footprint.service.clock import Clock
from footprint.service.ingest import Taken
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.service.store import Store
from footprint.service.store_chains import P

CLOCK = "clock: ends at"
"""How the reason begins of a page that ends ahead of the clock."""
ACTION = "readmit"
"""How the audit log names it."""


def readmit(
    store: Store, since: datetime, until: datetime, hosts: Collection[str], clock: Clock
) -> Iterator[tuple[bool, str]]:
    """Every page that came in [since, until) and was left out for its time: whether it counts now,
    and which it is. One transaction a host."""
    came_us = (to_us(since), to_us(until))
    yield from _of_kind(store, ENERGY, came_us, hosts, clock)
    yield from _of_kind(store, USAGE, came_us, hosts, clock)


def _of_kind(
    store: Store, kind: Kind[P], came_us: tuple[int, int], hosts: Collection[str], clock: Clock
) -> Iterator[tuple[bool, str]]:
    with store.read() as connection:
        held = [
            (row.host_id, bytes(row.body))
            for row in kind.chains.quarantined(connection, came_us, hosts)
            if row.reason.startswith(CLOCK)
        ]
    for host_id, rows in groupby(held, key=lambda row: row[0]):
        for item in _of_host(store, kind, host_id, [body for _, body in rows], clock):
            head = item.sheet.head
            where = f"{kind.name} {head.seq} of ledger {head.ledger_id}, host {head.host_id}"
            yield item.page is not None, f"{where}: {item.reason or 'counts from now on'}"


def _of_host(
    store: Store, kind: Kind[P], host_id: str, bodies: Sequence[bytes], clock: Clock
) -> list[Taken[P]]:
    sheets = ingest.sheets_of(kind, bodies)
    names, instants_us = ingest.filing({sheet.key: [sheet] for sheet in sheets}, clock())
    names |= {gpu for sheet in sheets for gpu in sheet.gpus}
    instants_us |= {sheet.interval_us[0] for sheet in sheets if sheet.interval_us}
    with store.write_pages(names, instants_us) as connection:
        now = clock()
        found = ingest.take_again(connection, kind, sheets, now)
        count = sum(item.page is not None for item in found)
        if count:
            action = f"{ACTION} {count} {kind.name}s"
            audit.by_command(connection, now, action, host_id)
    return found
