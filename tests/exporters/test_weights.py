"""CPU time per consumer: what was given is what is there, but for a remainder that never falls."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.weights import CpuTimes, Usage
from footprint.codes import AGENT, SYSTEM


def test_the_first_usage_is_the_beginning() -> None:
    """What was used before the agent looked is nobody's of it."""
    times = CpuTimes()
    times.advance(Usage(10**12, 10**6, {"chat": 10**11}))
    assert times.mark() == {"chat": 0, AGENT: 0, SYSTEM: 0}


def test_the_rest_is_the_systems() -> None:
    """Host less agent less SIA; since a mark, differences."""
    times = CpuTimes()
    times.advance(Usage(1000, 10, {"chat": 100}))
    mark = times.mark()
    times.advance(Usage(2000, 60, {"chat": 400}))
    assert times.since(mark) == {"chat": 300, AGENT: 50, SYSTEM: 650}
    middle = times.mark()
    times.advance(Usage(2100, 60, {"chat": 450}))
    assert times.since(middle) == {"chat": 50, AGENT: 0, SYSTEM: 50}
    assert times.since(mark) == {"chat": 350, AGENT: 50, SYSTEM: 700}


def test_a_sia_that_comes_later_counts_from_zero() -> None:
    """Its group was made after the first look: all it used is since then."""
    times = CpuTimes()
    times.advance(Usage(0, 0, {}))
    mark = times.mark()
    times.advance(Usage(1000, 0, {"late": 700}))
    assert times.since(mark) == {"late": 700, AGENT: 0, SYSTEM: 300}


def test_a_host_clock_that_lags_makes_no_negative_rest() -> None:
    """The host's total stands while a group's moves: the rest waits, and takes what comes later."""
    times = CpuTimes()
    times.advance(Usage(0, 0, {"chat": 0}))
    times.advance(Usage(10, 0, {"chat": 2}))
    times.advance(Usage(10, 0, {"chat": 9}))
    assert times.mark() == {"chat": 9, AGENT: 0, SYSTEM: 8}
    times.advance(Usage(20, 0, {"chat": 9}))
    assert times.mark() == {"chat": 9, AGENT: 0, SYSTEM: 11}


steps = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.integers(0, 100),
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 900)),
    ),
    min_size=1,
    max_size=30,
)


def totals(moves: list[tuple[int, int, dict[str, int]]]) -> list[Usage]:
    """Cumulative usage after each move."""
    found, host, agent, sia = [], 0, 0, dict[str, int]()
    for host_ns, agent_ns, used in moves:
        host, agent = host + host_ns, agent + agent_ns
        for code, used_ns in used.items():
            sia[code] = sia.get(code, 0) + used_ns
        found.append(Usage(host, agent, dict(sia)))
    return found


@given(steps)
def test_nobody_falls_and_sums_keep_to_what_was_given(
    moves: list[tuple[int, int, dict[str, int]]],
) -> None:
    """SIA and agent are exact; the rest never falls and is the largest remainder seen: the sum is
    the host's total or more, never less, and more only by what the remainder fell back."""
    times = CpuTimes()
    before: dict[str, int] = {}
    largest = 0
    usages = totals(moves)
    first = usages[0]
    for usage in usages:
        times.advance(usage)
        mark = times.mark()
        given_ns = {code: used - first.sia_ns.get(code, 0) for code, used in usage.sia_ns.items()}
        given_ns[AGENT] = usage.agent_ns - first.agent_ns
        host_ns = usage.host_ns - first.host_ns
        remainder = host_ns - sum(given_ns.values())
        largest = max(largest, remainder)
        assert mark == {**given_ns, SYSTEM: largest}
        assert sum(mark.values()) - host_ns == largest - remainder
        assert all(mark[consumer] >= since for consumer, since in before.items())
        assert all(since >= 0 for since in times.since(before).values())
        before = mark
