"""What CodeCarbon makes of inputs that are said to break it, and what we make of the same."""

import pytest

from tests.exporters.test_nvml import FIRST, SECOND
from tests.peers.conftest import Drive, Results
from tests.peers.driven import RANGE_J, Host
from tests.peers.ours import Packages, told

pytestmark = pytest.mark.peers
NAME = "CodeCarbon"
EVERYTHING = "start - no"


def test_a_failed_read_of_rapl(host: Host, drive: Drive, results: Results) -> None:
    """It loses the energy around the failed read, as 0 J, without a word; we have all of it."""
    host.zone("intel-rapl:0", "package-0", 100_000)
    peer = drive("codecarbon", EVERYTHING)
    ours = Packages(host)
    seen = []
    for second, joules in enumerate((100_010, None, 100_020), start=1):
        host.show("package-0", joules)
        seen.append(peer.ask("measure")["cpu"])
        ours.tick(second)
    energy, gaps = ours.result()
    assert seen == pytest.approx([10, 10, 10], abs=0.001)
    assert (energy["package-0"], gaps) == (20, [])
    results.saw(
        NAME,
        listed="a failed read is taken for 0: 162,134 J, then 100,020 J",
        done="100,000 J, 100,010 J, a read that fails, 100,020 J: 20 J",
        theirs=f"not reproduced: this version has None where 3.3.1 and older had 0 (rapl.py). "
        f"{seen[-1]:,.0f} J in all: the energy on both sides of the failed read is lost, and "
        "nothing says so",
        ours=f"{energy['package-0']:,.0f} J, no gap: the next reading counts for the time between",
    )


def test_one_reading_of_zero(host: Host, drive: Drive, results: Results) -> None:
    """It adds the range for the fall and the whole counter for the return; neither can be drawn in
    a second, so for us both seconds are gaps."""
    host.zone("intel-rapl:0", "package-0", 100_000)
    peer = drive("codecarbon", EVERYTHING)
    ours = Packages(host)
    seen = [0.0]
    for second, joules in enumerate((100_010, 0, 100_020), start=1):
        host.show("package-0", joules)
        seen.append(peer.ask("measure")["cpu"])
        ours.tick(second)
    fall, back = seen[2] - seen[1], seen[3] - seen[2]
    energy, gaps = ours.result()
    assert fall == pytest.approx(RANGE_J - 100_010, rel=1e-5)
    assert back == pytest.approx(100_020, rel=1e-5)
    assert energy["package-0"] == 10
    assert gaps == [("package-0", "reset", 1.0), ("package-0", "implausible", 1.0)]
    results.saw(
        NAME,
        listed="a failed read is taken for 0: 162,134 J, then 100,020 J",
        done="100,000 J, 100,010 J, a reading of 0 that succeeds, 100,020 J: 20 J",
        theirs=f"{fall:,.0f} J, then {back:,.0f} J",
        ours=f"{energy['package-0']:,.0f} J, and two gaps of 1 s, causes `reset` and `implausible`",
    )


def test_a_rapl_counter_that_begins_anew(host: Host, drive: Drive, results: Results) -> None:
    """It takes any fall for a wrap and adds the whole range; we say that the time is unknown."""
    host.zone("intel-rapl:0", "package-0", 100_000)
    peer = drive("codecarbon", EVERYTHING)
    ours = Packages(host)
    for second, joules in enumerate((100_010, 5, 15), start=1):
        host.show("package-0", joules)
        said = peer.ask("measure")["cpu"]
        ours.tick(second)
    energy, gaps = ours.result()
    assert said == pytest.approx(10 + (RANGE_J + 5 - 100_010) + 10, rel=1e-5)
    assert energy["package-0"] == 20
    assert gaps == [("package-0", "reset", 1.0)]
    results.saw(
        NAME,
        listed="a counter that is reset jumps",
        done="100,000 J, 100,010 J, the driver loaded anew at 0: 5 J, 15 J: 20 J and one second "
        "that nobody can know, of a package of 300 W",
        theirs=f"{said:,.0f} J",
        ours=f"{energy['package-0']:,.0f} J and a gap of 1 s, cause `reset`",
    )


def test_dram_asked_for(host: Host, drive: Drive, results: Results) -> None:
    """Asked to include DRAM, it leaves the zone out all the same; we have it as a component."""
    host.zone("intel-rapl:0", "package-0", 1000)
    host.zone("intel-rapl:0:0", "dram", 500)
    peer = drive("codecarbon", "start - yes")
    ours = Packages(host)
    host.show("package-0", 1100)
    host.show("dram", 550)
    said = peer.ask("measure")["cpu"]
    ours.tick(1)
    energy, gaps = ours.result()
    assert said == pytest.approx(100, abs=0.001)
    assert (energy, gaps) == ({"package-0": 100, "package-0-dram": 50}, [])
    results.saw(
        NAME,
        listed="the DRAM zone is lost",
        done="package 100 J, its DRAM zone 50 J, `rapl_include_dram=True`",
        theirs=f"{said:,.0f} J: the zone inside the package is left out, memory is an estimate",
        ours=f"package {energy['package-0']:,.0f} J, dram {energy['package-0-dram']:,.0f} J",
    )


@pytest.mark.parametrize(
    ("named", "how"),
    [(FIRST, "by its UUID"), (f"MIG-{FIRST}/3/0", "as a MIG instance of it")],
    ids=["uuid", "mig"],
)
def test_a_card_named(host: Host, drive: Drive, results: Results, named: str, how: str) -> None:
    """`lstrip("MIG-")` eats the G of a UUID, no card matches, and it reads 0 J; we know cards by
    nothing but their UUID."""
    host.show_cards((SECOND, 7), (FIRST, 1000))
    peer = drive("codecarbon", f"start {named} no")
    host.show_cards((SECOND, 7), (FIRST, 4200))
    said = peer.ask("measure")
    steps = [(at, FIRST, 1000 + 800 * at, "0") for at in range(5)]
    energy = told(host, *steps)["energy_uj"][FIRST] / 1e6
    assert "GPU" in said["hardware"]
    assert said["gpu"] == 0
    assert energy == 3200
    results.saw(
        NAME,
        listed='`lstrip("MIG-")` on a UUID: 0 J read',
        done=f"a card named {how}; its counter moves by 3,200 J",
        theirs=f"{said['gpu']:,.0f} J",
        ours=f"{energy:,.0f} J",
    )


def test_a_card_not_named_is_read(host: Host, drive: Drive) -> None:
    """The same input without a name gives the true figure: the two tests above fail for the name
    alone."""
    host.show_cards((FIRST, 1000))
    peer = drive("codecarbon", EVERYTHING)
    host.show_cards((FIRST, 4200))
    assert peer.ask("measure")["gpu"] == pytest.approx(3200, rel=1e-5)


def test_a_driver_loaded_anew(host: Host, drive: Drive, results: Results) -> None:
    """It never joins the new driver, so that the card reads 0 J from then on; we join by
    ourselves, and the time of the reset is a gap."""
    host.show_cards((FIRST, 1000))
    peer = drive("codecarbon", EVERYTHING)
    host.show_cards((FIRST, 1100))
    before = peer.ask("measure")["gpu"]
    for joules in (0, 100, 200):
        host.show_cards((FIRST, joules), driver="0 1")
        said = peer.ask("measure")["gpu"]
    answer = told(
        host,
        *((at, FIRST, 1000 + 100 * at, "0") for at in range(2)),
        *((at, FIRST, 100 * (at - 2), "0 1") for at in range(2, 6)),
    )
    energy = answer["energy_uj"][FIRST] / 1e6
    assert before == pytest.approx(100, rel=1e-5)
    assert said == before
    assert (energy, answer["gaps"]) == (300, [[FIRST, "reset", 1.0, 3.0]])
    results.saw(
        NAME,
        listed="a driver reload jumps",
        done="100 J, the driver loaded anew, then 100 J a reading, twice: 300 J",
        theirs=f"not reproduced: no jump in this version. {said:,.0f} J: it never joins the new "
        "driver, and its cards read 0 J from then on",
        ours=f"{energy:,.0f} J and a gap of 2 s, cause `reset`",
    )


def test_a_card_whose_counter_begins_anew(host: Host, drive: Drive, results: Results) -> None:
    """It puts a guess of power times time in the place of what cannot be known, and does not mark
    it; we declare the second a gap."""
    host.show_cards((FIRST, 1000))
    peer = drive("codecarbon", EVERYTHING)
    host.show_cards((FIRST, 1100))
    before = peer.ask("measure")["gpu"]
    host.show_cards((FIRST, 5))
    after = peer.ask("measure")["gpu"]
    answer = told(host, (0, FIRST, 1000, "0"), (1, FIRST, 1100, "0"), (2, FIRST, 5, "0"))
    energy = answer["energy_uj"][FIRST] / 1e6
    assert 0 < after - before < 100 * 60  # its own power reading of 100 W times its own clock
    assert (energy, answer["gaps"]) == (100, [[FIRST, "reset", 1.0, 2.0]])
    results.saw(
        NAME,
        listed="a counter that is reset jumps",
        done="100 J, then a card's counter begins anew; its power reading is 100 W",
        theirs="not reproduced: no jump in this version; an unmarked estimate, power times time",
        ours=f"{energy:,.0f} J and a gap of 1 s, cause `reset`",
    )
