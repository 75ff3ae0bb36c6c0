"""Small real drafts and spools, for the tests of what keeps and sends pages."""

import msgspec

from exporters.account import Track
from exporters.drafts import Draft
from exporters.sensors.sensor import Device
from exporters.spool import Checkpoint, Spool
from footprint.interval import to_us
from tests.pages import BOOT, START

HOST = "host-1"
START_US = to_us(START)
SECOND_US = 1_000_000
DEVICE = Device("rapl", "package-0", "cpu", "package-0", "counter")


def draft(index: int, energy_uj: int = 1_000_000, seconds: int = 60) -> Draft:
    """The draft that follows `index` others of the same length."""
    start_us = START_US + index * seconds * SECOND_US
    result = Draft(start_us, start_us + seconds * SECOND_US)
    cover = result.cover(DEVICE)
    shares = {"chat": energy_uj, "@system": 1}
    cover.add(energy_uj + 1, {"undivided": shares})
    return result


def checkpoint(drafts: list[Draft] | None = None, covered_us: int = START_US) -> Checkpoint:
    """A checkpoint of one device, settled until `covered_us`."""
    drafts = drafts or []
    start_us = drafts[0].start_us if drafts else covered_us
    return Checkpoint(BOOT, start_us, drafts, [Track(DEVICE, covered_us=covered_us)])


def fill(spool: Spool, count: int, first: int = 0, seconds: int = 60) -> None:
    """Seal `count` pages, each in a transaction of its own."""
    for index in range(first, first + count):
        sealed = draft(index, seconds=seconds)
        spool.save(checkpoint(covered_us=sealed.end_us), [sealed])


def encoded(value: Checkpoint | None) -> bytes:
    """A checkpoint as bytes, to be compared."""
    return msgspec.json.encode(value)
