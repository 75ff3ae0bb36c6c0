"""The spool: what was committed is there after anything, and nothing else is."""

import contextlib
import itertools
import sqlite3
import stat
from pathlib import Path

import pytest

from exporters.errors import DamagedError, SpoolError
from exporters.spool import Spool, close_for_reboot, newest_instant_us
from footprint.interval import to_us
from footprint.ledger import CounterMark, Head, hash_bytes, verify_chain
from footprint.reading import Counter
from tests.exporters.spools import (
    DEVICE,
    HOST,
    SECOND_US,
    START_US,
    checkpoint,
    draft,
    encoded,
    fill,
)
from tests.pages import BOOT, START

DAY_SECONDS = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the spool under test is."""
    return tmp_path / "state" / "spool.db"


def waiting(spool: Spool) -> list[int]:
    """The numbers of the pages that wait."""
    held = [hash_bytes(body) for body in spool.bodies()]
    return [held.index(page.hash) for page in spool.waiting(1000)]


def test_pages_checkpoint_and_ledger_survive_reopening(path: Path) -> None:
    """What was saved is read back byte for byte, under the same ledger."""
    spool = Spool(path, HOST)
    fill(spool, 3)
    left = checkpoint([draft(3)], START_US + 200 * SECOND_US)
    left.tracks[0].baseline = Counter(12, 34, BOOT, 56)
    spool.save(left)
    before = (spool.ledger_id, list(spool.bodies()), encoded(left))
    spool.close()
    again = Spool(path, HOST)
    assert (again.ledger_id, list(again.bodies()), encoded(again.load())) == before
    again.close()


def test_the_pages_are_one_chain(path: Path) -> None:
    """Pages sealed one by one and in a batch verify as the service verifies them."""
    spool = Spool(path, HOST)
    fill(spool, 2)
    spool.save(checkpoint(), [draft(2), draft(3)])
    pages = list(verify_chain(spool.bodies()))
    assert [page.seq for page in pages] == [0, 1, 2, 3]
    assert {page.ledger_id for page in pages} == {spool.ledger_id}
    spool.close()


def test_a_page_and_its_checkpoint_are_written_together_or_not_at_all(path: Path) -> None:
    """A second page that contradicts itself leaves neither the first nor the checkpoint behind."""
    spool = Spool(path, HOST)
    fill(spool, 1)
    before = (list(spool.bodies()), encoded(spool.load()))
    wrong = draft(2)
    next(iter(wrong.covers.values())).metered_uj += 1
    with pytest.raises(SpoolError, match="differ by 1 uJ"):
        spool.save(checkpoint(covered_us=START_US + 1), [draft(1), wrong])
    assert (list(spool.bodies()), encoded(spool.load())) == before
    fill(spool, 1, first=1)
    assert len(list(verify_chain(spool.bodies()))) == 2
    spool.close()


def test_a_full_disk_changes_nothing_and_saving_goes_on_after_it(path: Path) -> None:
    """SQLite's own limit makes the disk full: an error, nothing written, then recovery."""
    spool = Spool(path, HOST)
    fill(spool, 1)
    before = (list(spool.bodies()), encoded(spool.load()))
    (pages,) = spool._db.execute("PRAGMA page_count").fetchone()
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    many = [draft(index) for index in range(1, 40)]
    with pytest.raises(SpoolError, match="full"):
        spool.save(checkpoint(), many)
    assert (list(spool.bodies()), encoded(spool.load())) == before
    spool._db.execute("PRAGMA max_page_count = 1000000")
    spool.save(checkpoint(), many)
    assert len(list(verify_chain(spool.bodies()))) == 40
    spool.close()


def test_acknowledgement_follows_the_head_forward_and_back(path: Path) -> None:
    """What lies behind the service's head waits, also what it once held; -1 means it holds none."""
    spool = Spool(path, HOST)
    fill(spool, 5)
    assert waiting(spool) == [0, 1, 2, 3, 4]
    for head, expected in ((2, [3, 4]), (4, []), (1, [2, 3, 4]), (-1, [0, 1, 2, 3, 4])):
        spool.acknowledge(head)
        assert waiting(spool) == expected
        assert (spool.counts().waiting, spool.counts().acknowledged) == (
            len(expected),
            5 - len(expected),
        )
    spool.close()


def test_a_batch_is_bounded_in_pages_and_bytes_and_never_empty(path: Path) -> None:
    """Whoever cannot send one page sends none ever: the first goes whatever its size."""
    spool = Spool(path, HOST)
    fill(spool, 5)
    sizes = [len(body) for body in spool.bodies()]
    assert len(spool.waiting(3)) == 3
    assert len(spool.waiting(9, sizes[0] + sizes[1])) == 2
    assert len(spool.waiting(9, sizes[0] + sizes[1] - 1)) == 1
    assert len(spool.waiting(9, 1)) == 1
    spool.close()


def test_a_head_of_another_hash_or_from_the_future_disagrees(path: Path) -> None:
    """Only our own page of that number, or none at all, is our own ledger."""
    spool = Spool(path, HOST)
    fill(spool, 2)
    own = hash_bytes(list(spool.bodies())[1])
    answers = {
        hash_: spool.disagrees(Head(HOST, spool.ledger_id, seq, hash_))
        for seq, hash_ in ((1, own), (1, "f" * 64), (7, "e" * 64), (-1, "0" * 64))
    }
    assert answers == {own: False, "f" * 64: True, "e" * 64: True, "0" * 64: False}
    spool.close()


def test_pages_are_kept_35_days_after_they_ended_and_longer_while_they_wait(path: Path) -> None:
    """A page unacknowledged for two months is there; an acknowledged one is not."""
    spool = Spool(path, HOST)
    fill(spool, 1)
    spool.acknowledge(0)
    spool.save(checkpoint(), [draft(1)])
    for day, kept in ((34, [0, 1, 2]), (60, [1, 2, 3])):
        later = draft(0)
        later.start_us += day * DAY_SECONDS * SECOND_US
        later.end_us += day * DAY_SECONDS * SECOND_US
        spool.save(checkpoint(), [later])
        rows = spool._db.execute("SELECT seq FROM page ORDER BY seq").fetchall()
        assert [seq for (seq,) in rows] == kept
    spool.close()


def test_only_the_owner_reads_the_files(path: Path) -> None:
    """The database and its log are 0600 in a folder of 0700."""
    spool = Spool(path, HOST)
    fill(spool, 1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) >= {"spool.db", "spool.db-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    spool.close()


def refusal(path: Path, host: str = HOST) -> str:
    """The one line with which the spool refuses."""
    with pytest.raises(SpoolError) as caught:
        Spool(path, host).load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_spool_of_another_host_is_refused(path: Path) -> None:
    """A copied spool would count its joules twice; the line names both hosts."""
    Spool(path, HOST).close()
    line = refusal(path, "host-2")
    assert "belongs to host host-1, this is host-2" in line
    assert "state_dir" in line


def test_a_newer_format_is_refused(path: Path) -> None:
    """An older agent does not touch what a newer one wrote."""
    Spool(path, HOST).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    before = path.read_bytes()
    assert "has format 2, this agent knows 1" in refusal(path)
    assert path.read_bytes() == before


def aside(path: Path) -> list[Path]:
    """The damaged files that were set aside."""
    found = path.parent.glob("spool.db.damaged-*")
    return [file for file in found if not file.name.endswith(("-wal", "-shm"))]


def test_a_file_that_is_no_database_is_set_aside_and_a_new_ledger_begins(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage is kept as it is; without a word of what it was there is no parent to name."""
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    spool = Spool(path, HOST)
    assert (spool.load(), spool.parent, spool.confirmed) == (None, None, False)
    assert [file.read_bytes() for file in aside(path)] == [b"garbage " * 1000]
    (record,) = caplog.records
    assert f"cannot use {path}: file is not a database" in record.getMessage()
    assert "it is kept as spool.db.damaged-" in record.getMessage()
    fill(spool, 2)
    assert len(list(verify_chain(spool.bodies()))) == 2
    spool.close()


def test_a_schema_that_is_no_text_any_more_is_damage(path: Path) -> None:
    """SQLite then says so in words that are no text either."""
    spool = Spool(path, HOST)
    fill(spool, 2)
    spool.close()
    content = path.read_bytes()
    at = content.index(b"tableledgerledger") + 5
    path.write_bytes(content[:at] + b"\x94\xff\xfe" + content[at + 3 :])
    with contextlib.closing(Spool(path, HOST)) as heir:
        assert len(aside(path)) == 1
        assert heir.parent is None or heir.parent.ledger_id != heir.ledger_id
        fill(heir, 1)


def test_several_damaged_files_in_a_row_are_all_kept(path: Path) -> None:
    """Each under a name of its own, and each heir names the one before as its parent."""
    parents = []
    for number in range(3):
        spool = Spool(path, HOST)
        parents.append(spool.parent.ledger_id if spool.parent else None)
        fill(spool, 2, first=2 * number)
        parents.append(spool.ledger_id)
        spool.close()
        path.write_bytes(b"garbage %d" % number * 1000)
    Spool(path, HOST).close()
    assert parents[0] is None
    assert parents[2::2] == parents[1:-1:2]
    assert len(aside(path)) == 3


def test_the_stand_beside_a_lost_file_gives_the_parent_and_the_end_of_what_was_told(
    path: Path,
) -> None:
    """Neither a file that is gone nor one that is empty hides that there was a ledger."""
    for left in (None, b""):
        spool = Spool(path, HOST)
        fill(spool, 3)
        before = (spool.ledger_id, 2, hash_bytes(list(spool.bodies())[2]))
        spool.close()
        path.unlink()
        if left is not None:
            path.write_bytes(left)
        spool = Spool(path, HOST)
        assert spool.parent is not None
        assert (spool.parent.ledger_id, spool.parent.seq, spool.parent.hash) == before
        checkpoint = spool.load()
        assert checkpoint is not None
        assert (checkpoint.lost, checkpoint.start_us) == (True, START_US + 180 * SECOND_US)
        fill(spool, 1, first=3)
        (page,) = verify_chain(spool.bodies())
        assert page.parent == spool.parent
        spool.close()
        for file in path.parent.iterdir():
            file.unlink()


def test_what_is_whole_in_a_damaged_file_goes_into_the_heir(path: Path) -> None:
    """Pages that were not delivered and are what was sealed are sealed again, and the time of one
    that is not is told between them; the checkpoint is taken over."""
    spool = Spool(path, HOST)
    fill(spool, 12)
    spool.acknowledge(3)
    changed = list(spool.bodies())[7].replace(b"1000001", b"1000002")
    spool._db.execute("UPDATE page SET body = ? WHERE seq = 7", (changed,))
    kept = spool.load()
    with pytest.raises(DamagedError, match="is not what was sealed"):
        spool.waiting(100)
    spool.begin_anew(DamagedError("spool: a page is not what was sealed"))
    pages = list(verify_chain(spool.bodies()))
    minutes = [(to_us(page.start) - START_US) // (60 * SECOND_US) for page in pages]
    assert minutes == [4, 5, 6, 7, 8, 9, 10, 11]
    energies = [sum(entry.energy_uj for entry in page.entries) for page in pages]
    assert energies == [1_000_001] * 3 + [0] + [1_000_001] * 4
    assert [(gap.kind, gap.cause) for gap in pages[3].gaps] == [("gap", "spool_lost")]
    assert pages[0].parent == spool.parent
    assert spool.parent is not None
    assert spool.parent.seq == 3
    assert encoded(spool.load()) == encoded(kept)
    assert len(spool.waiting(100)) == 8
    spool.close()


@pytest.mark.parametrize("where", range(0, 100, 9))
def test_a_spool_torn_anywhere_is_whole_or_followed(path: Path, where: int) -> None:
    """Blocks of noise at any place: the spool opens, its pages verify, and more are sealed."""
    spool = Spool(path, HOST)
    fill(spool, 60)
    spool.close()
    whole = bytearray(path.read_bytes())
    at = len(whole) * where // 100
    whole[at : at + 5000] = b"\xa5" * len(whole[at : at + 5000])
    path.write_bytes(whole)
    spool = Spool(path, HOST)
    held = list(verify_chain(spool.bodies()))
    assert [page.end <= after.start for page, after in itertools.pairwise(held)].count(False) == 0
    fill(spool, 2, first=60)
    assert len(list(verify_chain(spool.bodies()))) == len(held) + 2
    spool.close()


def test_a_checkpoint_of_another_shape_is_no_checkpoint(path: Path) -> None:
    """One that cannot be read is not taken for an empty one: where its pages end, a gap begins."""
    for body in (b'{"boot_id": 1}', b'{"boot_id": "\xff"}'):
        spool = Spool(path, HOST)
        spool._db.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)", (body,))
        with pytest.raises(DamagedError, match=r"the checkpoint in .* cannot be read"):
            spool.load()
        fill_pages = len(list(spool.bodies()))
        spool.close()
        spool = Spool(path, HOST)
        left = spool.load()
        assert (left is not None and left.lost) == (fill_pages > 0)
        fill(spool, 2, first=2 * len(aside(path)))
        spool.close()


def test_after_a_reboot_the_page_ends_where_its_boot_was_last_settled(path: Path) -> None:
    """The open page is cut there, a device behind is a gap, and the next boot begins there."""
    open_draft, next_draft = draft(0), draft(1)
    settled_us = open_draft.start_us + 40 * SECOND_US
    left = checkpoint([open_draft, next_draft], settled_us)
    behind = checkpoint(covered_us=open_draft.start_us + 25 * SECOND_US).tracks[0]
    behind.device = type(behind.device)("rapl", "package-1", "cpu", "package-1", "counter")
    left.tracks.append(behind)
    sealed = close_for_reboot(left)
    assert [(item.start_us, item.end_us) for item in sealed] == [(START_US, settled_us)]
    assert sealed[0].covers["rapl package-1"].gaps == [
        ["gap", "reboot", START_US + 25 * SECOND_US, settled_us]
    ]
    assert (left.drafts, left.start_us) == ([], settled_us)
    assert {track.covered_us for track in left.tracks} == {settled_us}
    assert newest_instant_us(left) == settled_us
    spool = Spool(path, HOST)
    spool.save(left, sealed)
    (page,) = verify_chain(spool.bodies())
    assert sum(entry.energy_uj for entry in page.entries) == 1_000_001
    spool.close()


def test_a_spool_in_use_is_refused(tmp_path: Path) -> None:
    """Two writers on one ledger would each lose what the other counts; the first goes on."""
    path = tmp_path / "spool.db"
    first = Spool(path, HOST)
    with pytest.raises(SpoolError, match="another footprint-agent uses"):
        Spool(path, HOST)
    fill(first, 1)
    first.close()
    Spool(path, HOST).close()


def test_what_a_commit_returned_from_is_on_the_disk(tmp_path: Path) -> None:
    """synchronous = FULL (2): with NORMAL a power cut loses commits (SQLite, pragma.html)."""
    spool = Spool(tmp_path / "spool.db", HOST)
    assert spool._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    spool.close()


def test_a_page_beyond_the_contract_is_not_sealed(tmp_path: Path) -> None:
    """What the service could only quarantine is refused here, with nothing written."""
    spool = Spool(tmp_path / "spool.db", HOST)
    too_much = draft(0)
    too_much.cover(DEVICE).last = CounterMark(value_uj=2**64, at=START)
    with pytest.raises(SpoolError, match="value_uj"):
        spool.save(checkpoint(covered_us=too_much.end_us), [too_much])
    assert spool.counts().waiting == 0
    spool.close()
