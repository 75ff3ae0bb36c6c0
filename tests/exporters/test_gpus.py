"""Whose a board is: the weights of any look, and of many looks, keep the laws."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.sensors.nvml_library import Sample
from exporters.sensors.nvml_use import LONGEST_US, Utilisation
from exporters.sensors.use import UNKNOWN, Held, Slice, Use
from exporters.workloads.gpus import Boards, Owned, Weights, weigh
from exporters.workloads.owners import Owners
from footprint import codes
from footprint.attribution import divide

S = 10**9
GIB = 2**30
SIA = {1: "chat", 2: "search", 3: "chat"}
WHOSE = {**SIA, 4: "@unregistered", 5: None}
BOARD = "GPU-a"


@pytest.fixture(scope="module")
def proc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A /proc of five processes; the fifth is a server of MPS."""
    folder = tmp_path_factory.mktemp("proc")
    for pid, whose in WHOSE.items():
        own = folder / str(pid)
        own.mkdir()
        (own / "stat").write_text(f"{pid} (it) S 1 {'0 ' * 17}77 {'0 ' * 30}\n")
        (own / "comm").write_text("it\n" if whose else "nvidia-cuda-mps\n")
    return folder


def consumer(held: Held) -> str | None:
    """Five processes: two of one SIA, one nobody's, one a server of MPS; others are not known."""
    return WHOSE.get(held.pid, codes.UNATTRIBUTED)


def look(use: Use, reserved: dict[str, str] | None = None) -> Weights:
    """One second."""
    processes = use.processes or ()
    owned = Owned(processes, [consumer(one) for one in processes])
    return weigh(use, owned, consumer, S, reserved or {})


memories = st.one_of(st.none(), st.integers(0, 80 * GIB))
processes = st.lists(
    st.builds(Held, st.integers(1, 6), memories, st.none(), st.booleans()),
    max_size=5,
    unique_by=lambda held: held.pid,
)
sm_times = st.one_of(
    st.none(), st.dictionaries(st.integers(1, 7), st.integers(0, 10**9), max_size=7)
)
boards = st.builds(Use, st.one_of(st.none(), processes), sm_times)


@st.composite
def divided(draw: st.DrawFn) -> Use:
    """A board in MIG mode, whatever is known of its instances."""
    instances = [
        Slice(number, (f"MIG-{number}",), draw(st.integers(1, 4)), busy)
        for number, busy in enumerate(
            draw(st.lists(st.one_of(st.none(), st.integers(0, 10_000)), min_size=1, max_size=4))
        )
    ]
    inside = st.one_of(st.none(), st.integers(0, len(instances) - 1))
    held = st.builds(Held, st.integers(1, 6), memories, inside)
    return Use(draw(st.lists(held, max_size=6, unique_by=lambda one: one.pid)), None, instances)


@given(
    looks=st.lists(st.one_of(boards, divided()), min_size=1, max_size=6),
    energy_uj=st.integers(0, 10**10),
    floor_uw=st.one_of(st.none(), st.integers(0, 10**9)),
)
def test_no_look_at_a_board_loses_or_makes_energy(
    proc: Path, looks: list[Use], energy_uj: int, floor_uw: int | None
) -> None:
    """Whatever the driver tells, over however many ticks: shares add up to the energy, static
    weights to the time, and nobody is named but consumers."""
    gpus = Boards(Owners(SIA.get, proc), {"MIG-0": "map"})
    gpus.advance(0, {BOARD: looks[0]}, [BOARD])
    gpus.by_uuid[BOARD].booked()
    for number, use in enumerate(looks, 1):
        gpus.advance(number * S, {BOARD: use}, [BOARD])
    weights = gpus.by_uuid[BOARD].waiting
    assert sum(weights.static.values()) == len(looks) * S
    assert all(amount >= 0 for amount in (*weights.static.values(), *weights.dynamic.values()))
    parts = divide(
        energy_uj,
        len(looks) * S,
        floor_uw=floor_uw,
        static_weights=weights.static,
        dynamic_weights=weights.following,
        otherwise=codes.IDLE,
    )
    assert sum(sum(shares.values()) for shares in parts.values()) == energy_uj
    for consumer in (consumer for shares in parts.values() for consumer in shares):
        assert consumer in codes.RESERVED or codes.is_code(consumer)
    assert sum(gpus.by_uuid[BOARD].basis_ns.values()) == len(looks) * S


@given(boards)
def test_who_holds_nothing_and_did_nothing_gets_nothing(use: Use) -> None:
    """Only consumers of listed processes, of samples, and the two names for nobody appear."""
    found = look(use)
    there = {consumer(held) for held in use.processes or ()}
    there |= {consumer(Held(pid, None)) for pid in use.sm or ()}
    assert {*found.static, *found.dynamic} <= {*there, codes.IDLE, codes.UNATTRIBUTED}


def test_a_resident_model_at_nought_percent_pays_for_the_board() -> None:
    """Where nobody computes the whole follows memory; with a floor, static energy always does."""
    held = [Held(1, 10 * GIB), Held(2, 30 * GIB)]
    quiet, busy = look(Use(held, {})), look(Use(held, {1: 10**6}))
    assert quiet.following == {"chat": S // 4, "search": 3 * S // 4}
    assert busy.static == quiet.static
    assert busy.following == {"chat": 10**6}
    assert (quiet.basis, busy.basis) == ("memory", "sm")


def test_a_board_that_does_not_tell_sm_time_is_certain_only_where_one_holds_it() -> None:
    """One consumer's is that consumer's; of two nobody knows who worked."""
    alone = look(Use([Held(1, GIB), Held(3, GIB)], None))
    assert alone.following.keys() == {"chat"}
    assert alone.basis == "alone"
    both = look(Use([Held(1, GIB), Held(2, GIB)], None))
    assert both.following.keys() == {codes.UNATTRIBUTED}
    assert both.basis == "unknown"
    assert both.static == {"chat": S // 2, "search": S // 2}
    assert look(UNKNOWN).static == {codes.UNATTRIBUTED: S}


def test_a_server_of_mps_works_for_its_clients() -> None:
    """Its SM time is theirs by memory held; with no client nobody uses the board."""
    held = [Held(1, 3 * GIB), Held(2, GIB), Held(5, 7 * GIB)]
    assert look(Use(held, {5: 400, 2: 100})).dynamic == {"chat": 300, "search": 200}
    assert look(Use(held[2:], {5: 400})).following == {codes.IDLE: 400}
    assert look(Use(held[2:], {5: 400})).static == {codes.IDLE: S}


def test_memory_that_is_not_told_counts_as_the_mean_of_the_others() -> None:
    """Never as nothing: also where none is told."""
    held = [Held(1, 3 * GIB), Held(2, GIB), Held(4, None)]
    third = S // 3
    assert look(Use(held, {})).static["@unregistered"] in {third, third + 1}
    for memory in (None, 0):
        halves = look(Use([Held(1, memory), Held(2, memory)], {})).static
        assert halves == {"chat": S // 2, "search": S // 2}


def test_a_process_that_is_gone_when_its_sample_comes_keeps_its_share() -> None:
    """Listed no more, its owner is still known; one that was never listed is nobody's."""
    found = look(Use([Held(1, GIB)], {2: 50, 1: 50, 9: 100}))
    assert found.dynamic == {"chat": 50, "search": 50, codes.UNATTRIBUTED: 100}


def mig(*busy: int | None) -> list[Slice]:
    """Instances of 3, 2 and 1 slices."""
    return [Slice(i, (f"MIG-{i}",), 3 - i, one) for i, one in enumerate(busy)]


def test_instances_count_by_slices_and_activity() -> None:
    """Half busy with three slices is as much as wholly busy with one and a half."""
    held = [Held(1, GIB, 0), Held(2, GIB, 1)]
    found = look(Use(held, None, mig(5000, 10_000, 0)))
    assert found.basis == "instances"
    assert found.dynamic["chat"] * 4 == found.dynamic["search"] * 3
    assert found.static == {"chat": S // 2, "search": 333_333_333, codes.IDLE: 166_666_667}


def test_instances_whose_activity_is_not_known_count_by_slices() -> None:
    """Held ones only: one that nobody holds does no work."""
    held = [Held(1, GIB, 0), Held(2, GIB, 1)]
    found = look(Use(held, None, mig(5000, None, None)))
    assert found.basis == "slices"
    assert found.dynamic["chat"] * 2 == found.dynamic["search"] * 3
    assert found.dynamic.keys() == {"chat", "search"}


def test_inside_a_shared_instance_nobody_knows_who_worked() -> None:
    """Static energy is shared by memory, dynamic is @unattributed."""
    held = [Held(1, GIB, 0), Held(2, 3 * GIB, 0)]
    found = look(Use(held, None, mig(5000)))
    assert found.static == {"chat": S // 4, "search": 3 * S // 4}
    assert found.dynamic.keys() == {codes.UNATTRIBUTED}


def test_an_instance_can_be_reserved() -> None:
    """Whoever computes there, and also while nobody does."""
    found = look(Use([Held(1, GIB, 0)], None, mig(5000, 0)), {"MIG-0": "map"})
    assert found.static["map"] == 600_000_000
    assert found.dynamic.keys() == {"map"}
    assert "chat" not in found.static


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 2 * 10**7), st.integers(0, 130)), max_size=60
    ),
    st.integers(1, 7),
)
def test_a_sample_counts_once_however_often_it_comes(samples: list[Sample], ticks: int) -> None:
    """Repeated answers add nothing; SM time is never below zero nor above the percent it tells."""
    utilisation = Utilisation()
    first = utilisation.look(lambda _: samples)
    for _ in range(ticks):
        assert utilisation.look(lambda _: samples) == {}
    for pid, used in first.items():
        instants = {at for one, at, percent in samples if one == pid and percent <= 100}
        assert 0 <= used <= 100 * LONGEST_US * len(instants)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=50), st.integers(100_000, 900_000))
def test_sm_time_is_percent_times_time(percents: list[int], period_us: int) -> None:
    """Samples that come regularly stand for their period each, in however many ticks they come."""
    whole, piecewise = Utilisation(), Utilisation()
    samples = [(1, 10**9 + number * period_us, one) for number, one in enumerate(percents)]
    whole.look(lambda _: samples[:1])
    piecewise.look(lambda _: samples[:1])
    total = whole.look(lambda _: samples).get(1, 0)
    steps = [
        piecewise.look(lambda _, upto=upto: samples[:upto]).get(1, 0)  # type: ignore[misc]
        for upto in range(2, len(samples) + 1)
    ]
    assert total == sum(steps) == sum(percents[1:]) * period_us


def test_a_clock_set_back_silences_no_board_for_good() -> None:
    """After some looks without a sample the newest there is tells the new time; what it tells of
    the time before is not counted again."""
    utilisation = Utilisation()
    utilisation.look(lambda _: [(1, 10**12, 50)])
    back = 10**9

    def answer(since: int, now: int) -> list[Sample]:
        return [(1, at, 50) for at in range(back, now + 1, 200_000) if at > since]

    found = [
        utilisation.look(lambda since, now=back + tick * 10**6: answer(since, now))  # type: ignore[misc]
        for tick in range(15)
    ]
    assert found[:10] == [{}] * 10
    assert found[11] == {1: 50 * 10**6}


@pytest.mark.parametrize("percent", [101, 4_000_000_000])
def test_wild_rows_are_no_samples(percent: int) -> None:
    """Rows that no driver can mean are left out, those beside them count."""
    found = Utilisation().look(lambda _: [(1, 10**9, percent), (0, 0, 0), (2, 10**9, 60)])
    assert found == {2: 60 * 166_667}
