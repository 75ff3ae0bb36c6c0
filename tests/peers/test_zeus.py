"""What Zeus makes of inputs that break it, and what we make of the same."""

from pathlib import Path

import pytest

from tests.exporters.test_nvml import FIRST, SECOND
from tests.peers.conftest import Drive, Results
from tests.peers.driven import RANGE_J, Host
from tests.peers.ours import Packages, told
from tests.running import wait_until

pytestmark = pytest.mark.peers
NAME = "Zeus"


@pytest.fixture(autouse=True)
def _a_card(host: Host) -> None:
    """Without any card its monitor does not start (its AMD library raises KeyError)."""
    host.show_cards((FIRST, 0))


def sleeps(pid: int) -> bool:
    """Whether a process waits for time to pass: Zeus's pollers do so between two reads."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()


def test_a_rapl_counter_that_begins_anew(host: Host, drive: Drive, results: Results) -> None:
    """Its poller takes any fall for a wrap, so the window holds the whole range; we say that the
    time is unknown."""
    host.zone("intel-rapl:0", "package-0", 100_000)
    peer = drive("zeus", "start")
    wait_until(lambda: sleeps(peer.ask("state")["pids"][0]), "its poller to have read once")
    peer.ask("begin")
    ours = Packages(host)
    host.show("package-0", 100_010)
    ours.tick(1)
    host.show("package-0", 5)
    ours.tick(2)
    wait_until(lambda: peer.ask("state")["wraps"] == [1], "its poller to see the fall")
    host.show("package-0", 15)
    ours.tick(3)
    said = peer.ask("end")["cpu"]["0"]
    energy, gaps = ours.result()
    assert said == pytest.approx(RANGE_J + 15 - 100_000)
    assert (energy["package-0"], gaps) == (20, [("package-0", "reset", 1.0)])
    results.saw(
        NAME,
        listed="a counter that is reset jumps",
        done="100,000 J, 100,010 J, the driver loaded anew at 0: 5 J, 15 J: 20 J and one second "
        "that nobody can know",
        theirs=f"{said:,.0f} J",
        ours=f"{energy['package-0']:,.0f} J and a gap of 1 s, cause `reset`",
    )


def test_a_failed_read_of_rapl(host: Host, drive: Drive, results: Results) -> None:
    """One unreadable moment ends its poller for good and without a word, and the next wrap makes
    the energy negative; we count through both."""
    host.zone("intel-rapl:0", "package-0", RANGE_J - 100)
    peer = drive("zeus", "start")
    peer.ask("begin")
    ours = Packages(host)
    host.show("package-0", None)
    ours.tick(1)
    wait_until(lambda: peer.ask("state")["alive"] == [False], "its poller to end")
    host.show("package-0", RANGE_J - 50)
    ours.tick(2)
    host.show("package-0", 50)
    ours.tick(3)
    said = peer.ask("end")["cpu"]["0"]
    energy, gaps = ours.result()
    assert said == pytest.approx(150 - RANGE_J)
    assert (energy["package-0"], gaps) == (150, [])
    results.saw(
        NAME,
        listed="a failed read",
        done="150 J over a wrap, with one moment in which the file cannot be read",
        theirs=f"{said:,.0f} J: its poller has ended, and wraps are counted no more",
        ours=f"{energy['package-0']:,.0f} J, no gap",
    )


def test_psys_beside_a_package(host: Host, drive: Drive, results: Results) -> None:
    """It takes the platform's zone for one more processor; for us it is evidence, added to
    nothing."""
    host.zone("intel-rapl:0", "package-0", 0)
    host.zone("intel-rapl:0:0", "dram", 0)
    host.zone("intel-rapl:1", "psys", 0)
    peer = drive("zeus", "start")
    peer.ask("begin")
    ours = Packages(host)
    for name, joules in (("package-0", 100), ("dram", 50), ("psys", 180)):
        host.show(name, joules)
    ours.tick(1)
    said = peer.ask("end")
    energy, _ = ours.result()
    assert said["cpu"] == pytest.approx({"0": 100, "1": 180})
    assert said["dram"] == pytest.approx({"0": 50})
    assert peer.ask("state")["names"] == ["package-0", "psys"]
    assert energy == {"package-0": 100, "package-0-dram": 50, "psys": 180}
    results.saw(
        NAME,
        listed="the DRAM zone is lost",
        done="package 100 J, its DRAM zone 50 J, psys (which lies around both) 180 J",
        theirs=f"not reproduced: DRAM {said['dram']['0']:,.0f} J is there. But psys is counted "
        f"as a second processor: {sum(said['cpu'].values()):,.0f} J of processors",
        ours="package 100 J, dram 50 J; psys is evidence and added to nothing",
    )


def test_a_card_whose_counter_begins_anew(host: Host, drive: Drive, results: Results) -> None:
    """It subtracts, and the energy is negative; we declare the second a gap."""
    host.show_cards((FIRST, 1000))
    peer = drive("zeus", "start")
    peer.ask("begin")
    host.show_cards((FIRST, 5))
    said = peer.ask("end")["gpu"]["0"]
    answer = told(host, (0, FIRST, 1000, "0"), (1, FIRST, 1100, "0"), (2, FIRST, 5, "0"))
    energy = answer["energy_uj"][FIRST] / 1e6
    assert said == pytest.approx(-995)
    assert (energy, answer["gaps"]) == (100, [[FIRST, "reset", 1.0, 2.0]])
    results.saw(
        NAME,
        listed="a counter that is reset jumps",
        done="100 J, then a card's counter begins anew at 0 and shows 5 J",
        theirs=f"{said:,.0f} J",
        ours=f"{energy:,.0f} J and a gap of 1 s, cause `reset`",
    )


def test_a_driver_loaded_anew(host: Host, drive: Drive, results: Results) -> None:
    """It raises, and the window is lost with what came before it; we join the new driver."""
    host.show_cards((FIRST, 1000))
    peer = drive("zeus", "start")
    peer.ask("begin")
    host.show_cards((FIRST, 100), driver="0 1")
    said = peer.ask("end")["error"]
    again = peer.ask("begin")["error"]
    answer = told(
        host,
        *((at, FIRST, 1000 + 100 * at, "0") for at in range(2)),
        *((at, FIRST, 100 * (at - 2), "0 1") for at in range(2, 6)),
    )
    energy = answer["energy_uj"][FIRST] / 1e6
    assert said == again
    assert said.startswith("ZeusGPUInitError: Uninitialized")
    assert (energy, answer["gaps"]) == (300, [[FIRST, "reset", 1.0, 3.0]])
    results.saw(
        NAME,
        listed="a driver reload jumps",
        done="100 J, the driver loaded anew, then 100 J a reading, twice: 300 J",
        theirs=f"not reproduced: no jump. `{said}`, now and at every window after it",
        ours=f"{energy:,.0f} J and a gap of 2 s, cause `reset`",
    )


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        (FIRST, "no figure at all, `{error}`"),
        (f"MIG-{FIRST}/3/0", "it watches no card: {total} J, and nothing says so"),
    ],
    ids=["uuid", "mig"],
)
def test_a_card_named(host: Host, drive: Drive, results: Results, named: str, seen: str) -> None:
    """Named by UUID it stops with an error; by MIG it watches no card, and the total is 0 J. We
    read the card."""
    host.show_cards((SECOND, 7), (FIRST, 1000))
    peer = drive("zeus", "state", CUDA_VISIBLE_DEVICES=named)
    said = peer.ask("start")
    peer.ask("begin")
    host.show_cards((SECOND, 7), (FIRST, 4200))
    said |= {"total": None} | ({} if "error" in said else peer.ask("end"))
    steps = [(at, FIRST, 1000 + 800 * at, "0") for at in range(5)]
    energy = told(host, *steps)["energy_uj"][FIRST] / 1e6
    if "error" in said:
        assert said["error"].startswith("ValueError: invalid literal for int()")
    else:
        assert (said["gpu"], said["total"]) == ({}, 0)
    assert energy == 3200
    results.saw(
        NAME,
        listed="a card named by UUID reads 0 J",
        done=f"`CUDA_VISIBLE_DEVICES={named}`; its counter moves by 3,200 J",
        theirs=seen.format(**said),
        ours=f"{energy:,.0f} J",
    )


def test_its_total(host: Host, drive: Drive, results: Results) -> None:
    """What it calls the total energy of a window is that of its cards alone."""
    host.zone("intel-rapl:0", "package-0", 0)
    host.zone("intel-rapl:0:0", "dram", 0)
    host.show_cards((FIRST, 1000))
    peer = drive("zeus", "start")
    peer.ask("begin")
    ours = Packages(host)
    host.show("package-0", 200)
    host.show("dram", 100)
    host.show_cards((FIRST, 1300))
    ours.tick(1)
    said = peer.ask("end")
    energy, _ = ours.result()
    cards = told(host, *((at, FIRST, 1000 + 300 * at, "0") for at in range(2)))["energy_uj"]
    assert (said["cpu"]["0"], said["dram"]["0"]) == (200, 100)
    assert said["total"] == pytest.approx(300)
    assert sum(energy.values()) + cards[FIRST] / 1e6 == 600
    results.saw(
        NAME,
        listed="half of a server is seen",
        done="package 200 J, dram 100 J, card 300 J",
        theirs=f"`total_energy` {said['total']:,.0f} J",
        ours="200 J, 100 J and 300 J: three components, 600 J",
    )
