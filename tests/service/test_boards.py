"""A GPU is counted by one host at a time, wherever its pages come from."""

from datetime import timedelta

import pytest

from footprint.service.cli import main
from tests.pages import START, Sealed, batch, chain, make_ledger, make_page
from tests.service.house import House

BOARD = "GPU-5f1e0000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-000000000002"
QUARTER = timedelta(minutes=15)


def of_host(host_id: str, *starts: int, board: str = BOARD, seconds: int = 900) -> list[Sealed]:
    """A ledger of a host that counts a board in some quarter-hours."""
    return list(
        chain(
            make_page(
                start=START + number * QUARTER,
                seconds=seconds,
                host_id=host_id,
                ledger_id=OTHER if host_id == "host-2" else "00000000-0000-4000-8000-000000000001",
                component="gpu",
                device=board,
            )
            for number in starts
        )
    )


def outcome(answer) -> tuple[int, int]:
    """Pages accepted and quarantined."""
    return answer.json()["accepted"], answer.json()["quarantined"]


def test_the_host_that_came_second_is_left_out_and_named(house: House) -> None:
    """For the time that both count, and no other."""
    assert outcome(house.post(of_host("host-1", 0, 1, 2))) == (3, 0)
    assert outcome(house.post(of_host("host-2", 1, 2, 3))) == (1, 2)
    reasons = [row[8] for row in house.content()["page"] if row[8]]
    assert all(f"overlap: {BOARD} was counted by host host-1 in part of" in r for r in reasons)
    assert house.get("/v1/statements/2026-11").json()["quarantined_pages"] == 2
    assert main(["fsck", "--database", str(house.database)]) == 0


def test_a_board_that_was_moved_counts_in_both_hosts(house: House) -> None:
    """One after the other: nothing is left out."""
    assert outcome(house.post(of_host("host-1", 0, 1))) == (2, 0)
    assert outcome(house.post(of_host("host-2", 2, 3))) == (2, 0)


def test_a_batch_of_two_hosts_is_judged_as_two_batches(house: House) -> None:
    """Whoever sends for many hosts gains nothing by it."""
    pages = [*of_host("host-1", 0, 1), *of_host("host-2", 1, 2)]
    assert outcome(house.post_bytes(batch(pages))) == (3, 1)
    assert main(["fsck", "--database", str(house.database)]) == 0


@pytest.mark.parametrize("name", ["card-0", "GPU-1", "model"])
def test_a_name_that_is_no_uuid_says_nothing_elsewhere(house: House, name: str) -> None:
    """Two hosts may each have a first card."""
    assert outcome(house.post(of_host("host-1", 0, board=name))) == (1, 0)
    assert outcome(house.post(of_host("host-2", 0, board=name))) == (1, 0)


def test_a_board_counted_twice_is_found(house: House, capsys) -> None:
    """fsck names it where a page was made to count behind the service's back."""
    house.post(of_host("host-1", 0))
    house.post(of_host("host-2", 0))
    house.execute("UPDATE page SET state = 'accepted', reason = '', filed_us = start_us")
    assert main(["fsck", "--repair", "--database", str(house.database)]) == 1
    assert f"counts {BOARD}, which another host counts then" in capsys.readouterr().err


def test_other_pages_are_not_asked(house: House) -> None:
    """A ledger without boards goes in beside them."""
    house.post(of_host("host-1", 0))
    assert outcome(house.post(make_ledger(2, host_id="host-2", ledger_id=OTHER))) == (2, 0)
