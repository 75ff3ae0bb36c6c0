"""A spool without room: delivered pages go first, then pages wait, then time is a gap; never less.

On a real small file system (tmpfs) and on a spool at its own limit; nothing is merged, and what is
lost is said with its duration.
"""

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.errors import SpoolError, SpoolFullError
from exporters.keeper import MOST_IN_MEMORY
from exporters.spool import Spool
from footprint.interval import to_us
from footprint.ledger import decode, verify_chain
from tests.exporters.simulated import POWER_W, gap_seconds, host, uj
from tests.exporters.spools import HOST, checkpoint, draft, fill
from tests.tools import require_tool

MIB = 1024 * 1024


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    mount, umount = require_tool("mount"), require_tool("umount")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


class Filler:
    """A file that takes every byte that is left."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "filler"

    def fill(self) -> None:
        """Leave nothing."""
        with self._path.open("ab", buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def free(self) -> None:
        """Give it back."""
        self._path.unlink()


def test_delivered_pages_make_room_at_the_spools_own_limit(tmp_path: Path) -> None:
    """The oldest go first, no page that waits goes, and the file stays within its limit."""
    spool = Spool(tmp_path / "spool.db", HOST, 256 * 1024)
    for index in range(0, 600, 20):
        spool.save(checkpoint(), [draft(one) for one in range(index, index + 20)])
        spool.acknowledge(index + 9)
        assert spool.path.stat().st_size <= 256 * 1024
    rows = spool._db.execute("SELECT seq, acknowledged FROM page ORDER BY seq").fetchall()
    numbers = [seq for seq, _ in rows]
    assert numbers == list(range(numbers[0], 600))
    assert 0 < numbers[0] < 580
    assert [seq for seq, acknowledged in rows if not acknowledged] == list(range(590, 600))
    spool.close()


def test_a_spool_full_of_pages_that_wait_takes_none_and_loses_none(tmp_path: Path) -> None:
    """What was not delivered never goes; after an acknowledgement there is room again."""
    spool = Spool(tmp_path / "spool.db", HOST, 128 * 1024)
    with pytest.raises(SpoolFullError, match="full"):
        fill(spool, 1000)
    held = len(list(verify_chain(spool.bodies())))
    assert spool.counts().waiting == held > 10
    spool.acknowledge(held - 5)
    fill(spool, 3, first=held)
    assert decode(list(spool.bodies())[-1]).seq == held + 2
    spool.close()


def test_an_acknowledgement_is_taken_on_a_full_disk(small: Path) -> None:
    """The reserve is given up for it, and what was delivered makes room for what comes."""
    spool = Spool(small / "state" / "spool.db", HOST)
    fill(spool, 40)
    filler = Filler(small)
    filler.fill()
    with pytest.raises(SpoolFullError):
        fill(spool, 100_000, first=40)
    held = spool.counts().waiting
    spool.acknowledge(held - 2)
    fill(spool, 30, first=held)
    assert spool.counts().waiting == 31
    filler.free()
    fill(spool, 1, first=held + 30)
    assert (small / "state" / "spool.reserve").stat().st_size == MIB
    spool.close()


def test_pages_wait_in_memory_while_the_disk_is_full(small: Path) -> None:
    """Some quarters of an hour without room, then room: every page is there as it was metered."""
    with host(small, page_seconds=60) as found:
        found.tick(130)
        filler = Filler(small)
        filler.fill()
        found.tick(60 * 30)
        shown = found.keeper.shown()
        assert shown.refused > 0
        assert shown.in_memory > 0
        filler.free()
        found.tick(60)
        assert found.keeper.shown().in_memory == 0
        found.stop()
        pages = found.pages()
    assert gap_seconds(pages) == {}
    assert uj(pages) == found.total_uj
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))


def test_an_outage_of_days_needs_no_room_in_memory(tmp_path: Path) -> None:
    """All its pages are over at the first tick after it, more of them than may wait for a disk:
    one that takes them loses none."""
    with host(tmp_path, range_uj=10**15) as found:
        found.tick(100)
        found.kill()
        found.pass_((2 * MOST_IN_MEMORY + 10) * 900)
        found.start()
        found.tick(100)
        found.stop()
        pages = found.pages()
    assert gap_seconds(pages) == {}
    assert uj(pages) == found.total_uj
    assert len(pages) > 2 * MOST_IN_MEMORY
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))


def test_what_finds_no_room_for_long_becomes_a_gap_of_its_duration(small: Path) -> None:
    """A disk full for hours: a bounded number of pages waits, the rest is a gap, nothing is merged
    into another page, and metering goes on by itself when there is room."""
    with host(small, page_seconds=60) as found:
        found.tick(10)
        filler = Filler(small)
        filler.fill()
        found.tick(60 * (MOST_IN_MEMORY + 60) // 10, seconds=10)
        lost = found.keeper._lost
        assert lost is not None
        assert found.keeper.shown().in_memory == MOST_IN_MEMORY
        lost_us = lost.end_us - lost.start_us
        filler.free()
        found.tick(60)
        found.stop()
        pages = found.pages()
    assert gap_seconds(pages) == {"spool_refused": lost_us / 1e6}
    assert uj(pages) == found.total_uj - POWER_W * lost_us
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))
    metered = [uj([page]) / (to_us(page.end) - to_us(page.start)) for page in pages[1:-1]]
    assert set(metered) == {0.0, float(POWER_W)}


def test_a_kill_while_the_disk_is_full_loses_nothing(small: Path) -> None:
    """What waited in memory is gone; the counter tells it from the last checkpoint on."""
    with host(small, page_seconds=60) as found:
        found.tick(130)
        filler = Filler(small)
        filler.fill()
        found.tick(60 * 20)
        found.kill()
        filler.free()
        found.start()
        found.tick(60)
        found.stop()
        pages = found.pages()
    assert uj(pages) == found.total_uj
    assert gap_seconds(pages) == {}


def test_an_agent_starts_on_a_full_disk_where_its_spool_is(small: Path) -> None:
    """It meters, says what is wrong, and keeps it all when there is room."""
    with host(small, page_seconds=60) as found:
        found.tick(130)
        filler = Filler(small)
        filler.fill()
        found.tick(90)
        found.kill()
        found.start()
        found.tick(70)
        filler.free()
        found.tick(60)
        found.stop()
        pages = found.pages()
    assert uj(pages) == found.total_uj


def test_a_spool_that_becomes_read_only_is_waited_for(tmp_path: Path) -> None:
    """As after an error of the file system: pages wait, and go on when it is well."""
    with host(tmp_path, page_seconds=60) as found:
        found.tick(130)
        found.keeper.spool._db.execute("PRAGMA query_only = 1")
        found.tick(200)
        assert found.keeper.shown().in_memory > 0
        found.keeper.spool._db.execute("PRAGMA query_only = 0")
        found.tick(60)
        found.stop()
        pages = found.pages()
    assert uj(pages) == found.total_uj
    assert gap_seconds(pages) == {}


def test_a_read_only_disk_at_the_start_is_one_line(small: Path) -> None:
    """What, where and the remedy: nothing could ever be kept there."""
    (small / "state").mkdir()
    subprocess.run([require_tool("mount"), "-o", "remount,ro", small], check=True)
    with pytest.raises(SpoolError, match=r"Read-only file system.*check the folder") as caught:
        Spool(small / "state" / "spool.db", HOST)
    assert "\n" not in str(caught.value)
