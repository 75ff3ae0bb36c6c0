"""From node meters to `platform`: what hosts draw at the wall beyond their measured components.

In: energies of node meters (BMC, PDU) over sets of hosts, and of the components of these hosts with
the time for which each is known. Out: per quarter-hour what both say of the time that both cover,
the difference (signed: a BMC lags by seconds), and the residue outside that time. Never added to
any component's figure. METHOD.md, "Node meters and platform", has the words and worked numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from footprint.attribution import attribute
from footprint.ledger import Component, Quality

QUARTER_US = 900_000_000
Span = tuple[int, int]
"""[from, to) in microseconds since 1970."""
DeviceKey = tuple[str, Component, str]
"""Host, component, device."""


class NodeEnergy(msgspec.Struct, frozen=True, order=True):
    """Energy that a node meter counted over [start_us, end_us) for `hosts` together."""

    start_us: int
    end_us: int
    meter: str
    hosts: tuple[str, ...]
    energy_uj: int
    quality: Quality


class DeviceEnergy(msgspec.Struct, frozen=True):
    """Energy of one component device in one page; `known` is the page's time less its gaps. A page
    lies inside one quarter-hour."""

    device: DeviceKey
    start_us: int
    known: tuple[Span, ...]
    energy_uj: int
    quality: Quality


class Slice(msgspec.Struct, frozen=True):
    """A meter and its hosts in one quarter-hour.

    `node_uj` and `components_uj` are what both say of the `common_us` that both cover;
    `residue_uj` is the node energy, and `components_residue_uj` the component energy, of the
    quarter-hour outside it. `node_us` is the time the meter covers.
    """

    start_us: int
    meter: str
    hosts: tuple[str, ...]
    node_uj: int
    components_uj: int
    residue_uj: int
    components_residue_uj: int
    node_us: int
    common_us: int
    quality: Quality
    components_quality_uj: Mapping[Quality, int] = {}

    @property
    def platform_uj(self) -> int:
        """Node less components over common cover; negative where the meter lags."""
        return self.node_uj - self.components_uj


class Facts(msgspec.Struct, frozen=True):
    """What platform is derived from; `expected_us` says since when each device is expected."""

    nodes: Sequence[NodeEnergy]
    devices: Sequence[DeviceEnergy]
    expected_us: Mapping[DeviceKey, int]


def disjoint(nodes: Iterable[NodeEnergy]) -> tuple[list[NodeEnergy], list[NodeEnergy]]:
    """The facts of each meter that do not overlap an earlier one of it, and those left out."""
    kept: list[NodeEnergy] = []
    left_out: list[NodeEnergy] = []
    reached_us: dict[str, int] = {}
    for fact in sorted(nodes):
        overlaps = fact.start_us < reached_us.get(fact.meter, fact.start_us)
        if overlaps or fact.end_us <= fact.start_us:
            left_out.append(fact)
        else:
            kept.append(fact)
            reached_us[fact.meter] = fact.end_us
    return kept, left_out


def slices(facts: Facts) -> Iterator[Slice]:
    """Every meter's quarter-hours that one of its facts touches, in order of time and meter.

    The facts of a meter must be `disjoint`.
    """
    devices: dict[tuple[int, str], list[DeviceEnergy]] = defaultdict(list)
    for device in facts.devices:
        devices[device.start_us // QUARTER_US * QUARTER_US, device.device[0]].append(device)
    expected: dict[str, dict[DeviceKey, int]] = defaultdict(dict)
    for key, since_us in facts.expected_us.items():
        expected[key[0]][key] = since_us
    pieces: dict[tuple[int, str, tuple[str, ...]], list[NodeEnergy]] = defaultdict(list)
    for fact in facts.nodes:
        for piece in _over_quarters(fact):
            quarter_us = piece.start_us // QUARTER_US * QUARTER_US
            pieces[quarter_us, fact.meter, fact.hosts].append(piece)
    for (quarter_us, meter, hosts), found in sorted(pieces.items()):
        here = [energy for host in hosts for energy in devices.get((quarter_us, host), ())]
        wanted = {host: expected.get(host, {}) for host in hosts}
        yield _slice(quarter_us, meter, found, here, wanted)


def chosen(found: Iterable[Slice]) -> dict[tuple[int, str, tuple[str, ...]], bool]:
    """Which slices count: no host twice in a quarter-hour.

    Of meters that share a host, the one with the most common cover comes first, then the one with
    fewer hosts, then a counter before integrated power, then by name.
    """
    by_quarter: dict[int, list[Slice]] = defaultdict(list)
    for one in found:
        by_quarter[one.start_us].append(one)
    picked = {}
    for same_time in by_quarter.values():
        taken: set[str] = set()
        for one in sorted(same_time, key=_rank):
            free = taken.isdisjoint(one.hosts)
            picked[one.start_us, one.meter, one.hosts] = free
            if free:
                taken.update(one.hosts)
    return picked


def _rank(one: Slice) -> tuple[int, int, str, str]:
    return -one.common_us, len(one.hosts), one.quality, one.meter


def _over_quarters(fact: NodeEnergy) -> Iterator[NodeEnergy]:
    """The fact cut at quarter-hours, its energy spread by time."""
    first = fact.start_us // QUARTER_US
    spans = {
        f"{number:06d}": (max(fact.start_us, start_us), min(fact.end_us, start_us + QUARTER_US))
        for number, start_us in enumerate(range(first * QUARTER_US, fact.end_us, QUARTER_US))
    }
    weights = {name: end_us - start_us for name, (start_us, end_us) in spans.items()}
    shares = attribute(fact.energy_uj, weights)
    for name, (start_us, end_us) in spans.items():
        yield msgspec.structs.replace(
            fact, start_us=start_us, end_us=end_us, energy_uj=shares[name]
        )


def _slice(
    quarter_us: int,
    meter: str,
    pieces: list[NodeEnergy],
    here: list[DeviceEnergy],
    expected: Mapping[str, Mapping[DeviceKey, int]],
) -> Slice:
    common = _common(pieces, here, expected, quarter_us)
    node_uj = sum(_within(one.energy_uj, ((one.start_us, one.end_us),), common) for one in pieces)
    by_quality: Counter[Quality] = Counter()
    for one in here:
        by_quality[one.quality] += _within(one.energy_uj, one.known, common)
    components_uj = sum(by_quality.values())
    return Slice(
        start_us=quarter_us,
        meter=meter,
        hosts=pieces[0].hosts,
        node_uj=node_uj,
        components_uj=components_uj,
        residue_uj=sum(one.energy_uj for one in pieces) - node_uj,
        components_residue_uj=sum(one.energy_uj for one in here) - components_uj,
        node_us=sum(one.end_us - one.start_us for one in pieces),
        common_us=_length(common),
        quality="counter" if all(one.quality == "counter" for one in pieces) else "integrated",
        components_quality_uj=dict(sorted(by_quality.items())),
    )


def _common(
    pieces: list[NodeEnergy],
    here: list[DeviceEnergy],
    expected: Mapping[str, Mapping[DeviceKey, int]],
    quarter_us: int,
) -> list[Span]:
    """Where the meter and every device expected on each of its hosts are known; a host of which no
    device is known yet leaves nothing."""
    common = [(one.start_us, one.end_us) for one in pieces]
    known: dict[DeviceKey, list[Span]] = defaultdict(list)
    for one in here:
        known[one.device].extend(one.known)
    for devices in expected.values():
        due = {key for key, since_us in devices.items() if since_us < quarter_us + QUARTER_US}
        if not due:
            return []
        for key in due:
            common = intersect(common, sorted(known[key]))
    return common


def intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The time that two ordered lists of disjoint spans share."""
    shared, left, right = [], 0, 0
    while left < len(one) and right < len(other):
        start_us = max(one[left][0], other[right][0])
        end_us = min(one[left][1], other[right][1])
        if start_us < end_us:
            shared.append((start_us, end_us))
        if one[left][1] <= other[right][1]:
            left += 1
        else:
            right += 1
    return shared


def _length(spans: Iterable[Span]) -> int:
    return sum(end_us - start_us for start_us, end_us in spans)


def _within(energy_uj: int, known: Sequence[Span], common: Sequence[Span]) -> int:
    """The part of an energy over `known` time that falls into `common`, spread by time; an energy
    of no known time falls outside."""
    inside_us = _length(intersect(known, common))
    weights = {"inside": inside_us, "outside": _length(known) - inside_us}
    return attribute(energy_uj, weights, otherwise="outside").get("inside", 0)
