"""The unmodified agent on a simulated host finds what the host truly drew, or says it does not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporters.errors import AgentError
from exporters.twin.faces import DRAM_RANGES_UJ, PACKAGE_RANGE_UJ
from exporters.twin.plan import Plan, check
from tests.tools import require_tool
from tests.twin.runs import accounts

pytestmark = pytest.mark.slow

PLAN = Plan(gpus=4, systems=2, seconds=3000, page_seconds=60)
Accounts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Fifty minutes of two sockets and three cards, by device."""
    (found,) = accounts(tmp_path_factory.mktemp("twin"), PLAN)
    return {account["device"]: account for account in found}


def cards() -> dict[str, str]:
    """Cards by what befalls them."""
    returning, gone = sorted(PLAN.losses().items(), key=lambda item: item[1].start)
    steady = set(range(PLAN.gpus)) - {returning[0], gone[0]}
    return {
        "returning": PLAN.uuid(returning[0]),
        "gone": PLAN.uuid(gone[0]),
        "steady": PLAN.uuid(steady.pop()),
    }


def test_every_device_balances_to_the_microjoule(day: Accounts) -> None:
    """Measured energy and energy in declared gaps are exactly what each counter moved."""
    assert {name: account["difference_uj"] for name, account in day.items()} == dict.fromkeys(
        day, 0
    )
    assert all(account["balances"] for account in day.values())
    assert len(day) == 2 * 3 + 1 + PLAN.gpus
    assert all(account["measured_uj"] > 0 for account in day.values())


def test_a_processor_counter_that_wraps_many_times_is_measured_whole(day: Accounts) -> None:
    """Packages wrap at 262 kJ, one memory at 4.3 kJ: all of their true energy is measured."""
    for device in ("package-0", "package-1", "package-0-dram", "package-1-dram"):
        assert day[device]["measured_uj"] == day[device]["true_uj"]
        assert day[device]["gap_us"] == 0
    assert day["package-0"]["true_uj"] > PACKAGE_RANGE_UJ
    assert day["package-1-dram"]["true_uj"] > 5 * DRAM_RANGES_UJ[1]


def test_a_short_failure_of_a_counter_costs_nothing(day: Accounts) -> None:
    """Memory that could not be read for 5 s is no gap: its counter had gone on."""
    account = day["package-0-dram"]
    assert account["unreadable_us"] >= 5_000_000
    assert account["gap_us"] == 0
    assert account["measured_uj"] == account["true_uj"]


def test_a_driver_reload_is_a_gap_as_long_as_it_lasted(day: Accounts) -> None:
    """The counters began anew: what was drawn meanwhile is in no page, its time is a gap."""
    account = day[cards()["steady"]]
    assert account["causes"] == {"reset": account["unreadable_us"]}
    assert 20_000_000 <= account["gap_us"] <= 23_000_000
    assert account["in_gaps_uj"] > 0


def test_a_card_that_comes_back_is_measured_up_to_the_page_that_was_sealed(day: Accounts) -> None:
    """Of the energy of its absence a part is spread over the open page, the rest is in the gap."""
    account = day[cards()["returning"]]
    assert set(account["causes"]) == {"reset", "absent"}
    bridged_us = account["unreadable_us"] - account["gap_us"]
    assert 0 < bridged_us <= PLAN.page_seconds * 1_000_000
    assert account["interpolated_uj"] > 0
    assert account["in_gaps_uj"] > 0


def test_a_card_that_never_comes_back_is_a_gap_until_the_end(day: Accounts) -> None:
    """Every second from its last reading on is declared, and nothing is measured in it."""
    account = day[cards()["gone"]]
    assert account["gap_us"] == account["unreadable_us"]
    assert account["causes"]["absent"] >= 700_000_000
    assert account["measured_uj"] + account["in_gaps_uj"] == account["moved_uj"]


def test_a_card_hides_a_tenth_of_a_second_and_no_more(day: Accounts) -> None:
    """True energy and what the counter could show differ by its delay and its millijoule."""
    most_uj = 700 * 100_000 + 1_000
    for device, account in day.items():
        assert abs(account["lag_uj"]) <= (most_uj if device.startswith("GPU") else 0)


def test_chance_changes_nothing(tmp_path: Path) -> None:
    """Other loads, sizes, ticks and late ticks: every device of every seed balances."""
    plans = [
        Plan(
            gpus=seed % 6,
            sockets=1 + seed % 2,
            systems=1 + seed % 3,
            seconds=300 + 97 * seed,
            step_seconds=1 + seed % 3,
            page_seconds=60 if seed % 2 else 300,
            seed=seed,
        )
        for seed in range(8)
    ]
    for plan, found in zip(plans, accounts(tmp_path, *plans), strict=True):
        wrong = [account for account in found if not account["balances"]]
        assert not wrong, (plan, wrong)


def twin(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    program = [sys.executable, "-m", "exporters.cli", "twin", *arguments]
    environment = {**os.environ, **({"PATH": path} if path is not None else {})}
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)


def test_the_command_prints_truth_beside_measured_and_exits_with_zero() -> None:
    """A row a device, a row a consumer, and the verdict."""
    require_tool("gcc")
    done = twin("--gpus", "2", "--systems", "2", "--hours", "0.05", "--page-seconds", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every device balances: 9 of 9, difference 0 uJ." in done.stdout
    first_cells = {line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line}
    (memory,) = (line for line in done.stdout.splitlines() if line.startswith("| package-1-dram"))
    assert memory.split("|")[-2].strip() == "0"
    assert {"psys", PLAN.uuid(1), "sia-1", "sia-2", "@system", "@agent"} <= first_cells
    assert {"node", "platform"} <= first_cells
    assert "Every microjoule that the controller showed is in the pages.\n" in done.stdout
    assert "Node and platform are in bounds.\n" in done.stdout


def test_a_host_may_lack_a_controller_and_its_cards_a_counter() -> None:
    """No word of the wall then; the cards' power stands with its bound."""
    require_tool("gcc")
    arguments = ("--gpus", "2", "--integrated", "2", "--bmc", "none", "--page-seconds", "60")
    done = twin("--systems", "1", "--hours", "0.05", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "integrated power of" in done.stdout
    assert "At the wall" not in done.stdout
    assert "Every device balances: 9 of 9" in done.stdout


def test_without_a_compiler_the_command_says_what_to_do(tmp_path: Path) -> None:
    """No gcc is one line with its remedy, and a host without cards needs none."""
    done = twin("--hours", "0.05", path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("footprint-agent: twin: gcc is not on the PATH")
    assert "--gpus 0" in done.stderr
    assert twin("--hours", "0.05", "--gpus", "0", path=str(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--gpus", "17"),
        ("--integrated", "9"),
        ("--hours", "0"),
        ("--hours", "nan"),
        ("--page-seconds", "7"),
    ],
)
def test_options_without_sense_are_one_line(arguments: tuple[str, str]) -> None:
    """What, and what to choose instead."""
    done = twin(*arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "choose" in done.stderr


def test_a_plan_is_checked_before_anything_runs() -> None:
    """Sizes beyond what the simulated library holds are refused."""
    with pytest.raises(AgentError, match="gpus is 17; choose 0 to 16"):
        check(Plan(gpus=17))


def test_the_table_says_how_often_a_counter_wrapped() -> None:
    """Memory of 32 bits wraps about every eight minutes at 8 W; a card's counter never does."""
    require_tool("gcc")
    done = twin("--gpus", "1", "--systems", "1", "--hours", "0.5", "--step-seconds", "10")
    rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines()]
    wraps = {row[1]: row[-2] for row in rows if len(row) == 13}
    assert wraps["package-1-dram"] in {"3", "4"}
    assert wraps[PLAN.uuid(0)] == "none"
