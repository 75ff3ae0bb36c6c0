"""What the service says it holds, asked over its API once the pages are delivered.

In: months, and the codes that this run's hosts begin with. Out: `Held`, in the words of the fleet's
own books.
"""

import time
from typing import TypeVar
from urllib.parse import quote

import msgspec

from footprint.fleet.errors import BusyError, FleetError
from footprint.fleet.host import Cell
from footprint.fleet.wire import TROUBLE, Address, Connection
from footprint.ledger import Component, Head, Quality

T = TypeVar("T")
STATEMENT_SECONDS = 1800
"""A statement over many hosts may be slow; that it is slow is shown, not held against it here."""
LIMIT = 1000
AGAIN_SECONDS = 1.0
NO_PAGE = "no_page"
"""The cause of time that no page tells of: it depends on when the service is asked."""


class _Figure(msgspec.Struct):
    energy_uj: int
    quality_uj: dict[Quality, int]


class _Line(msgspec.Struct):
    consumer: str
    component: Component
    part: str
    figure: _Figure


class _Total(msgspec.Struct):
    figure: _Figure
    consumer: str = ""
    component: str = ""


class _Gap(msgspec.Struct):
    kind: str
    component: Component
    cause: str
    duration_us: int


class _Meter(msgspec.Struct):
    meter: str
    node_uj: int
    residue_uj: int
    set_aside_uj: int


class _Platform(msgspec.Struct):
    meters: list[_Meter]


class _Statement(msgspec.Struct):
    total: _Figure
    consumers: list[_Total]
    components: list[_Total]
    lines: list[_Line]
    gaps: list[_Gap]
    quarantined_pages: int
    platform: _Platform | None = None


class _Energy(msgspec.Struct):
    consumer: str
    component: Component
    part: str
    quality: Quality
    energy_uj: int


class HostHeld(msgspec.Struct):
    """A host's month, as the service has it."""

    host_id: str
    accepted_pages: int
    quarantined_pages: int
    energies: list[_Energy]


class _Hosts(msgspec.Struct):
    items: list[HostHeld]
    next: str | None


class _Heads(msgspec.Struct):
    items: list[Head]
    next: str | None


class MonthHeld(msgspec.Struct, frozen=True):
    """A month as its statement has it. `totals`: the statement's own sums by what they are of."""

    cells: dict[Cell, int]
    totals: dict[tuple[str, str], int]
    gaps_us: dict[tuple[str, str, str], int]
    node_uj: dict[str, int]
    quarantined: int
    seconds: float


class Service:
    """Questions to one service, asked again for `patience_seconds` where it gives no answer. Every
    method raises FleetError."""

    def __init__(self, to: Address, patience_seconds: float = 0) -> None:
        self._to = to
        self._patience_seconds = patience_seconds
        self._line = Connection(to, STATEMENT_SECONDS)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def month(self, month: str) -> MonthHeld:
        """The month's statement."""
        began = time.monotonic()
        found = self._get(f"/v1/statements/{month}", _Statement)
        cells: dict[Cell, int] = {}
        for line in found.lines:
            for quality, energy_uj in line.figure.quality_uj.items():
                cell = (line.consumer, line.component, line.part, quality)
                cells[cell] = cells.get(cell, 0) + energy_uj
        totals = {("all", ""): found.total.energy_uj}
        totals |= {("consumer", one.consumer): one.figure.energy_uj for one in found.consumers}
        totals |= {("component", one.component): one.figure.energy_uj for one in found.components}
        totals |= {("quality", name): uj for name, uj in found.total.quality_uj.items()}
        meters = found.platform.meters if found.platform else []
        return MonthHeld(
            cells=cells,
            totals=totals,
            gaps_us={
                (gap.kind, gap.component, gap.cause): gap.duration_us
                for gap in found.gaps
                if gap.cause != NO_PAGE
            },
            node_uj={one.meter: one.node_uj + one.residue_uj + one.set_aside_uj for one in meters},
            quarantined=found.quarantined_pages,
            seconds=time.monotonic() - began,
        )

    def hosts(self, month: str, prefix: str) -> dict[str, HostHeld]:
        """The month of every host whose code begins with `prefix`."""
        found: dict[str, HostHeld] = {}
        cursor: str | None = prefix
        while cursor is not None:
            path = f"/v1/hosts?month={month}&limit={LIMIT}&cursor={quote(cursor, safe='')}"
            answer = self._get(path, _Hosts)
            found |= {one.host_id: one for one in answer.items if one.host_id.startswith(prefix)}
            cursor = _further(answer.next, prefix)
        return found

    def heads(self, prefix: str) -> dict[tuple[str, str], tuple[int, str]]:
        """The heads of every ledger of such hosts."""
        found: dict[tuple[str, str], tuple[int, str]] = {}
        cursor: str | None = f"{prefix}/"
        while cursor is not None:
            path = f"/v1/ledgers?limit={LIMIT}&cursor={quote(cursor, safe='/')}"
            answer = self._get(path, _Heads)
            for head in answer.items:
                if head.host_id.startswith(prefix):
                    found[head.host_id, head.ledger_id] = head.seq, head.hash
            cursor = _further(answer.next, prefix)
        return found

    def _get(self, path: str, kind: type[T]) -> T:
        until = time.monotonic() + self._patience_seconds
        while True:
            try:
                return self._line.get(path, kind)
            except BusyError:
                if time.monotonic() >= until:
                    raise
            except TROUBLE as error:
                if time.monotonic() >= until:
                    raise FleetError(
                        f"--service {self._to.url}: {error}; is it running?"
                    ) from error
            time.sleep(AGAIN_SECONDS)


def _further(cursor: str | None, prefix: str) -> str | None:
    """Where to go on; None where the codes that begin with `prefix` are over."""
    return cursor if cursor is not None and cursor.startswith(prefix) else None
