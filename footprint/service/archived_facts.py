"""What a month's statement needs beside rollups, kept when its pages leave: the platform, energy of
shared servers by board, what gateways told of them, and the ledgers that it rested on.

In: what was read while the pages were held. Out: bytes, and from them the same again. Energy stays
in rollups; all of these are as they were known when the month left.
"""

import msgspec
import zstandard
from sqlalchemy import Connection

from footprint.platform_figures import Platform
from footprint.service import store_archived, store_facts
from footprint.service.store_usage import Told, ToldGap, ToldLine
from footprint.shared import Spending
from footprint.statement import LedgerHead

OMISSION = "pages_archived"
"""Said by a statement of a month whose pages have left."""


class Facts(msgspec.Struct, frozen=True):
    """The facts as known at `at_us`. `spending`: of every server that was registered, by its
    code."""

    at_us: int
    platform: Platform | None
    spending: dict[str, list[Spending]]
    told: list[Told]
    gaps: list[ToldGap]
    lines: list[ToldLine]
    totals: list[ToldLine]
    ledgers: list[LedgerHead]
    usage_ledgers: list[LedgerHead]
    quarantined_pages: dict[str, int]
    """By host; of usage under `store_facts.USAGE_HOST`."""

    def ledgers_of(self, hosts: tuple[str, ...] | None) -> list[LedgerHead]:
        """The ledgers of energy of `hosts` (None: of all)."""
        return [one for one in self.ledgers if hosts is None or one.host_id in hosts]

    def quarantined_of(self, hosts: tuple[str, ...] | None) -> int:
        """The quarantined pages of `hosts`, and of usage."""
        own = None if hosts is None else {store_facts.USAGE_HOST, *hosts}
        return sum(
            count for host, count in self.quarantined_pages.items() if own is None or host in own
        )


def pack(facts: Facts) -> bytes:
    """The facts as they are kept."""
    return zstandard.ZstdCompressor(level=10).compress(msgspec.json.encode(facts))


def of(connection: Connection, month: str) -> Facts | None:
    """The facts of a month whose pages have left; None where they are held."""
    packed = store_archived.facts(connection, month)
    if packed is None:
        return None
    return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed), type=Facts)
