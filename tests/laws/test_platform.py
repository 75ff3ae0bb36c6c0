"""Laws of node energy: none of it is lost or counted twice, unknown time adds nothing."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from footprint.nodes import (
    QUARTER_US,
    DeviceEnergy,
    DeviceKey,
    Facts,
    NodeEnergy,
    Span,
    chosen,
    disjoint,
    intersect,
    slices,
)

BEGIN_US = 1_790_000_100_000_000 // QUARTER_US * QUARTER_US
HOSTS = ("host-1", "host-2", "host-3")
energies_uj = st.integers(0, 2**53)
instants_us = st.integers(0, 4 * QUARTER_US)


def spans_in(start_us: int, end_us: int) -> st.SearchStrategy[tuple[Span, ...]]:
    """Disjoint spans of [start, end), in order."""
    cuts = st.lists(st.integers(start_us, end_us), unique=True, max_size=6).map(sorted)
    return cuts.map(lambda at: tuple(zip(at[::2], at[1::2], strict=False)))


@st.composite
def node_facts(draw: st.DrawFn) -> list[NodeEnergy]:
    """Facts of two meters over some hosts, any of them overlapping."""
    found = []
    for _ in range(draw(st.integers(0, 8))):
        start_us, end_us = sorted((draw(instants_us), draw(instants_us)))
        meter = draw(st.sampled_from(["bmc", "pdu"]))
        hosts = HOSTS[:1] if meter == "bmc" else HOSTS[: draw(st.integers(1, 3))]
        found.append(
            NodeEnergy(
                BEGIN_US + start_us,
                BEGIN_US + end_us,
                meter,
                hosts,
                draw(energies_uj),
                draw(st.sampled_from(["counter", "integrated"])),
            )
        )
    return found


@st.composite
def device_energies(draw: st.DrawFn) -> list[DeviceEnergy]:
    """Pages of a quarter-hour of some devices, known in part."""
    found = []
    for quarter in range(4):
        start_us = BEGIN_US + quarter * QUARTER_US
        for host in HOSTS:
            for component in draw(st.sets(st.sampled_from(["cpu", "dram", "gpu"]))):
                whole = ((start_us, start_us + QUARTER_US),)
                known = draw(st.one_of(st.just(whole), spans_in(*whole[0])))
                found.append(
                    DeviceEnergy(
                        (host, component, "0"), start_us, known, draw(energies_uj), "counter"
                    )
                )
    return found


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """What platform is derived from, whatever holds."""
    devices = draw(device_energies())
    keys: set[DeviceKey] = {one.device for one in devices} | {("host-1", "cpu", "lost")}
    since = {key: BEGIN_US + draw(instants_us) for key in sorted(keys) if draw(st.booleans())}
    kept, _ = disjoint(draw(node_facts()))
    return Facts(kept, devices, since)


@given(facts())
def test_the_energy_of_a_meter_is_its_node_energy_and_its_residue(given: Facts) -> None:
    """Spread over quarter-hours and over common cover and the rest, the total is the same."""
    found = list(slices(given))
    for meter in ("bmc", "pdu"):
        total_uj = sum(fact.energy_uj for fact in given.nodes if fact.meter == meter)
        parts_uj = [one.node_uj + one.residue_uj for one in found if one.meter == meter]
        assert sum(parts_uj) == total_uj
        covered_us = sum(f.end_us - f.start_us for f in given.nodes if f.meter == meter)
        assert sum(one.node_us for one in found if one.meter == meter) == covered_us


@given(facts())
def test_components_are_whole_in_every_slice(given: Facts) -> None:
    """What is compared with the meter and what is not are the energy of its hosts, to the uJ."""
    for one in slices(given):
        here_uj = sum(
            device.energy_uj
            for device in given.devices
            if device.device[0] in one.hosts and device.start_us == one.start_us
        )
        assert one.components_uj + one.components_residue_uj == here_uj
        assert sum(one.components_quality_uj.values()) == one.components_uj
        assert one.platform_uj == one.node_uj - one.components_uj


@given(facts())
def test_no_time_in_common_means_nothing_known(given: Facts) -> None:
    """Neither side's energy counts for time that the other does not cover."""
    for one in slices(given):
        assert 0 <= one.common_us <= one.node_us <= QUARTER_US
        if not one.common_us:
            assert one.node_uj == one.components_uj == 0


@given(facts())
def test_no_host_counts_twice_in_a_quarter_hour(given: Facts) -> None:
    """Of meters that share a host one counts, and a host that any meter covers is counted."""
    found = list(slices(given))
    counts = chosen(found)
    for at_us in {one.start_us for one in found}:
        hosts = [
            host
            for one in found
            if one.start_us == at_us and counts[at_us, one.meter, one.hosts]
            for host in one.hosts
        ]
        assert len(hosts) == len(set(hosts))
        assert hosts


@given(node_facts())
def test_facts_of_a_meter_never_overlap(given: list[NodeEnergy]) -> None:
    """Whatever is sent: kept and left out are all there is, and time is kept once."""
    kept, left_out = disjoint(given)
    assert sorted(kept + left_out) == sorted(given)
    for meter in ("bmc", "pdu"):
        mine = [fact for fact in kept if fact.meter == meter]
        assert all(a.end_us <= b.start_us for a, b in pairwise(mine))


@given(spans_in(0, 30), spans_in(0, 30))
def test_common_time_is_the_time_of_both(one: tuple[Span, ...], other: tuple[Span, ...]) -> None:
    """Instant by instant."""

    def instants(spans: tuple[Span, ...] | list[Span]) -> set[int]:
        return {at for start, end in spans for at in range(start, end)}

    assert instants(intersect(one, other)) == instants(one) & instants(other)
