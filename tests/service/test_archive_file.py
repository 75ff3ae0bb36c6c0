"""The file of a month that has left: checked alone, whatever was changed in it is found."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from footprint.service import archive_file
from footprint.service.cli import main
from tests.service import months
from tests.service.house import House
from tests.service.months import energy, fsck, leave, lines, plain, told


@pytest.fixture
def house(house: House) -> House:
    """A service with March, April and May."""
    months.fill(house)
    return house


def test_a_file_holds_every_page_as_it_came(house: House, tmp_path: Path) -> None:
    """All of a ledger up to the last accepted page of the month leaves together; sha256sum of what
    is in `page` is `hash`."""
    leave(house, tmp_path, "2026-04")
    header, *pages = lines(tmp_path / "footprint-2026-03.jsonl.zst")
    sent = energy()
    expected = [*sent["host-1"][:8], *sent["host-2"][:6]]
    got = [one for one in pages if one["kind"] == "energy"]
    assert [one["page"].encode() for one in got] == [page.body for page in expected]
    assert [one["hash"] for one in got] == [page.hash for page in expected]
    assert [one["state"] for one in got].count("quarantined") == 2
    # The gateway's page that tells March again stands behind pages of April.
    assert [one["seq"] for one in pages if one["kind"] == "usage"] == list(range(6))
    assert (header["pages"], header["quarantined"], header["ledgers"]) == (20, 2, 3)
    assert fsck(house) == 0


CHANGES = {
    "a byte of a page": (b'"energy_uj\\":600000000', b'"energy_uj\\":600000001'),
    "a state": (b'"state":"quarantined"', b'"state":"accepted"'),
    "a hash": (b'"hash":"', b'"hash":"0'),
    "a line": (b'{"kind":"usage"', b'{"kind":"energy"'),
    "the header": (b'"accepted":', b'"accepted":9'),
    "a number": (b'"seq":1,', b'"seq":2,'),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """A month's file."""
    folder = tmp_path_factory.mktemp("file")
    with House(folder / "f.db", datetime(2026, 11, 10, tzinfo=UTC)) as house:
        for pages in energy().values():
            house.post(pages)
        house.tell(told())
        leave(house, folder, "2026-04")
    return folder / "footprint-2026-03.jsonl.zst"


def test_a_sound_file_passes(file: Path, capsys) -> None:
    """Without a database."""
    assert main(["archive", "--verify", str(file)]) == 0
    assert "2026-03, 20 pages of 3 ledgers, 2 quarantined: all is well" in capsys.readouterr().out


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_was_changed_in_a_file_is_found(
    file: Path, tmp_path: Path, capsys, change: str
) -> None:
    """In one line that names the file."""
    old, new = CHANGES[change]
    path = tmp_path / "changed.zst"
    content = plain(file)
    assert old in content
    path.write_bytes(zstandard.compress(content.replace(old, new, 1)))
    assert main(["archive", "--verify", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"footprint: archive: {path}: ")
    assert err.count("\n") == 1
    holds, says, told = err.partition("; its header says ")
    if says:  # and what the two say is not the same
        assert holds.rpartition("holds ")[2] not in told


@pytest.mark.parametrize("kept", [0, 3, 0.3, 0.9, -3, None])
def test_a_file_cut_short_or_longer_is_found(file: Path, tmp_path: Path, kept: Any) -> None:
    """Wherever it ends; a line dropped or repeated."""
    content = file.read_bytes()
    size = int(len(content) * kept) if isinstance(kept, float) else kept
    cut = content[:size] if kept is not None else content + b"more"
    path = tmp_path / "cut.zst"
    texts = plain(file).splitlines(keepends=True)
    for bad in (
        cut,
        zstandard.compress(b"".join(texts[:-1])),
        zstandard.compress(b"".join([*texts, texts[-1]])),
        zstandard.compress(b"".join([texts[0], texts[2], texts[1], *texts[3:]])),
    ):
        path.write_bytes(bad)
        with pytest.raises(archive_file.ArchiveError):
            archive_file.verify(path)
