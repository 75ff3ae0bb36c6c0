"""One simulated agent: a host's counters and ledger, and the pages that it makes of them.

In: a slot of time, and what is special about it (`Story`). Out: `Sealed`: a page's canonical bytes,
its hash, and what it holds to account for. What a page holds depends on plan, host and slot alone,
so that a copy of a host makes the same pages again.
"""

from datetime import datetime, timedelta
from typing import Self

import msgspec

from footprint import METHOD_VERSION, __version__, codes, units
from footprint.attribution import Parts, divide
from footprint.fleet.devices import Device, devices_of
from footprint.fleet.load import Load, mix
from footprint.fleet.plan import Plan, Slot
from footprint.ledger import (
    GENESIS,
    Component,
    Entry,
    GapRecord,
    NodeFact,
    Page,
    Parent,
    Quality,
    SensorState,
    Versions,
    canonical_bytes,
    hash_bytes,
)
from footprint.reading import Cause

SIA = tuple(f"fleet-sia-{number:02d}" for number in range(20))
VERSIONS = Versions(agent=__version__, method=METHOD_VERSION)
METERED = 5
"""Every fifth host has a management controller that its agent reads."""
CONTROLLER_UW = 45_000_000
"""What a host draws beside its components, and the losses of its power supply in permille."""
LOSSES_PERMILLE = 80
RARE, RARER = 256, 4096
"""One page in so many: a sensor that fails for half of it, for all of it."""

Cell = tuple[str, Component, str, Quality]
"""Consumer, component, part, quality."""


class Story(msgspec.Struct, frozen=True):
    """What is special about a page. `salt`: another number, another energy. `blind`: nobody knows
    whose the energy was. `down`: no energy is known for the first half, for this reason."""

    salt: int = 0
    blind: bool = False
    down: Cause | None = None


PLAIN = Story()


class Sealed(msgspec.Struct, frozen=True):
    """A page as it is sent, and what it says: energies by cell, gaps (kind, component, cause, us),
    and energy of the node meter."""

    seq: int
    hash: str
    body: bytes
    month: str
    cells: list[tuple[Cell, int]]
    gaps: list[tuple[str, Component, str, int]]
    node_uj: int


class Host:
    """A host, its agent and its spool, between two pages."""

    __slots__ = (
        "_boot",
        "_counters_uj",
        "_devices",
        "_load",
        "_mains",
        "_metered",
        "_salt",
        "host_id",
        "ledger_id",
        "ledgers",
        "parent",
        "previous_hash",
        "seq",
    )

    def __init__(self, plan: Plan, load: Load, number: int) -> None:
        self._load = load
        self._salt = mix(plan.seed, number)
        self._devices = devices_of(plan.shapes[number % len(plan.shapes)], self._salt, number)
        self._counters_uj = [mix(self._salt, place) % 2**40 for place in range(len(self._devices))]
        self._boot = 0
        self._mains = SIA[self._salt % 20], SIA[(self._salt // 20 % 19 + self._salt + 1) % 20]
        self._metered = number % METERED == 0
        self.host_id = plan.host_id(number)
        self.ledgers = 0
        self.seq, self.previous_hash = -1, GENESIS
        self.parent: Parent | None = None
        self.ledger_id = self._ledger_id()

    def copy(self) -> Self:
        """This host as it is now: its virtual machine cloned, or its disk kept."""
        twin = object.__new__(type(self))
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin._counters_uj = [*self._counters_uj]
        return twin

    def restart(self, *, anew: bool = False) -> None:
        """Another boot, in which counters begin anew where the processor's do."""
        self._boot += 1
        self._counters_uj = [
            0 if device.sensor == "rapl" else value
            for device, value in zip(self._devices, self._counters_uj, strict=True)
        ]
        if anew:
            self.open_ledger()

    def open_ledger(self, branch: int = 0) -> None:
        """Begin a ledger that names this one as its parent; `branch` tells those of clones."""
        if self.seq >= 0:
            self.parent = Parent(self.ledger_id, self.seq, self.previous_hash)
        self.ledgers += 1 + branch
        self.seq, self.previous_hash = -1, GENESIS
        self.ledger_id = self._ledger_id()

    def _ledger_id(self) -> str:
        return _identifier(mix(self._salt, 1, self.ledgers), self.host_id)

    def page(self, slot: Slot, story: Story = PLAIN) -> Page:
        """The next page of the ledger; the host goes on from it with `seal`."""
        word = mix(self._salt, slot.number, story.salt)
        use = self._load.permille(slot.number, self._salt & 0xFF)
        states: list[SensorState] = []
        entries: list[Entry] = []
        gaps: list[GapRecord] = []
        for place, device in enumerate(self._devices):
            chance = word >> (place * 3 % 40)
            gap = _gap(device, chance, slot, story.down)
            energy_uj, parts = self._metered_by(device, slot, gap, use, chance)
            if story.blind:
                parts = {"undivided": {codes.UNATTRIBUTED: energy_uj}} if energy_uj else {}
                gaps.append(_record("blind", device, slot.start, slot.end, "outage"))
            first_uj = self._counters_uj[place]
            self._counters_uj[place] = last_uj = first_uj + energy_uj
            states.append(device.state(slot, energy_uj, first_uj, last_uj, gap))
            entries += device.entries(parts)
            gaps += [gap] if gap else []
        return Page(
            format=1,
            host_id=self.host_id,
            ledger_id=self.ledger_id,
            seq=self.seq + 1,
            previous_hash=self.previous_hash,
            parent=self.parent,
            boot_id=_identifier(mix(self._salt, 2, self._boot), self.host_id),
            start=slot.start,
            end=slot.end,
            clock_offset_us=word % 4001 - 2000,
            versions=VERSIONS,
            host=_HOST,
            sensors=states,
            entries=entries,
            gaps=gaps,
            nodes=_node_facts(self.host_id, slot, states) if self._metered else [],
        )

    def _metered_by(
        self, device: Device, slot: Slot, gap: GapRecord | None, use: int, chance: int
    ) -> tuple[int, Parts]:
        """What a device used in a slot, less its gap, and whose it was."""
        known_us = slot.microseconds - ((gap.end - gap.start) // _MICROSECOND if gap else 0)
        if not known_us:
            return 0, {}
        duration_ns = known_us * 1000
        energy_uj = units.uj_from_power(device.power_uw(use), duration_ns) + (chance & 0xFFFF)
        card = device.component == "gpu"
        first, second = self._mains
        parts = divide(
            energy_uj,
            duration_ns,
            floor_uw=device.floor_uw,
            static_weights={first: 3, second: 1},
            dynamic_weights=(_of_card if card else _of_host)(first, second, use, chance),
            otherwise=codes.IDLE if card else codes.SYSTEM,
        )
        return energy_uj, parts

    def seal(self, page: Page, month: str, body: bytes | None = None) -> Sealed:
        """The page as it is sent; the ledger goes on after it. `body`: what is sent instead of the
        page's own bytes."""
        body = canonical_bytes(page) if body is None else body
        page_hash = hash_bytes(body)
        self.seq, self.previous_hash = page.seq, page_hash
        return Sealed(
            seq=page.seq,
            hash=page_hash,
            body=body,
            month=month,
            cells=[
                ((one.consumer, one.component, one.part, one.quality), one.energy_uj)
                for one in page.entries
            ],
            gaps=[
                (gap.kind, gap.component, gap.cause, (gap.end - gap.start) // _MICROSECOND)
                for gap in page.gaps
            ],
            node_uj=sum(node.energy_uj for node in page.nodes),
        )

    def tell(self, slot: Slot, story: Story = PLAIN) -> Sealed:
        """The next page, sealed."""
        return self.seal(self.page(slot, story), slot.month)


_MICROSECOND = timedelta(microseconds=1)
_HOST = {"logical_cpus": "64", "memory_bytes": "549755813888", "virtualisation": "none"}


def _node_facts(host_id: str, slot: Slot, states: list[SensorState]) -> list[NodeFact]:
    """What a management controller counted in a slot: components, their losses, and the rest."""
    metered_uj = sum(state.metered_uj for state in states)
    rest_uj = units.uj_from_power(CONTROLLER_UW, slot.microseconds * 1000)
    return [
        NodeFact(
            meter="bmc",
            host_ids=[host_id],
            start=slot.start,
            end=slot.end,
            energy_uj=metered_uj + metered_uj * LOSSES_PERMILLE // 1000 + rest_uj,
            quality="integrated",
        )
    ]


def _of_host(first: str, second: str, use: int, chance: int) -> dict[str, int]:
    """CPU time, in a unit of its own."""
    return {
        first: use * (300 + chance % 400),
        second: use * (100 + chance // 400 % 300),
        codes.SYSTEM: 20_000 + chance % 1000,
        codes.AGENT: 900,
    }


def _of_card(first: str, second: str, use: int, chance: int) -> dict[str, int]:
    """Streaming multiprocessor time on a card, permille; none: the card is idle."""
    if use < 130:
        return {}
    weights = {first: use - use * (chance % 300) // 1000}
    if chance & 0x300 == 0x100:
        weights[second] = use // 3
    elif chance & 0xFF00 == 0:
        weights[codes.UNREGISTERED] = use // 5
    return weights


def _gap(device: Device, chance: int, slot: Slot, down: Cause | None) -> GapRecord | None:
    middle = slot.start + (slot.end - slot.start) // 2
    if down:
        return _record("gap", device, slot.start, middle, down)
    if chance % RARER == 1:
        return _record("gap", device, slot.start, slot.end, "read_failed")
    if chance % RARE == 2:
        return _record("gap", device, middle, slot.end, "read_failed")
    return None


def _record(kind: str, device: Device, start: datetime, end: datetime, cause: Cause) -> GapRecord:
    return GapRecord(
        kind="blind" if kind == "blind" else "gap",
        component=device.component,
        device=device.name,
        start=start,
        end=end,
        cause=cause,
    )


def _identifier(word: int, host_id: str) -> str:
    """As random as a UUID of version 4 looks; two words of it are the host's."""
    digits = f"{word:016x}{mix(word, len(host_id)):016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
