"""CPU time per consumer: what was given is what is there, but for a remainder that never falls."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.weights import START, Confined, CpuTimes, Mark, Usage
from footprint.codes import AGENT, SYSTEM


def test_the_first_usage_is_the_beginning() -> None:
    """What was used before the agent looked is nobody's of it."""
    times = CpuTimes()
    times.advance(Usage(10**12, 10**6, {"chat": 10**11}))
    assert times.mark() == Mark({"chat": 0, AGENT: 0, SYSTEM: 0}, {})


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
    assert times.mark().host == {"chat": 9, AGENT: 0, SYSTEM: 8}
    times.advance(Usage(20, 0, {"chat": 9}))
    assert times.mark().host == {"chat": 9, AGENT: 0, SYSTEM: 11}


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
    before = START
    largest = 0
    usages = totals(moves)
    first = usages[0]
    for usage in usages:
        times.advance(usage)
        mark = times.mark()
        now = mark.host
        given_ns = {code: used - first.sia_ns.get(code, 0) for code, used in usage.sia_ns.items()}
        given_ns[AGENT] = usage.agent_ns - first.agent_ns
        host_ns = usage.host_ns - first.host_ns
        remainder = host_ns - sum(given_ns.values())
        largest = max(largest, remainder)
        assert now == {**given_ns, SYSTEM: largest}
        assert sum(now.values()) - host_ns == largest - remainder
        assert all(now[consumer] >= since for consumer, since in before.host.items())
        assert all(since >= 0 for since in times.since(before).values())
        before = mark


HERE, THERE = "package-0", "package-1"
S = 10**9


def told(at: int, confined: dict[str, str] | None, busy: tuple[int, int]) -> Usage:
    """After so many seconds: each second `chat` used 1 s, `search` 2 s, others 1 s, the agent 0."""
    busy_ns = {HERE: busy[0] * S, THERE: busy[1] * S}
    package = None if confined is None else Confined(confined, busy_ns)
    return Usage(4 * at * S, 0, {"chat": at * S, "search": 2 * at * S}, package)


def test_a_confined_sia_weighs_on_its_own_package_alone() -> None:
    """`chat` is on the first package, `search` on the second; the first is busy for another second,
    which can only be the others'."""
    times, confined = CpuTimes(), {"chat": HERE, "search": THERE}
    times.advance(told(0, confined, (0, 0)))
    mark = times.mark()
    times.advance(told(1, confined, (2, 2)))
    assert times.since(mark, HERE) == {"chat": S, AGENT: 0, SYSTEM: S}
    assert times.since(mark, THERE) == {"search": 2 * S}
    assert times.since(mark) == {"chat": S, "search": 2 * S, AGENT: 0, SYSTEM: S}


def test_who_is_not_confined_follows_what_the_packages_were_busy_with_besides() -> None:
    """One second of the first package is `chat`'s; of the other three, one was there and two on
    the second: `search` and the others are divided so."""
    times, confined = CpuTimes(), {"chat": HERE}
    times.advance(told(0, confined, (0, 0)))
    mark = times.mark()
    times.advance(told(3, confined, (6, 6)))
    assert times.since(mark, HERE) == {"chat": 3 * S, "search": 2 * S, AGENT: 0, SYSTEM: S}
    assert times.since(mark, THERE) == {"search": 4 * S, AGENT: 0, SYSTEM: 2 * S}


def test_over_a_change_of_cpusets_everything_is_pooled() -> None:
    """What lies before the first look at who is confined, and after the last, is not told apart:
    a device booked over it takes the whole host's times."""
    times = CpuTimes()
    times.advance(told(0, None, (0, 0)))
    before = times.mark()
    times.advance(told(1, {"chat": HERE}, (2, 2)))
    pooled = {"chat": S, "search": 2 * S, AGENT: 0, SYSTEM: S}
    assert times.since(before, HERE) == pooled
    during = times.mark()
    times.advance(told(2, {"chat": HERE}, (4, 4)))
    assert times.since(during, THERE).get("chat", 0) == 0
    after = times.mark()
    times.advance(told(3, None, (0, 0)))
    assert times.since(after, THERE) == pooled
    times.advance(told(4, {"chat": HERE}, (8, 8)))
    times.advance(told(5, {"chat": HERE}, (10, 10)))
    assert times.since(during, HERE) == {name: 4 * used_ns for name, used_ns in pooled.items()}


def test_where_the_coarse_clock_shows_nothing_what_was_seen_before_divides() -> None:
    """A tick shorter than a hundredth of a second: the packages' clocks stand, the groups' move."""
    times, confined = CpuTimes(), {"chat": HERE}
    times.advance(told(0, confined, (0, 0)))
    start = times.mark()
    times.advance(Usage(10, 0, {"chat": 1, "search": 4}, Confined(confined, {HERE: 0, THERE: 0})))
    assert times.since(start, HERE) == {"chat": 1, "search": 2, AGENT: 0, SYSTEM: 3}
    assert times.since(start, THERE) == {"search": 2, AGENT: 0, SYSTEM: 2}
    times.advance(Usage(10, 0, {"chat": 1, "search": 4}, Confined(confined, {HERE: 1, THERE: 6})))
    seen = times.mark()
    times.advance(Usage(14, 0, {"chat": 1, "search": 8}, Confined(confined, {HERE: 1, THERE: 6})))
    assert times.since(seen, HERE).get("search", 0) == 0
    assert times.since(seen, THERE)["search"] == 4


places = st.dictionaries(st.sampled_from("abc"), st.sampled_from([HERE, THERE]))
busy = st.tuples(st.integers(0, 2_000), st.integers(0, 2_000))


@given(steps, places, st.lists(busy, min_size=30, max_size=30))
def test_the_packages_together_are_the_host(
    moves: list[tuple[int, int, dict[str, int]]],
    confined: dict[str, str],
    clocks: list[tuple[int, int]],
) -> None:
    """Whatever the coarse clocks say, every consumer's nanoseconds are on the packages once, and
    a confined one's on no other than its own."""
    times = CpuTimes()
    total = [0, 0]
    marks = []
    for usage, (here, there) in zip(totals(moves), clocks, strict=False):
        total = [total[0] + here, total[1] + there]
        package = Confined(confined, {HERE: total[0], THERE: total[1]})
        times.advance(Usage(usage.host_ns, usage.agent_ns, usage.sia_ns, package))
        marks.append(times.mark())
    for mark in marks:
        host, here, there = (times.since(mark, name) for name in (None, HERE, THERE))
        for consumer, used_ns in host.items():
            assert here.get(consumer, 0) + there.get(consumer, 0) == used_ns
        for consumer, package in confined.items():
            assert (there if package == HERE else here).get(consumer, 0) == 0
