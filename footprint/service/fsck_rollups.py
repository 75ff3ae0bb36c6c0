"""Rollups beside the pages that they are summed from, for `footprint fsck`.

In: the days that have accepted pages. Out: what differs, one line each. A day with a mark waits to
be summed: it is counted and not judged; nor is one whose pages have left.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from footprint.interval import from_us, paris_date
from footprint.service import store_places, store_register, store_rollups
from footprint.service.fsck_ledger import Checked


def check(
    connection: Connection, paged_us: Iterable[int], gone_us: int, checked: Checked
) -> Iterator[str]:
    """What is wrong with the rollups held from `gone_us` on."""
    if store_places.held(connection) != store_places.stays(
        store_register.sites(connection).values()
    ):
        yield "rollup host_site: not where the register's sites are; run: footprint fsck --repair"
    days_us = {*paged_us} | store_rollups.held_days(connection)
    marked_us = store_rollups.marked_days(connection)
    checked.days_waiting = len(marked_us)
    for day_us in sorted(days_us - marked_us):
        if day_us < gone_us:
            continue
        for name, held, expected in store_rollups.wrong(connection, day_us):
            yield (
                f"rollup {name} of {paris_date(from_us(day_us))}: {held} rows differ from the "
                f"{expected} that its pages give; run: footprint fsck --repair"
            )
