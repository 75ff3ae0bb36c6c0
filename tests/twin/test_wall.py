"""A wall whose energy is known, a controller that lags, the unmodified agent: what it finds is in
bounds, and a referee that would say so if it were not."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.clock import Boot
from exporters.sensors.redfish import Bmc, Redfish
from exporters.sensors.sensor import Failure
from exporters.twin import redfish, run, wallreferee
from exporters.twin.controller import LAG_S, MEAN_S, UNANSWERED, Controller
from exporters.twin.plan import STEPS_PER_S, Plan
from exporters.twin.run import Run
from exporters.twin.truth import Truth
from exporters.twin.wallreferee import WallBalance
from footprint.ledger import NodeFact
from footprint.reading import Counter, PowerSample
from tests.twin.runs import judged

pytestmark = pytest.mark.slow

PLAN = Plan(gpus=0, sockets=2, systems=2, seconds=1200, page_seconds=60)


def silent(line: str) -> None:
    """No progress wanted."""


@pytest.fixture(scope="module")
def done() -> Iterator[Run]:
    """Twenty minutes of a host without cards, whose controller restarts in the middle."""
    with tempfile.TemporaryDirectory() as folder:
        yield run.simulate(PLAN, Path(folder), silent)


def account(of: Run) -> WallBalance:
    """The account of its node meter."""
    found = wallreferee.balance(of)
    assert found is not None
    return found


def test_all_that_the_controller_showed_is_in_the_pages(done: Run) -> None:
    """Not a microjoule more or less, over two stretches: before the restart and after it."""
    wall = account(done)
    assert (wall.lost_uj, wall.lost_us, wall.runs) == (0, 0, 2)
    assert wall.unanswered >= 45
    assert wall.node.over_us > 1_050_000_000


def test_node_and_platform_are_near_the_truth(done: Run) -> None:
    """Board, fans and losses are known: platform is found to a hundredth, within its bound."""
    wall = account(done)
    for one in (wall.node, wall.platform):
        assert one.holds
        assert abs(one.measured_uj - one.true_uj) < one.true_uj // 100
    assert wall.platform.true_uj > 100_000_000 * wall.platform.over_us // 1_000_000
    assert wall.balances


def changed(of: Run, factor: float) -> Run:
    """The same run, the energy of one of its node facts times `factor`."""
    place = next(number for number, page in enumerate(of.pages) if page.nodes)
    fact: NodeFact = of.pages[place].nodes[0]
    other = msgspec.structs.replace(fact, energy_uj=round(fact.energy_uj * factor))
    page = msgspec.structs.replace(of.pages[place], nodes=[other])
    pages = [*of.pages[:place], page, *of.pages[place + 1 :]]
    return msgspec.structs.replace(of, pages=pages)


def test_a_fact_that_differs_does_not_balance(done: Run) -> None:
    """A millionth of one page's node energy is found; ten times a page's is beyond every bound."""
    slightly = account(changed(done, 1.000001))
    assert slightly.lost_uj < 0
    assert not slightly.balances
    assert slightly.node.holds
    wildly = account(changed(done, 10))
    assert not wildly.node.holds
    assert not wildly.platform.holds


def test_a_fact_that_is_missing_does_not_balance(done: Run) -> None:
    """Its time is found missing with its energy."""
    place = next(number for number, page in enumerate(done.pages) if page.nodes)
    emptied = msgspec.structs.replace(done.pages[place], nodes=[])
    pages = [*done.pages[:place], emptied, *done.pages[place + 1 :]]
    wall = account(msgspec.structs.replace(done, pages=pages))
    assert wall.lost_uj > 0
    assert wall.lost_us > 0
    assert not wall.balances


def test_chance_keeps_the_bounds(tmp_path: Path) -> None:
    """Other hosts, other seeds, cards that are lost, a controller that counts: in bounds, exact."""
    plans = [
        Plan(
            gpus=2 * (seed % 2),
            sockets=1 + seed % 2,
            systems=1 + seed,
            seconds=400 + 130 * seed,
            page_seconds=60 if seed % 2 else 300,
            step_seconds=1 + seed % 2,
            seed=seed,
            bmc="energy" if seed % 3 == 0 else "power",
        )
        for seed in range(6)
    ]
    for plan, found in zip(plans, judged(tmp_path, *plans), strict=True):
        wall: dict[str, Any] = found["wall"]
        assert wall["balances"], (plan, wall)
        assert wall["node"]["over_us"] > 250_000_000


def test_a_host_without_a_controller_has_no_account(tmp_path: Path) -> None:
    """What is not metered is not judged."""
    plan = msgspec.structs.replace(PLAN, seconds=60, bmc="none")
    found = run.simulate(plan, tmp_path, silent)
    assert wallreferee.balance(found) is None
    assert not any(page.nodes for page in found.pages)


def controller(plan: Plan, seconds: int) -> tuple[Controller, Truth]:
    """A controller that has looked at its host for so long."""
    found, truth = Controller(plan), Truth(plan, [(1.0, 10, 10)], random.Random(1))
    for _ in range(seconds * STEPS_PER_S):
        truth.advance()
        if truth.step % STEPS_PER_S == 0:
            found.note(truth)
    return found, truth


def reading(found: Controller) -> Counter | PowerSample | Failure:
    """What the agent's own reader makes of it, at its first answer."""
    with redfish.serving(found.answer) as service:
        meter = Redfish(Bmc(service.url, redfish.USER, redfish.PASSWORD), Boot("b", lambda: 7))
        answers = (meter.read() for _ in range(100))
        answer = next(one for one in answers if not isinstance(one, Failure))
        meter.close()
    return answer


def test_supplies_are_summed_and_the_inner_chassis_is_not() -> None:
    """The host is idle: what is read is its true power to the whole watts of four supplies."""
    found, truth = controller(Plan(gpus=2, systems=1, seconds=100), LAG_S + MEAN_S + 2)
    read = reading(found)
    assert isinstance(read, PowerSample)
    true_uw = truth.wall_uj // (LAG_S + MEAN_S + 2)
    assert read.power_uw % 1_000_000 == 0
    assert abs(read.power_uw - true_uw) < true_uw // 50


def test_a_counter_is_read_where_there_is_one() -> None:
    """In steps of a thousandth of a kilowatt-hour, as far as LAG_S seconds ago."""
    plan = Plan(gpus=0, systems=1, seconds=1000, bmc="energy")
    early, later = [reading(controller(plan, seconds)[0]) for seconds in (20, 60)]
    assert isinstance(early, Counter)
    assert isinstance(later, Counter)
    moved_uj = later.value_uj - early.value_uj
    assert moved_uj % 3_600_000_000 == 0
    assert moved_uj > 0


def test_a_controller_that_has_seen_too_little_or_restarts_does_not_answer() -> None:
    """503 for everything but the service root, never a zero."""
    young, _ = controller(PLAN, LAG_S + MEAN_S)
    assert young.answer(f"{redfish.OPEN}/Chassis") == (503, None)
    away, _ = controller(PLAN, PLAN.seconds // 2 + 10)
    assert away.answer(f"{redfish.OPEN}/Chassis/Self/Power") == (503, None)
    assert away.shown is None
    awake, _ = controller(PLAN, PLAN.seconds // 2 - 10)
    asked = [awake.answer(f"{redfish.OPEN}/Chassis/Self/Power")[0] for _ in range(2000)]
    assert 0 < asked.count(503) < 5 * UNANSWERED * len(asked)
    assert awake.answer("/redfish/v1/Systems")[0] in {404, 503}
