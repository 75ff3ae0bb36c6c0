"""Cards without an energy counter in the twin: their power, integrated, is as near to what they
drew as METHOD.md says, and the agent's sum of what they showed is exact."""

import random
from array import array
from pathlib import Path
from typing import Any

import pytest

from exporters.twin.faces import MOST_APART_US, PowerSum
from exporters.twin.plan import STEP_US, Plan
from exporters.twin.referee import balances, power_bound_uj
from exporters.twin.run import Log, Run
from exporters.twin.truth import WINDOW_US, Truth
from footprint.interval import to_us
from tests.pages import START, make_page
from tests.twin.runs import accounts

pytestmark = pytest.mark.slow

PLAN = Plan(gpus=5, integrated=3, systems=3, seconds=1500, page_seconds=60)
Accounts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Twenty-five minutes of five cards, three of them without a counter, by device."""
    (devices,) = accounts(tmp_path_factory.mktemp("twin"), PLAN)
    return {account["device"]: account for account in devices}


def cards(found: Accounts) -> list[dict[str, Any]]:
    """The accounts of the cards without a counter."""
    return [found[PLAN.uuid(gpu)] for gpu in range(PLAN.integrated)]


def test_what_the_sensor_showed_is_added_up_to_the_microjoule(found: Accounts) -> None:
    """Through a driver reload and the loss of a card: the agent's arithmetic has no bound."""
    assert {account["difference_uj"] for account in cards(found)} == {0}
    assert all(account["balances"] for account in found.values())


def test_what_it_showed_is_near_what_the_card_drew(found: Accounts) -> None:
    """Off, as a sensor that looks a quarter of the time must be, and in its bound; cards with a
    counter have none."""
    for account in cards(found):
        assert 0 < abs(account["off_uj"]) <= account["bound_uj"]
        assert account["bound_uj"] < 0.1 * account["true_uj"]
    assert {found[PLAN.uuid(gpu)]["bound_uj"] for gpu in range(3, 5)} == {None}


def test_a_sum_that_began_anew_is_a_gap(found: Accounts) -> None:
    """The driver was away for twenty seconds, the second card was lost: nothing stands for that."""
    steady, returning, _ = cards(found)
    assert steady["causes"] == {"outage": steady["unreadable_us"]}
    assert 20_000_000 < steady["gap_us"] < 23_000_000
    assert returning["gap_us"] > 150_000_000
    assert returning["in_gaps_uj"] > steady["in_gaps_uj"]


def test_chance_keeps_the_bound(tmp_path: Path) -> None:
    """Other loads and ticks: every card of every seed is in its bound, and exact."""
    plans = [
        Plan(
            gpus=3,
            integrated=3,
            systems=1 + seed,
            seconds=500 + 70 * seed,
            page_seconds=60,
            step_seconds=1 + seed % 3,
            seed=seed,
            bmc="none",
        )
        for seed in range(5)
    ]
    for plan, devices in zip(plans, accounts(tmp_path, *plans), strict=True):
        wrong = [account for account in devices if not account["balances"]]
        assert not wrong, (plan, wrong)


@pytest.mark.parametrize(("true_uj", "holds"), [(1_000, True), (900, True), (10**12, False)])
def test_power_beyond_its_bound_does_not_balance(true_uj: int, holds: bool) -> None:
    """The pages hold what the sensor showed; what the card drew is another thing."""
    page = make_page(seconds=10, consumers={"chat": 1_000}, component="gpu", device="GPU-1")
    at_us = [to_us(START) + tick * 1_000_000 for tick in range(11)]
    shown, drawn = ([tick * total // 10 for tick in range(11)] for total in (1_000, true_uj))
    plan = Plan(gpus=0, sockets=1, systems=1)
    (account,) = balances(
        Run(
            plan=plan,
            source="",
            at_us=array("q", at_us),
            logs=[Log("GPU-1", array("q", shown), array("b", [0] * 11), array("q", drawn), 600)],
            true_first_uj=[0],
            true_last_uj=[true_uj],
            truth=Truth(plan, [(1.0, 10, 10)], random.Random(1)),
            pages=[page],
            tick_ns=array("q"),
            rss_kib=(0, 0),
            seconds=0,
        )
    )
    assert account.difference_uj == 0
    assert account.balances == holds


def test_the_bound_is_the_method_s() -> None:
    """600 W of swing over 900 s, 4,500 samples: 18.3 W, and what the ends can do."""
    ends_uj = 2 * (600 * 600_000 + 700 * 9_000)
    assert (power_bound_uj(600, 900_000_000, 1) - ends_uj) / 900e6 == pytest.approx(18.3, abs=0.05)


def test_the_window_sees_a_quarter_of_a_burst_on_average() -> None:
    """Bursts begin anywhere: none is seen whole, or not at all, because of where it stands."""
    truth = Truth(Plan(gpus=1, integrated=1), [(1.0, 10, 10)], random.Random(1))
    assert truth._seen_us(0) == 0
    assert truth._seen_us(STEP_US) == WINDOW_US
    seen = [truth._seen_us(40_000) for _ in range(5000)]
    assert sum(seen) / len(seen) == pytest.approx(10_000, rel=0.05)
    assert (min(seen), max(seen)) == (0, WINDOW_US)


def test_a_sum_of_power_begins_anew_after_a_hole() -> None:
    """On the true energy's scale, as another life of it."""
    total = PowerSum()
    for at_us, milliwatts in ((0, 100_000), (200_000, 300_000)):
        total.add(at_us, milliwatts, 7)
    assert (total.shown().total_uj, total.shown().life) == (7 + 40_000_000, 0)
    total.add(200_000 + MOST_APART_US + 1, 300_000, 99)
    assert (total.shown().total_uj, total.shown().life) == (99, 1)
