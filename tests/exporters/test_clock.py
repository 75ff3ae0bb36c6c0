"""The agent's time: UTC on the monotonic clock, which follows slowly and never steps."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.clock import Clock, Instant, boottime_ns

START_NS = 1_795_255_200 * 10**9
S = 10**9


class Clocks:
    """A wall clock and a monotonic one that are set by hand."""

    def __init__(self) -> None:
        self.wall = START_NS
        self.mono = 5 * S
        self.clock = Clock(wall_ns=lambda: self.wall, mono_ns=lambda: self.mono)

    def pass_(self, mono_ns: int, wall_ns: int | None = None) -> int:
        """Let time pass on both; follow; the offset reported."""
        self.mono += mono_ns
        self.wall += mono_ns if wall_ns is None else wall_ns
        return self.clock.follow()


def test_it_begins_at_the_wall_clock_and_runs_with_the_monotonic_one() -> None:
    """To the microsecond, rounded down, without error that grows."""
    clocks = Clocks()
    assert clocks.clock.instant() == Instant(5 * S, START_NS // 1000)
    for _ in range(1000):
        clocks.pass_(S + 1)
    assert clocks.clock.instant().utc_us == START_NS // 1000 + 1_000_000_000 + 1
    assert clocks.clock.seconds_until(clocks.clock.instant().utc_us + 250_000) == 0.25
    assert clocks.clock.seconds_until(clocks.clock.instant().utc_us - 1_000_000) == -1.0


def test_a_drift_is_followed_by_half_a_thousandth_at_most() -> None:
    """100 ms off: 500 us a second towards it, both ways, and then it is met exactly."""
    for sign in (1, -1):
        clocks = Clocks()
        clocks.wall += sign * 100_000_000
        offsets = [clocks.pass_(S) for _ in range(202)]
        assert offsets[:3] == [sign * 100_000, sign * 99_500, sign * 99_000]
        assert offsets[199:] == [sign * 500, 0, 0]


def test_a_step_is_reported_and_not_followed() -> None:
    """A wall clock set by an hour moves nothing, however long it lasts."""
    for step in (3600 * S, -3600 * S, S, -S):
        clocks = Clocks()
        clocks.wall += step
        assert [clocks.pass_(S) for _ in range(50)] == [step // 1000] * 50
        assert clocks.clock.instant().utc_us == START_NS // 1000 + 50_000_000


@given(
    st.lists(
        st.tuples(st.integers(1000, 100 * S), st.integers(-200 * S, 200 * S)),
        min_size=1,
        max_size=30,
    )
)
def test_time_never_steps_back_nor_runs_off(steps: list[tuple[int, int]]) -> None:
    """Whatever the wall clock does: each interval is the monotonic one to half a thousandth."""
    clocks = Clocks()
    before = clocks.clock.instant()
    for mono_ns, wall_ns in steps:
        clocks.pass_(mono_ns, wall_ns)
        now = clocks.clock.instant()
        passed_us, true_us = now.utc_us - before.utc_us, mono_ns // 1000
        assert passed_us >= 0
        assert abs(passed_us - true_us) <= true_us // 2000 + 1
        before = now


def test_the_boots_clock_moves_forward() -> None:
    """CLOCK_BOOTTIME on this machine."""
    first = boottime_ns()
    assert boottime_ns() >= first > 0


def test_it_does_not_begin_before_what_the_ledger_holds() -> None:
    """A wall clock set back by an hour: time goes on from the ledger's end, the offset says so."""
    ledger_us = START_NS // 1000 + 3_600_000_000
    clock = Clock(wall_ns=lambda: START_NS, mono_ns=lambda: 5 * S, not_before_us=ledger_us)
    assert clock.instant().utc_us == ledger_us
    assert clock.offset_us() == -3_600_000_000
