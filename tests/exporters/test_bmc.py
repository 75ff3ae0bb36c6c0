"""Node meters beside the ticks: facts that add up to the BMC's counter, in pages, in order."""

from pathlib import Path

import pytest

from exporters.bmc import Health, NodeMeter, NodeMeters, Piece, place
from exporters.clock import Boot
from exporters.drafts import Chain, Drafts, NodeRun, seal
from exporters.errors import SettingsError
from exporters.sensors.sensor import Failure
from exporters.settings import Bmc
from footprint.interval import to_us
from footprint.ledger import canonical_bytes, decode
from footprint.reading import Counter, Gap, PowerSample
from tests.pages import BOOT, LEDGER, START

S = 1_000_000_000
US = 1_000_000
START_US = to_us(START)


class Silent:
    """A reader that is never asked."""

    def read(self) -> Failure:
        """Nothing."""
        return Failure(Gap("absent"), "bmc: absent")

    def close(self) -> None:
        """Nothing to give back."""


def meter() -> NodeMeter:
    """A meter whose readings are handed to it."""
    return NodeMeter("bmc", Silent(), 1)


class Told:
    """A reader that answers what it is told, each taking a quarter of a second on its clock."""

    def __init__(self, *answers: Counter | PowerSample | Failure) -> None:
        self.now_ns = 0
        self.closed = False
        self._answers = list(answers)

    def read(self) -> Counter | PowerSample | Failure:
        """The next answer."""
        self.now_ns += S // 4
        return self._answers.pop(0)

    def close(self) -> None:
        """Given back."""
        self.closed = True


def taken(*readings: Counter | PowerSample | Failure) -> list[Piece]:
    """What readings prove, one after another."""
    one = meter()
    for reading in readings:
        one.take(reading)
    return one.drain()


def test_a_coarse_counter_counts_when_it_moves() -> None:
    """Nothing while it stands, then everything since it last moved, over a failure too."""
    failure = Failure(Gap("read_failed"), "bmc: timed out")
    assert taken(Counter(0, 0, "b"), Counter(0, 2 * S, "b"), failure, Counter(7, 6 * S, "b")) == [
        Piece(0, 6 * S, 7, "counter")
    ]


def test_a_counter_that_falls_is_left_out() -> None:
    """No fact for that time; the next one counts from there."""
    found = taken(Counter(9, 0, "b"), Counter(2, S, "b"), Counter(5, 2 * S, "b"))
    assert found == [Piece(S, 2 * S, 3, "counter")]


def test_a_counter_that_jumps_further_than_a_host_can_draw_is_a_gap(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No fact for that time, a failed poll, one line that names it; it counts on from there."""
    kwh_uj = 3_600_000_000_000
    readings = [
        Counter(uj, at_s * S, "b", None, 100_000 * US)
        for uj, at_s in ((0, 0), (50_000 * kwh_uj, 4), (50_000 * kwh_uj + 7, 6))
    ]
    told = Told(*readings)
    one = NodeMeter("front", told, 1, lambda: told.now_ns)
    for _ in readings:
        one.poll()
    assert one.drain() == [Piece(4 * S, 6 * S, 7, "counter")]
    assert (one.health.failures, one.health.up) == (1, True)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("front: gap implausible: in 4.0 s it rose by more than a host can draw")


@pytest.mark.parametrize("years", [1, 4])
def test_no_energy_that_a_page_cannot_hold_gets_into_one(years: int) -> None:
    """Whatever a reader says, and however long nobody read."""
    later = years * 365 * 86_400 * S
    assert taken(Counter(0, 0, "b"), Counter(2**63, later, "b")) == []
    sample = 2**63 * US
    assert taken(PowerSample(sample, 0, "b"), PowerSample(sample, S, "b")) == []


def test_jumps_are_said_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    """A BMC that jumps at every reading does not fill the log."""
    taken(*(Counter(n * 10**18, n * S, "b") for n in range(101)))
    assert len(caplog.records) == 7


def test_a_password_that_goes_unencrypted_is_one_line_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of http to another host; the host itself and https are silent."""
    secret = tmp_path / "password"
    secret.write_text("correct horse")
    urls = {"far": "http://bmc.invalid", "own": "http://127.0.0.1:9", "tls": "https://bmc.invalid"}
    rules = [Bmc(url, "meter", str(secret), name=name) for name, url in urls.items()]
    meters = NodeMeters(rules, Boot("b", lambda: S))
    meters.start()
    meters.stop()
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("bmc far: url: http:// sends its user's password unencrypted; write")


def test_power_is_integrated_over_five_seconds_at_most() -> None:
    """Samples further apart say nothing of the time between; zero watts are known."""
    samples = [(0, 100), (2, 200), (8, 200), (9, 0), (10, 0)]
    found = taken(*(PowerSample(watts * US, at * S, "b") for at, watts in samples))
    assert [(piece.start_ns // S, piece.end_ns // S, piece.energy_uj) for piece in found] == [
        (0, 2, 300 * US),
        (8, 9, 100 * US),
        (9, 10, 0),
    ]
    assert {piece.quality for piece in found} == {"integrated"}


def test_pieces_that_follow_leave_no_hole_while_the_clock_is_trimmed() -> None:
    """And never overlap."""
    one = meter()
    first = place(one, Piece(0, S, 1, "counter"), lambda ns: ns // 1000)
    second = place(one, Piece(S, 2 * S, 1, "counter"), lambda ns: ns // 1000 + 40)
    apart = place(one, Piece(3 * S, 4 * S, 1, "counter"), lambda ns: ns // 1000 - 2 * US)
    assert first[1] == second[0]
    assert second[1] <= apart[0] < apart[1]


def test_facts_stand_in_the_page_in_which_they_end() -> None:
    """One that crosses the boundary keeps its own time; neighbours of one quality are one fact."""
    drafts = Drafts(900, START_US)
    drafts.reach(START_US + 901 * US)
    for at, energy_uj, quality in ((0, 5, "counter"), (450, 6, "counter"), (880, 7, "integrated")):
        start_us = START_US + at * US
        drafts.node(NodeRun("bmc", start_us, start_us + 450 * US, energy_uj, quality))  # type: ignore[arg-type]
    first, second = (
        decode(canonical_bytes(seal(draft, Chain("host-1", LEDGER, BOOT, seq, str(seq) * 64))))
        for seq, draft in enumerate(drafts.open)
    )
    assert [(fact.energy_uj, fact.quality, fact.host_ids) for fact in first.nodes] == [
        (11, "counter", ["host-1"])
    ]
    assert (first.nodes[0].start, first.nodes[0].end) == (first.start, first.end)
    assert [(fact.energy_uj, fact.start < second.start) for fact in second.nodes] == [(7, True)]


def test_a_late_fact_goes_into_the_oldest_open_page() -> None:
    """Its page was sealed; its own time says when it was."""
    drafts = Drafts(900, START_US)
    drafts.reach(START_US + 1000 * US)
    drafts.pop()
    drafts.node(NodeRun("bmc", START_US, START_US + 10 * US, 3, "counter"))
    assert [run.energy_uj for run in drafts.open[0].nodes] == [3]


def test_a_poll_notes_how_it_went() -> None:
    """Down until the first good reading; a failure is counted and dated, and so is recovery."""
    lost = Failure(Gap("read_failed"), "bmc: timed out")
    told = Told(lost, PowerSample(5 * US, S, "b"), lost, PowerSample(5 * US, 3 * S, "b"))
    one = NodeMeter("bmc", told, 1, lambda: told.now_ns)
    assert one.health == Health()
    seen = []
    for _ in range(4):
        one.poll()
        seen.append(one.health)
    assert [health.up for health in seen] == [False, True, False, True]
    assert [health.failures for health in seen] == [1, 1, 2, 2]
    assert {health.read_seconds for health in seen} == {0.25}
    assert (seen[0].good_ns, seen[0].failed_ns) == (None, S // 4)
    assert (seen[3].good_ns, seen[3].failed_ns) == (S, 3 * S // 4)
    assert [piece.energy_uj for piece in one.drain()] == [10 * US]


def test_a_failure_is_said_once_and_a_single_one_not_at_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line when a second reading in a row fails, one when it reads again."""
    busy, lost = (Failure(Gap("read_failed"), f"bmc: {reason}") for reason in ("busy", "lost"))
    good = [PowerSample(US, at * S, "b") for at in range(3)]
    taken(good[0], busy, good[1], lost)
    assert caplog.records == []
    taken(busy, busy, lost, lost, lost, good[0], lost, good[1])
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["bmc: bmc: busy", "bmc: bmc: lost", "bmc: reads again"]


def test_without_the_machines_clock_no_thread_reads(tmp_path: Path) -> None:
    """On a simulated clock nothing is read but by `poll()`; stopping closes the reader."""
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    rule = Bmc("http://127.0.0.1:9", "meter", str(secret))
    meters = NodeMeters([rule], Boot("b", lambda: 7 * S))
    meters.start()
    (before,) = meters.states(lambda ns: ns // 1000)
    assert before.health == Health()
    assert before.energy_uj == {"counter": 0, "integrated": 0}
    meters.poll()
    (after,) = meters.states(lambda ns: ns // 1000)
    assert (after.health.failures, after.good_us, after.failed_us) == (1, None, 7 * US)
    meters.stop()
    told = Told()
    never_started = NodeMeter("bmc", told, 1)
    never_started.stop(0)
    assert told.closed


def test_settings_that_cannot_be_used_name_the_bmc(tmp_path: Path) -> None:
    """Before anything is read; the password is in no message."""
    secret = tmp_path / "password"
    with pytest.raises(SettingsError, match=r"front: password_file: cannot read .*No such file"):
        NodeMeters([Bmc("https://bmc", "meter", str(secret), name="front")], Boot("b"))
    secret.write_text("correct horse\n")
    with pytest.raises(SettingsError, match="bmc front: url: write https") as raised:
        NodeMeters([Bmc("bmc", "meter", str(secret), name="front")], Boot("b"))
    assert "correct horse" not in str(raised.value)
