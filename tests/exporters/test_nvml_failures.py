"""Every way in which a card can fail, through unmodified nvidia-ml-py and the real sampler.

Each story is a list of states of the fake library; each test says which energy and which gaps the
sealed pages hold afterwards. No energy is ever negative, invented or a spike.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.exporters.test_nvml import FIRST, SECOND

J = 1_000_000
Steps = list[dict[str, Any]]
Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def tell(told: Callable[[Steps, str], dict[str, Any]]) -> Tell:
    """Runs a story; what the pages say."""

    def run(steps: Steps, without: str = "") -> dict[str, Any]:
        return told(steps, without)

    return run


def card(
    joules: float = 0, answer: int = 0, *, uuid: str = FIRST, limit_watts: int = 700, **more: int
) -> str:
    """A card's line."""
    fields = "".join(f" {name}={value}" for name, value in more.items())
    return f"{uuid} {round(joules * 1000)} {answer} 1 {limit_watts * 1000}{fields}"


def counted(
    *states: tuple[int, int], before: int = 3, after: int = 3, reset: bool = False
) -> Steps:
    """A card at 100 W: some good seconds, then (driver, answer) a second, then good ones."""
    steps = [{"at": at, "cards": [card(1000 + 100 * at)]} for at in range(before + 1)]
    for driver, answer in states:
        at = len(steps)
        steps.append({"at": at, "driver": driver, "cards": [card(1000 + 100 * at, answer)]})
    start = len(steps)
    for at in range(start, start + after):
        joules = 100 * (at - start) if reset else 1000 + 100 * at
        steps.append({"at": at, "cards": [card(joules)]})
    return steps


FAILURES = {
    "fell off the bus": ((0, 15), "absent", "GPU is lost"),
    "no permission": ((0, 4), "permission", "Insufficient Permissions"),
    "not supported any more": ((0, 3), "unsupported", "Not Supported"),
    "timeout": ((0, 10), "read_failed", "Timeout"),
    "unknown": ((0, 999), "read_failed", "Unknown Error"),
    "driver away": ((9, 0), "absent", "Driver Not Loaded"),
    "library and driver differ": ((18, 0), "absent", "mismatch"),
}


@pytest.mark.parametrize(("state", "cause", "says"), FAILURES.values(), ids=FAILURES)
def test_a_counter_that_went_on_gives_all_of_it_when_it_comes_back(
    tell: Tell, state: tuple[int, int], cause: str, says: str
) -> None:
    """Two failed seconds: a failure each with its cause and words, then the whole energy of the
    time between, without a restart and without a gap."""
    told = tell(counted(state, state))
    for tick in told["ticks"][4:6]:
        assert tick[FIRST][0] == cause
        assert FIRST in tick[FIRST][1]
        assert says in tick[FIRST][1]
    assert told["energy_uj"] == {FIRST: 800 * J}
    assert told["gaps"] == []


@pytest.mark.parametrize(("state", "cause", "says"), FAILURES.values(), ids=FAILURES)
def test_a_counter_that_began_anew_meanwhile_is_a_gap(
    tell: Tell, state: tuple[int, int], cause: str, says: str
) -> None:
    """The same failures with a counter at zero after them: the time is a gap, and what is counted
    before and after it is exact."""
    told = tell(counted(state, state, reset=True))
    assert told["energy_uj"] == {FIRST: (300 + 200) * J}
    assert told["gaps"] == [[FIRST, "reset", 3.0, 6.0]]


def test_a_driver_loaded_anew_is_joined_without_restart(tell: Tell) -> None:
    """The library answers `uninitialized` to handles of the driver before; the sensor joins again
    by itself at the next tick, and the fallen counter is a gap."""
    steps = counted(after=0)
    for at in range(4, 8):
        steps.append({"at": at, "driver": "0 1", "cards": [card(100 * (at - 4))]})
    told = tell(steps)
    assert [tick[FIRST] for tick in told["ticks"][5:]] == [100 * J, 200 * J, 300 * J]
    assert told["ticks"][4][FIRST][0] == "absent"
    assert told["energy_uj"] == {FIRST: (300 + 200) * J}
    assert told["gaps"] == [[FIRST, "reset", 3.0, 5.0]]


def test_a_lost_card_leaves_its_neighbour_alone(tell: Tell) -> None:
    """A card gone from the bus, and from the list: the other one, now at its index, keeps its own
    energy; the lost one is a gap from its last reading on."""
    steps = []
    for at in range(4):
        both = [card(100 * at), card(50 * at, uuid=SECOND)]
        steps.append({"at": at, "cards": both})
    for at in range(4, 60):
        steps.append({"at": at, "cards": [card(50 * at, uuid=SECOND)]})
    told = tell(steps)
    assert told["energy_uj"] == {FIRST: 300 * J, SECOND: 50 * 59 * J}
    assert told["gaps"] == [[FIRST, "absent", 3.0, 59.0]]


def test_cards_put_in_another_order_keep_their_own_energy(tell: Tell) -> None:
    """Another card comes first and the two change places while the driver is loaded anew: joules
    follow the UUID; the new card is announced, not mixed in."""
    third = "GPU-00000000-0000-0000-0000-000000000003"
    steps: Steps = [
        {"at": at, "cards": [card(100 * at), card(9000 + 50 * at, uuid=SECOND)]} for at in range(3)
    ]
    for at in range(3, 7):
        cards = [
            card(5 * at, uuid=third),
            card(9000 + 50 * at, uuid=SECOND),
            card(100 * at),
        ]
        steps.append({"at": at, "driver": "0 1", "cards": cards})
    told = tell(steps)
    assert told["energy_uj"] == {FIRST: 600 * J, SECOND: 300 * J}
    assert told["gaps"] == []
    assert f"{third} is new on this host: restart the agent" in told["log"]


def test_a_spike_of_the_counter_is_a_gap(tell: Tell) -> None:
    """A jump that no board can draw is implausible, also where the driver states no limit."""
    for limit_watts in (700, 0):
        steps: Steps = [
            {
                "at": at,
                "cards": [card(100 * at + (10**6 if at > 2 else 0), limit_watts=limit_watts)],
            }
            for at in range(5)
        ]
        told = tell(steps)
        assert told["energy_uj"] == {FIRST: 300 * J}
        assert told["gaps"] == [[FIRST, "implausible", 2.0, 3.0]]


def test_a_counter_that_stands_still_is_stuck(tell: Tell) -> None:
    """A board always draws power: ten seconds at one value are a gap."""
    told = tell([{"at": at, "cards": [card(100 * min(at, 3))]} for at in range(15)])
    assert told["energy_uj"] == {FIRST: 300 * J}
    assert told["gaps"] == [[FIRST, "stuck", 3.0, 14.0]]


def powered(watts: float, **more: int) -> str:
    """A card without energy counter that draws so much."""
    return card(0, energy=3, power=round(watts * 1000), **more)


def test_power_becomes_energy_where_there_is_no_counter(tell: Tell) -> None:
    """A square sampled four times between ticks: exactly the trapezia between samples, whose odd
    half microjoules are carried, quality `integrated`. A tick takes none of its own, but where
    there was none for half a second: the first, and the last."""
    steps: Steps = []
    exact_nj, before = 0, (0, 1)
    for fifth in [*range(26), 30]:
        power = 1 + 7 * fifth * fifth
        cards = [card(0, energy=3, power=power)]
        steps.append({"at": fifth / 5, "cards": cards, "tick": fifth % 5 == 0})
        if fifth % 5 or fifth == 30:
            exact_nj += (before[1] + power) * 100_000 * (fifth - before[0])
            before = fifth, power
    told = tell(steps)
    assert told["energy_uj"] == {FIRST: exact_nj // 1000}
    assert told["gaps"] == []
    device, component, quality, parameters = told["devices"][0]
    assert (device, component, quality) == (FIRST, "gpu", "integrated")
    assert (parameters["power"], parameters["samples_per_second"]) == ("instant", "5")


@pytest.mark.parametrize("power", ["instant", "average", "usage"])
def test_each_kind_of_power_is_used_where_it_is_all_there_is(tell: Tell, power: str) -> None:
    """Field value 186, else 185, else the older call; the page says which."""
    cards = [card(0, energy=3, **{power: 100_000})]
    told = tell([{"at": at, "cards": cards} for at in range(4)])
    assert told["energy_uj"] == {FIRST: 300 * J}
    assert told["devices"][0][3]["power"] == power


def test_an_older_library_without_functions_is_read_by_what_it_has(tell: Tell) -> None:
    """Without the energy call power is integrated; without field values by the older call; holders
    through the older call; with neither energy nor power the card is a gap `unsupported`."""
    steps: Steps = [{"at": at, "cards": [card(7 * at, power=100_000)]} for at in range(4)]
    no_energy = tell(steps, without="NO_ENERGY")
    assert no_energy["energy_uj"] == {FIRST: 300 * J}
    assert no_energy["devices"][0][2] == "integrated"
    no_fields = tell([{"at": at, "cards": [powered(100)]} for at in range(4)], without="NO_FIELDS")
    assert no_fields["devices"][0][3]["power"] == "usage"
    assert no_fields["energy_uj"] == {FIRST: 300 * J}
    assert tell(steps[:1], without="NO_PROCESSES_V3")["holders"][FIRST] == 1
    neither = tell([{"at": at, "cards": [card()]} for at in range(4)], without="NO_ENERGY")
    assert neither["ticks"][0][FIRST][0] == "unsupported"
    assert neither["energy_uj"] == {FIRST: 0}
    assert neither["gaps"] == [[FIRST, "unsupported", 0.0, 3.0]]


def test_power_that_fails_shortly_is_bridged_and_longer_is_a_gap(tell: Tell) -> None:
    """Samples four seconds apart stand for the time between; eight seconds apart they do not, and
    nothing of the hole is counted."""
    for hole, energy_j, gaps in ((3, 900, []), (7, 500, [[FIRST, "outage", 3.0, 11.0]])):
        seconds = [*range(4), *range(4 + hole, 4 + hole + 3)]
        steps: Steps = [{"at": at, "cards": [powered(100)]} for at in seconds]
        for at in range(4, 4 + hole):
            steps.append({"at": at, "cards": [card(0, 4, energy=3, power=100_000)]})
        told = tell(sorted(steps, key=lambda step: step["at"]))
        assert told["ticks"][4][FIRST][0] == "permission"
        assert told["energy_uj"] == {FIRST: energy_j * J}
        assert told["gaps"] == gaps


def test_nobody_sampling_is_an_outage(tell: Tell) -> None:
    """A process that slept ten seconds does not make a trapezium of them."""
    told = tell([{"at": at, "cards": [powered(100)]} for at in (0, 1, 2, 12, 13)])
    assert told["energy_uj"] == {FIRST: 300 * J}
    assert told["gaps"] == [[FIRST, "outage", 2.0, 12.0]]


def test_a_restart_of_the_agent_is_a_gap_of_integrated_power(tell: Tell) -> None:
    """The sum dies with its process: the time between the last reading of one and the first of the
    next is an outage, whatever the two sums are."""
    for pause in (1, 3):
        steps: Steps = [{"at": at, "cards": [powered(100)]} for at in range(3)]
        for at in range(2 + pause, 5 + pause):
            steps.append({"at": at, "cards": [powered(100)], "restart": at == 2 + pause})
        told = tell(steps)
        assert told["energy_uj"] == {FIRST: 400 * J}
        assert told["gaps"] == [[FIRST, "outage", 2.0, 2.0 + pause]]


def test_powers_that_no_board_has_are_failures(tell: Tell) -> None:
    """0 W, a garbage figure and twice the limit and more count nothing; the samples around them are
    joined."""
    for bad, cause in ((0, "read_failed"), (2_000_000, "implausible"), (1401, "implausible")):
        steps: Steps = [{"at": at, "cards": [powered(bad if at == 2 else 100)]} for at in range(5)]
        told = tell(steps)
        assert told["ticks"][2][FIRST][0] == cause
        assert told["energy_uj"] == {FIRST: 400 * J}
        assert told["gaps"] == []


def test_a_card_with_both_meters_is_counted_once_and_its_power_is_evidence(tell: Tell) -> None:
    """The counter is the energy; what its power adds up to stands beside it."""
    told = tell([{"at": at, "cards": [card(100 * at, power=101_000)]} for at in range(5)])
    assert told["energy_uj"] == {FIRST: 400 * J, f"{FIRST}-power": 404 * J}
    assert [device[1:3] for device in told["devices"]] == [["gpu", "counter"], [None, "integrated"]]
    assert told["errors"] == {}


def test_meters_that_disagree_are_reported_at_the_end_of_the_window(tell: Tell) -> None:
    """Over a quarter of an hour, a counter that shows 15 % less than the power is an error of the
    evidence with both figures; 14 % are not, nor 4 W of an idle card; what is counted is the
    counter in all cases."""
    for watts, milliwatts, told_of in (
        (100, 114_000, False),
        (100, 116_000, True),
        (10, 14_000, False),
    ):
        steps: Steps = [
            {"at": at, "cards": [card(watts * at, power=milliwatts)]} for at in range(0, 905, 4)
        ]
        told = tell(steps)
        error = told["errors"].get(f"{FIRST}-power", "")
        assert told["energy_uj"][FIRST] == 904 * watts * J
        assert bool(error) == told_of, error
        if told_of:
            assert "over 900 s its counter says 100.0 W, its power 116.0 W" in error
        assert told["gaps"] == []


def test_a_mig_board_is_counted_once_whatever_its_instances(tell: Tell) -> None:
    """Seven instances, and handles of instances in the list: one device, the board's energy."""
    mig = "MIG-12345678-3a86-4340-039d-25f2a83cdc43"
    steps: Steps = [
        {"at": at, "cards": [card(100 * at, mig=11, instances=7), card(100 * at, uuid=mig)]}
        for at in range(4)
    ]
    told = tell(steps)
    assert told["energy_uj"] == {FIRST: 300 * J}
    assert told["devices"][0][3]["mig"] == "on, instances: 7"
    assert told["remarks"][0][2] is False


@pytest.mark.parametrize(
    ("state", "says"),
    [({"mig": 11}, "MIG is on with no instance"), ({"mig": 1}, "MIG is off, pending: on")],
)
def test_a_broken_mig_is_said_and_the_board_still_counted(
    tell: Tell, state: dict[str, int], says: str
) -> None:
    """On without an instance, or waiting for a reset: a defect with its remedy."""
    told = tell([{"at": at, "cards": [card(100 * at, **state)]} for at in range(4)])
    assert told["energy_uj"] == {FIRST: 300 * J}
    about, text, defect = told["remarks"][0]
    assert (about, defect) == (FIRST, True)
    assert text.startswith(says)


def test_a_share_of_a_board_is_never_counted(tell: Tell) -> None:
    """In a vGPU guest whatever the card answers would be the whole board's: a gap that says where
    it can be metered. A board passed through is counted, and says so."""
    share = tell([{"at": at, "cards": [card(100 * at, power=5000, virt=2)]} for at in range(4)])
    assert share["energy_uj"] == {FIRST: 0}
    assert share["gaps"] == [[FIRST, "unsupported", 0.0, 3.0]]
    assert "run an agent on the hypervisor" in share["errors"][FIRST]
    whole = tell([{"at": at, "cards": [card(100 * at, virt=1)]} for at in range(4)])
    assert whole["energy_uj"] == {FIRST: 300 * J}
    assert whole["devices"][0][3]["virtualisation"] == "passthrough"
    assert "passed through" in whole["remarks"][0][1]


def test_a_card_lost_before_the_start_does_not_hide_the_others(tell: Tell) -> None:
    """It cannot even be named: said as a defect, and the other card is read."""
    told = tell([{"at": at, "cards": [card(0, 15), card(50 * at, uuid=SECOND)]} for at in range(4)])
    assert told["energy_uj"] == {SECOND: 150 * J}
    assert told["remarks"][0] == [
        "card number 0",
        "GPU is lost: no UUID, so nothing covers it",
        True,
    ]
    assert "card number 0" in told["log"]
