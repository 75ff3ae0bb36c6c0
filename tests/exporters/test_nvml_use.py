"""Who uses a card, through unmodified nvidia-ml-py: from the driver's words to shares in pages.

Each story is seconds of a card at 100 W on the fake library, with processes in control groups of
their own; each test says whose the energy is in the sealed pages. Their sum is the counter's move.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.exporters.test_nvml import FIRST, SECOND

J = 1_000_000
WALL_US = 1_790_000_000_000_000
OWNERS = {"11": "chat", "12": "search", "13": None}
Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def tell(told: Callable[[list[dict[str, Any]], str], dict[str, Any]]) -> Tell:
    """Runs a story of lines a second; what the pages say."""

    def run(seconds: list[list[str]], without: str = "", **first: Any) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [
            {"at": at, "cards": lines, "owners": OWNERS} for at, lines in enumerate(seconds)
        ]
        steps[0].update(first)
        result = told(steps, without)
        for device, shares in result["shares_uj"].items():
            assert sum(shares.values()) == result["energy_uj"][device]
        return result

    return run


def card(at: int, *fields: str, uuid: str = FIRST) -> str:
    """A card after so many seconds at 100 W."""
    return " ".join([f"{uuid} {100_000 * at} 0 0 700000", *fields])


def samples(at: int, **percents: int) -> Iterable[str]:
    """Samples of every fifth of a second that ended up to now, of `p11` and so on."""
    for fifth in range(5):
        at_us = WALL_US + at * 1_000_000 + fifth * 200_000
        yield from (f"sm={name[1:]}:{at_us}:{percent}" for name, percent in percents.items())


CHAT, SEARCH, STRANGER = "proc=11:30000:-1:0", "proc=12:10000:-1:0", "proc=13:10000:-1:0"


def test_sm_time_divides_a_card_between_two(tell: Tell) -> None:
    """60 and 20 percent are three quarters and one; what was there before the first tick is not
    counted."""
    told = tell(
        [[card(at, CHAT, SEARCH, *samples(at, p11=60, p12=20))] for at in range(5)],
    )
    assert told["shares_uj"][FIRST] == {"chat undivided": 300 * J, "search undivided": 100 * J}
    assert told["states"][0]["basis_ns"] == {"sm": 4 * 10**9}


def test_more_rows_than_there_was_room_for_are_all_read(tell: Tell) -> None:
    """Hundreds of samples a second, most of them told again and again: the array grows; the other
    card's few are its own afterwards."""
    told = tell(
        [
            [
                card(at, CHAT, SEARCH, *[*samples(at, p11=60, p12=20)] * 20),
                card(at, SEARCH, *samples(at, p12=5), uuid=SECOND),
            ]
            for at in range(5)
        ],
    )
    assert told["shares_uj"] == {
        FIRST: {"chat undivided": 300 * J, "search undivided": 100 * J},
        SECOND: {"search undivided": 400 * J},
    }


def test_with_a_floor_a_model_that_is_only_loaded_pays_for_the_board(tell: Tell) -> None:
    """Static by memory, dynamic by SM time: `search` holds a quarter of the memory and does
    nothing."""
    told = tell(
        [[card(at, CHAT, SEARCH, *samples(at, p11=60))] for at in range(5)], floor_uw=60 * J
    )
    assert told["shares_uj"][FIRST] == {
        "chat static": 180 * J,
        "search static": 60 * J,
        "chat dynamic": 160 * J,
    }


def test_where_nobody_computes_memory_divides(tell: Tell) -> None:
    """The driver answers that it found nothing: nobody worked, both keep the board awake."""
    told = tell([[card(at, CHAT, SEARCH)] for at in range(3)])
    assert told["shares_uj"][FIRST] == {"chat undivided": 150 * J, "search undivided": 50 * J}
    assert told["states"][0]["basis_ns"] == {"memory": 2 * 10**9}


@pytest.mark.parametrize("answer", [3, 4, 999])
def test_a_card_that_does_not_tell_sm_time_is_unattributed_between_two(
    tell: Tell, answer: int
) -> None:
    """Never divided by what is no sign of work, never lost; alone it is the one's."""
    told = tell(
        [
            [
                card(at, CHAT, SEARCH, f"util={answer}"),
                card(at, CHAT, f"util={answer}", uuid=SECOND),
            ]
            for at in range(3)
        ]
    )
    assert told["shares_uj"] == {
        FIRST: {"@unattributed undivided": 200 * J},
        SECOND: {"chat undivided": 200 * J},
    }
    assert [state["basis_ns"] for state in told["states"]] == [
        {"unknown": 2 * 10**9},
        {"alone": 2 * 10**9},
    ]


def test_a_library_without_process_utilisation_is_the_same(tell: Tell) -> None:
    """An older driver does not have the call."""
    told = tell([[card(at, CHAT, SEARCH)] for at in range(3)], without="NO_UTILISATION")
    assert told["shares_uj"][FIRST] == {"@unattributed undivided": 200 * J}


def test_late_samples_are_taken_once_in_the_tick_in_which_they_come(tell: Tell) -> None:
    """A tick without samples goes by memory; the samples it lacked count in the next."""
    quiet, late = card(1, CHAT, SEARCH), card(2, CHAT, SEARCH, *samples(1, p12=40))
    again = card(3, CHAT, SEARCH, *samples(1, p12=40))
    told = tell([[card(0, CHAT, SEARCH)], [quiet], [late], [again]])
    assert told["shares_uj"][FIRST] == {
        "chat undivided": 150 * J,
        "search undivided": 150 * J,
    }
    assert told["states"][0]["basis_ns"] == {"memory": 2 * 10**9, "sm": 10**9}


def test_an_undeclared_process_is_unregistered_and_counted(tell: Tell) -> None:
    """Its energy has a name of its own, and the count names nobody."""
    told = tell(
        [[card(at, CHAT, STRANGER, *samples(at, p11=30, p13=30))] for at in range(3)],
    )
    assert told["shares_uj"][FIRST] == {
        "@unregistered undivided": 100 * J,
        "chat undivided": 100 * J,
    }
    assert told["states"][0]["unregistered"] == 1


def test_a_process_that_cannot_be_found_is_unattributed(tell: Tell) -> None:
    """It is in no /proc of ours: hidden, ended, or in another namespace."""
    told = tell([[card(at, CHAT, "proc=77:30000:-1:0")] for at in range(3)])
    assert told["shares_uj"][FIRST] == {
        "@unattributed undivided": 100 * J,
        "chat undivided": 100 * J,
    }
    assert told["states"][0]["unregistered"] == 0


def test_a_reservation_wins(tell: Tell) -> None:
    """Whoever computes there; nobody is counted as a stranger on a card that is not looked at."""
    told = tell(
        [[card(at, STRANGER, *samples(at, p13=90))] for at in range(3)], reserved={FIRST: "map"}
    )
    assert told["shares_uj"][FIRST] == {"map undivided": 200 * J}
    assert told["states"] == [
        {"uuid": FIRST, "unregistered": None, "basis_ns": {"reserved": 2 * 10**9}}
    ]


def test_a_board_nobody_holds_is_idle(tell: Tell) -> None:
    """And its floor is nobody's either."""
    told = tell([[card(at)] for at in range(3)], floor_uw=60 * J)
    assert told["shares_uj"][FIRST] == {"@idle static": 120 * J, "@idle dynamic": 80 * J}


def test_a_list_that_is_refused_is_unattributed_not_idle(tell: Tell) -> None:
    """A driver that does not list processes does not say that there are none."""
    told = tell([[card(at, CHAT, "lists=4")] for at in range(3)])
    assert told["shares_uj"][FIRST] == {"@unattributed undivided": 200 * J}
    assert told["states"][0]["unregistered"] is None


def test_graphics_and_clients_of_mps_are_seen(tell: Tell) -> None:
    """A client of MPS is listed apart from who computes; a process that only draws is @system's,
    and is no stranger."""
    client, display = "proc=12:10000:-1:2", "proc=13:10000:-1:1"
    told = tell(
        [[card(at, client, display, *samples(at, p12=30, p13=10))] for at in range(3)],
    )
    assert told["shares_uj"][FIRST] == {"@system undivided": 50 * J, "search undivided": 150 * J}
    assert told["states"][0]["unregistered"] == 0


def instances(at: int, *busy_permille: int) -> Iterable[str]:
    """MIG instances of 3, 2 and 1 slices, so busy since the beginning."""
    for number, busy in enumerate(busy_permille):
        yield f"gi={number + 1}:{3 - number}:{at * 1000 * busy}:{at * 1_000_000}"


INSIDE = ("proc=11:30000:1:0", "proc=12:10000:2:0")


def test_instances_count_by_slices_and_activity(tell: Tell) -> None:
    """Three slices at 40 % and two at 30 %: two thirds and one; the board's energy once. At the
    first look nothing is known of activity, but nothing is booked then either."""
    told = tell(
        [[card(at, "mig=11", "gpm=1", *INSIDE, *instances(at, 400, 300, 0))] for at in range(5)]
    )
    shares = told["shares_uj"][FIRST]
    assert shares == {
        "chat undivided": pytest.approx(266_666_667, abs=4),
        "search undivided": 400 * J - shares["chat undivided"],
    }
    assert told["states"][0]["basis_ns"] == {"slices": 0, "instances": 4 * 10**9}


@pytest.mark.parametrize("gpm", ["gpm=0", "gpm=4"])
def test_instances_without_activity_count_by_slices(tell: Tell, gpm: str) -> None:
    """Before Hopper, or where the driver refuses: three slices and two, with a floor by slices of
    all instances, the one nobody holds @idle."""
    told = tell(
        [[card(at, "mig=11", gpm, *INSIDE, *instances(at, 400, 300, 0))] for at in range(3)],
        floor_uw=60 * J,
    )
    assert told["shares_uj"][FIRST] == {
        "chat static": 60 * J,
        "search static": 40 * J,
        "@idle static": 20 * J,
        "chat dynamic": 48 * J,
        "search dynamic": 32 * J,
    }


def test_an_instance_is_reserved_by_its_own_uuid(tell: Tell) -> None:
    """`MIG-...` in the configuration: that instance is the SIA's, the others are looked at."""
    uuid = f"MIG-2{FIRST.removeprefix('GPU')}"
    told = tell(
        [[card(at, "mig=11", "gpm=1", *INSIDE, *instances(at, 400, 300, 0))] for at in range(3)],
        reserved={uuid: "map"},
    )
    assert told["shares_uj"][FIRST].keys() == {"chat undivided", "map undivided"}


def test_a_card_that_is_divided_while_the_agent_runs_is_noticed(tell: Tell) -> None:
    """MIG is turned on: after some ticks at the most, instances divide."""
    whole = [[card(at, CHAT, SEARCH, *samples(at, p11=50))] for at in range(2)]
    cut = [
        [card(at, "mig=11", "gpm=1", *INSIDE, *instances(at, 400, 300, 0))] for at in range(2, 16)
    ]
    told = tell([*whole, *cut])
    assert told["states"][0]["basis_ns"]["instances"] >= 4 * 10**9
    assert told["shares_uj"][FIRST]["search undivided"] > 0
