"""Months of pages that may leave: what a service is filled with, and what is asked of files."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from footprint.ledger import Page
from footprint.service import archive
from footprint.service.cli import main
from tests import usage_pages
from tests.pages import Sealed, chain, make_page
from tests.service.house import House

QUARTER = timedelta(minutes=15)
MARCH = datetime(2026, 3, 31, 20, 30, tzinfo=UTC)
"""Six quarter-hours before April begins in Paris (UTC+2)."""
APRIL = datetime(2026, 3, 31, 22, tzinfo=UTC)
MAY = datetime(2026, 4, 30, 22, tzinfo=UTC)
BOARD = "GPU-00000000-0000-4000-8000-00000000abcd"


def ledger_of(number: int) -> str:
    """A ledger's name."""
    return f"00000000-0000-4000-8000-{number:012}"


def energy() -> dict[str, list[Sealed[Page]]]:
    """By host: twelve quarter-hours around the end of March, some of May; pages that are left out
    (an overlap, one that cannot be read) among and behind them."""
    first = [make_page(start=MARCH + n * QUARTER, rated_power_uw=10**8) for n in range(12)]
    first.insert(5, make_page(start=MARCH, seconds=60))
    first.insert(3, msgspec.structs.replace(first[3], entries=[]))
    first += [make_page(start=MAY + n * QUARTER) for n in range(4)]
    board = [
        make_page(
            start=MARCH + n * QUARTER,
            host_id="host-2",
            ledger_id=ledger_of(2),
            component="gpu",
            device=BOARD,
            consumers={usage_pages.SERVER: 9 * 10**8 + n, "@idle": 7},
        )
        for n in range(12)
    ]
    return {"host-1": list(chain(first)), "host-2": list(chain(board))}


def told() -> Iterator[Sealed[Any]]:
    """Usage of the same time, March's first told again in the midst of April's."""
    pages = [usage_pages.make_page(start=MARCH + n * QUARTER) for n in range(12)]
    pages.insert(9, usage_pages.make_page(start=MARCH, tokens={"tri-courrier": (7, 70)}))
    return chain([*pages, usage_pages.make_page(start=MARCH, seconds=60)])


def fill(house: House) -> None:
    """March, April and May, a shared server and who used it."""
    house.put("/v1/directorates/d", {"name": "D"})
    house.put("/v1/projects/p", {"name": "P", "directorate": "d"})
    share = {"project": "p", "permille": 1000}
    assert house.put("/v1/sia/chat-demo", {"name": "c", "shares": [share]}).is_success
    server = {"name": "S", "models": {usage_pages.MODEL: [BOARD]}}
    assert house.put(f"/v1/servers/{usage_pages.SERVER}", server).is_success
    for pages in energy().values():
        assert house.post(pages).status_code == 200
    assert house.tell(told()).status_code == 200


def leave(house: House, folder: Path, before: str = "2026-05") -> list[str]:
    """Let months leave; which did."""
    store = house.app.state.footprint.store
    limit = archive.limit(before, house.now)
    return [left.month for left in archive.run(store, folder, limit, house.now)]


def fsck(house: House, *options: str) -> int:
    """What `footprint fsck` ends with."""
    return main(["fsck", *options, "--database", str(house.database)])


def lines(path: Path) -> list[dict[str, Any]]:
    """A file's lines, the header first."""
    return [msgspec.json.decode(line) for line in plain(path).splitlines()]


def plain(path: Path) -> bytes:
    """A file, unpacked."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
