"""A published statement finds what was changed in the pages later, however thoroughly."""

import json
from pathlib import Path

import msgspec
import pytest

from footprint import ledger
from footprint.service.cli import main
from tests import usage_pages
from tests.pages import LEDGER, make_ledger, seal
from tests.service.conftest import NOW
from tests.service.house import House

MONTH = "/v1/statements/2026-11"


@pytest.fixture
def published(house: House, tmp_path: Path) -> Path:
    """The statement of a month with pages of two hosts, as it was published."""
    house.post(make_ledger(3))
    house.post(make_ledger(2, host_id="host-2", device="package-1"))
    path = tmp_path / "statement.json"
    path.write_bytes(house.get(MONTH).content)
    return path


def check(house: House, path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """`footprint evidence check`: its exit code and its lines."""
    capsys.readouterr()
    code = main(["evidence", "check", str(path), "--database", str(house.database)])
    return code, capsys.readouterr().out.splitlines()


def test_the_root_stands_in_every_format(house: House, published: Path) -> None:
    """JSON, CSV and HTML show the same; it moves with the pages and with nothing else."""
    root = json.loads(published.read_bytes())["ledgers_root"]
    assert len(root) == 64
    assert f"# ledgers_root;{root}\r\n" in house.get(f"{MONTH}?format=csv").text
    for lang in ("fr", "en"):
        assert root in house.get(f"{MONTH}?format=html&lang={lang}").text
    assert house.get(MONTH).json()["ledgers_root"] == root
    house.post(make_ledger(4)[3:])
    assert house.get(MONTH).json()["ledgers_root"] != root


def test_pages_that_are_the_same_agree(house: House, published: Path, capsys) -> None:
    """Also when more have come since."""
    assert check(house, published, capsys) == (0, [])
    house.post(make_ledger(4)[3:])
    assert check(house, published, capsys) == (0, [])


@pytest.mark.parametrize("seq", [0, 1, 2])
def test_a_changed_byte_is_found(house: House, published: Path, capsys, seq: int) -> None:
    """In any page of the ledger."""
    body = (
        make_ledger(3)[seq].body.replace(b'"600000000"', b'"x"').replace(b"600000000", b"500000000")
    )
    house.execute("UPDATE page SET body = ? WHERE host_id = 'host-1' AND seq = ?", body, seq)
    code, lines = check(house, published, capsys)
    assert (code, lines) == (
        1,
        [f"pages of host-1, ledger {LEDGER}: page {seq}: its bytes were changed"],
    )


def test_a_ledger_written_anew_is_found(house: House, published: Path, capsys) -> None:
    """Every page, hash and head row made to agree again: fsck cannot know, the statement does."""
    previous_hash = ledger.GENESIS
    for page in make_ledger(3, consumers={"chat-demo": 1}):
        fresh = seal(msgspec.structs.replace(page.page, previous_hash=previous_hash))
        previous_hash = fresh.hash
        house.execute(
            "UPDATE page SET body = ?, hash = ? WHERE host_id = 'host-1' AND seq = ?",
            fresh.body, fresh.hash, page.page.seq,
        )  # fmt: skip
    house.execute("UPDATE ledger_head SET hash = ? WHERE host_id = 'host-1'", previous_hash)
    code, lines = check(house, published, capsys)
    assert (code, len(lines)) == (1, 1)
    assert f"page 2 is another: it has the hash {previous_hash}" in lines[0]


@pytest.mark.parametrize(
    ("seq", "words"),
    [(0, ""), (1, "pages 1 to 1 are gone"), (2, "page 2 is gone")],
)
def test_a_page_that_is_gone_is_found(
    house: House, published: Path, capsys, seq: int, words: str
) -> None:
    """But for the first of a ledger: old pages leave for an archive."""
    house.execute("DELETE FROM page WHERE host_id = 'host-1' AND seq = ?", seq)
    code, lines = check(house, published, capsys)
    *found, figures = (line.partition(": ")[2] for line in lines[: 1 + bool(words)])
    assert found == ([words] if words else [])
    assert "whether pages count, or since when, was changed" in figures
    assert code == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE page SET state = 'quarantined', reason = 'clock: x' WHERE seq = 1",
        "UPDATE page SET known_from_us = known_from_us + 10 * 86400000000 WHERE host_id = 'host-2'",
    ],
)
def test_a_page_that_counts_no_more_is_found(
    house: House, published: Path, capsys, change: str
) -> None:
    """Neither bytes nor chain say whether a page counts, and since when."""
    house.execute(change)
    house.execute(
        "DELETE FROM entry WHERE seq = 1 AND EXISTS (SELECT 1 FROM page WHERE "
        "page.host_id = entry.host_id AND page.seq = 1 AND page.state <> 'accepted')"
    )
    code, lines = check(house, published, capsys)
    assert code == 1
    assert any(line.startswith("all, cpu: its pages give ") for line in lines)
    assert any(line.startswith("chat-demo, cpu, ") for line in lines)


def test_a_statement_that_was_changed_is_found(house: House, published: Path, capsys) -> None:
    """Its own list of ledgers does not have its root."""
    told = json.loads(published.read_bytes())
    told["ledgers"].pop()
    published.write_text(json.dumps(told))
    code, lines = check(house, published, capsys)
    assert (code, lines) == (
        1,
        ["the file: its root is not that of its ledgers; it was changed itself"],
    )


def test_one_ledger_is_proven_without_the_others(house: House, published: Path, capsys) -> None:
    """A host's owner needs the root and the proof, and no database."""
    capsys.readouterr()
    assert main(["evidence", "proof", str(published), f"host-2/{LEDGER}"]) == 0
    proof = published.with_name("proof.json")
    proof.write_text(capsys.readouterr().out)
    assert main(["evidence", "check", str(proof), "--database", "/nowhere"]) == 0
    assert f"energy/host-2/{LEDGER}/1/" in capsys.readouterr().out
    proof.write_text(proof.read_text().replace("host-2", "host-3"))
    assert main(["evidence", "check", str(proof)]) == 1
    assert "does not lead from the leaf to the root" in capsys.readouterr().err
    assert main(["evidence", "proof", str(published), f"host-9/{LEDGER}"]) == 1
    assert f"host-9/{LEDGER}: not among the 2 ledgers" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", "\xff", "[" * 9999, '{"month":"\u00e9"}'])
def test_a_file_that_is_no_statement_is_one_line(tmp_path: Path, capsys, text: str) -> None:
    """It says what would be one."""
    path = tmp_path / "x.json"
    path.write_text(text, encoding="latin-1")
    for arguments in (["check", str(path)], ["proof", str(path), "a/b"]):
        assert main(["evidence", *arguments]) == 1
        said = capsys.readouterr().err
        assert (said.count("\n"), "give a statement as JSON" in said) == (1, True)
    assert main(["evidence", "check", str(tmp_path / "absent")]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_usage_belongs_to_the_root(house: House, tmp_path: Path, capsys) -> None:
    """The pages that divide a server's energy are held against it too."""
    house.now = NOW
    house.put("/v1/servers/albert", {"name": "Albert"})
    house.post(make_ledger(1, consumers={"albert": 10**9}))
    house.tell(usage_pages.make_ledger(1))
    path = tmp_path / "statement.json"
    path.write_bytes(house.get(MONTH).content)
    told = json.loads(path.read_bytes())
    assert check(house, path, capsys) == (0, [])
    assert len(told["usage_ledgers"]) == 1
    house.execute("UPDATE usage_page SET body = ?", b"{}")
    assert check(house, path, capsys)[0] == 1
