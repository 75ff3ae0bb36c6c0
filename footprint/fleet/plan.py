"""What a fleet is told: how many hosts, which time, which devices, which faults. One frozen `Plan`.

In: the options of `footprint fleet`. Out: the plan, and the slots of time that pages are of.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from footprint.fleet.errors import FleetError
from footprint.fleet.load import mix
from footprint.interval import Interval, check_page_seconds, cuts, floor_to, month_of, to_us

DEFAULT_SHAPES = ("cpu=1,dram=1,gpu=1", "cpu=1,dram=1", "cpu=1,dram=1,gpu=2")
MOST_HOSTS = 99_999
MOST_BATCH_PAGES = 1000
MOST_DAYS = 367
MOST_SECONDS = 86_400
_SHAPE = re.compile(r"(cpu|dram|gpu)=([0-9]{1,2})")


class Shape(msgspec.Struct, frozen=True):
    """How many devices of each component a host has; it has a processor at least."""

    cpu: int
    dram: int = 0
    gpu: int = 0


class Slot(msgspec.Struct, frozen=True):
    """The time of one page: its number in the run, its interval, its month (Europe/Paris)."""

    number: int
    start: datetime
    end: datetime
    month: str

    @property
    def microseconds(self) -> int:
        """Its length."""
        return to_us(self.end) - to_us(self.start)


class Plan(msgspec.Struct, frozen=True):
    """A run. The same `seed`, `start` and `page_seconds` make the same pages.

    `rates`: chance of each fault, 0 to 1, by name. `in_seconds`: one page of each host in so many
    seconds, page after page; None: as fast as it goes. `patience_seconds`: how long a service may
    not answer. `set_back`: it may lose what it acknowledged, as one restored from a backup does.
    """

    seed: int
    hosts: int
    start: datetime
    pages: int
    page_seconds: int = 900
    shapes: Sequence[Shape] = (Shape(1),)
    rates: Mapping[str, float] = {}
    batch_pages: int = 100
    connections: int = 4
    in_seconds: float | None = None
    patience_seconds: float = 300
    set_back: bool = False

    @property
    def name(self) -> str:
        """Stands in every host's code, so that runs do not mix."""
        return f"fleet-{mix(self.seed, to_us(self.start), self.page_seconds) >> 40:06x}"

    def host_id(self, number: int) -> str:
        """The code of one host; in the order of numbers."""
        return f"{self.name}-{number:05d}"

    def slots(self) -> list[Slot]:
        """The time of every page, in order."""
        end = self.start + timedelta(seconds=self.pages * self.page_seconds)
        return [
            Slot(number, piece.start, piece.end, month_of(piece.start))
            for number, piece in enumerate(cuts(Interval(self.start, end), self.page_seconds))
        ]


def checked(plan: Plan) -> Plan:
    """`plan` if it can be run; FleetError says which option cannot."""
    for option, value, most in (
        ("--hosts", plan.hosts, MOST_HOSTS),
        ("--batch-pages", plan.batch_pages, MOST_BATCH_PAGES),
        ("--connections", plan.connections, 1000),
        ("--days, --pages", plan.pages, MOST_DAYS * 96),
    ):
        if not 1 <= value <= most:
            raise FleetError(f"{option}: {value} is not between 1 and {most}")
    for option, seconds in (
        ("--in-seconds", plan.in_seconds),
        ("--patience-seconds", plan.patience_seconds),
    ):
        if seconds is not None and not 0 < seconds <= MOST_SECONDS:
            raise FleetError(f"{option}: {seconds:g} is not more than 0 and at most {MOST_SECONDS}")
    try:
        check_page_seconds(plan.page_seconds)
    except ValueError as error:
        raise FleetError(f"--page-seconds: {error}") from error
    if plan.start != floor_to(plan.start, plan.page_seconds):
        raise FleetError(
            f"--start: {plan.start.isoformat()} is not at the end of a page of "
            f"{plan.page_seconds} s; choose {floor_to(plan.start, plan.page_seconds).isoformat()}"
        )
    return plan


def shape(text: str) -> Shape:
    """The shape that `cpu=2,dram=2,gpu=8` names. Raises FleetError."""
    found = dict.fromkeys(("cpu", "dram", "gpu"), 0)
    for word in text.split(","):
        match = _SHAPE.fullmatch(word)
        if match is None:
            raise FleetError(f"--devices: {text!r}: write such as cpu=2,dram=2,gpu=8")
        found[match[1]] = int(match[2])
    if not found["cpu"]:
        raise FleetError(f"--devices: {text!r}: every host has a processor; add cpu=1")
    return Shape(**found)
