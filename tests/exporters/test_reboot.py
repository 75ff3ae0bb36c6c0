"""A reboot between two runs of the agent: the old boot's page is closed, what follows is a gap."""

import sqlite3
from pathlib import Path

from exporters.surroundings import REAL
from footprint.interval import to_us
from footprint.ledger import Page, verify_chain
from tests.powercap import scripted
from tests.running import Agent, ended, page_bodies, wait_until

EARLIER = "00000000-0000-4000-8000-00000000b007"


def say_it_was_another_boot(spool: Path) -> None:
    """Put another boot's identifier wherever the checkpoint holds this one's."""
    with sqlite3.connect(spool) as database:
        (body,) = database.execute("SELECT body FROM checkpoint").fetchone()
        changed = bytes(body).replace(REAL.boot_id().encode(), EARLIER.encode())
        assert changed != body
        database.execute("UPDATE checkpoint SET body = ?", (changed,))
    database.close()


def uj(pages: list[Page]) -> int:
    """Energy of all entries."""
    return sum(entry.energy_uj for page in pages for entry in page.entries)


def test_a_reboot_closes_the_page_of_its_boot_and_is_a_gap_after(tmp_path: Path) -> None:
    """Killed, rebooted, begun anew: the chain goes on, pages name their boots, no joule of one boot
    is in another's page, and from the last checkpoint on the device is a gap, cause reboot."""
    power = {"power_uw": 50_000_000, "range_uj": 10**12, "limit_uw": 10**8}
    with scripted(tmp_path, **power) as (root, counter):
        arguments = ("--powercap-root", str(root), "--checkpoint-seconds", "1")
        first = Agent(tmp_path, *arguments)
        with ended(first):
            wait_until(lambda: len(first.metrics()) > 5, "the first tick")
            counter.go()

            def kept_something() -> bool:
                database = sqlite3.connect(first.spool)
                (body,) = database.execute("SELECT body FROM checkpoint").fetchone()
                database.close()
                return b'"energy":{"@' in body

            wait_until(kept_something, "energy in a checkpoint")
            first.kill()
        counter.hold()
        say_it_was_another_boot(first.spool)
        second = Agent(tmp_path, *arguments)
        with ended(second):
            wait_until(lambda: len(second.metrics()) > 5, "the first tick")
            assert second.terminate() == 0
    pages = list(verify_chain(page_bodies(second.spool)))
    # The clock may pass a quarter-hour at any moment of this test: one page more on either side.
    (at,) = (place for place, page in enumerate(pages) if page.boot_id == EARLIER)
    closed, later = pages[at], pages[at + 1 :]
    assert uj(pages[: at + 1]) > 0
    assert {page.boot_id for page in later} == {REAL.boot_id()}
    assert uj(later) == 0
    assert later[0].start == closed.end
    first_gap = later[0].gaps[0]
    assert (first_gap.kind, first_gap.cause) == ("gap", "reboot")
    assert to_us(first_gap.start) == to_us(closed.end)
