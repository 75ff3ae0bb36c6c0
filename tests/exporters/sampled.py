"""A sampler on a scripted device, tick by tick: no clock, no file."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from exporters.account import Track
from exporters.clock import Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import Sampler
from exporters.sensors.sensor import Device, Failure
from exporters.weights import Usage
from footprint.interval import to_us
from footprint.ledger import GENESIS, Page, check
from footprint.reading import Counter, Gap

START = to_us(datetime(2026, 11, 21, 21, 0, tzinfo=UTC))
KEY = ("rapl", "package-0")
S = 1_000_000
LEDGER = hashlib.md5(b"a ledger", usedforsecurity=False).hexdigest()


def package(**changes: object) -> Device:
    """A processor package with a 64-bit counter, no floor, 500 W at most."""
    facts: dict[str, object] = {
        "sensor": "rapl",
        "device": "package-0",
        "component": "cpu",
        "covers": "package-0",
        "quality": "counter",
        "max_power_uw": 500 * S,
    }
    return Device(**{**facts, **changes})  # type: ignore[arg-type]


class Host:
    """A sampler fed tick by tick; time in microseconds after START."""

    def __init__(self, device: Device | None = None, *, page_seconds: int = 10) -> None:
        self.device = device or package()
        self.sampler = Sampler(
            Drafts(page_seconds, START), {KEY: Track(self.device, covered_us=START)}, {}
        )
        self.pages: list[Page] = []
        self.boot = "11111111-2222-3333-4444-555555555555"
        self.sampler.begin(Instant(0, START))

    def tick(self, at_us: int, value_uj: int | None, *, chat_ns: int = 0, host_ns: int = 0) -> None:
        """One tick: a counter value, or None for a reading that failed."""
        now = Instant(at_us * 1000, START + at_us)
        reading = (
            Failure(Gap("read_failed"), "rapl: cannot read it")
            if value_uj is None
            else Counter(
                value_uj, at_us * 1000, self.boot, self.device.range_uj, self.device.max_power_uw
            )
        )
        self.sampler.tick(now, {KEY: reading}, Usage(host_ns, 0, {"chat": chat_ns}), {})
        self._seal(now)

    def end(self, at_us: int) -> list[Page]:
        """Seal everything; the pages."""
        self._seal(Instant(at_us * 1000, START + at_us), final=True)
        return self.pages

    def _seal(self, now: Instant, *, final: bool = False) -> None:
        for draft in self.sampler.due(now, final=final):
            chain = Chain(
                "host", LEDGER, self.boot, len(self.pages), "1" * 64 if self.pages else GENESIS
            )
            page = seal(draft, chain)
            check(page)
            self.pages.append(page)


def energies(pages: Iterable[Page]) -> list[dict[str, int]]:
    """Per page: energy by consumer."""
    result = []
    for page in pages:
        found: dict[str, int] = {}
        for entry in page.entries:
            found[entry.consumer] = found.get(entry.consumer, 0) + entry.energy_uj
        result.append(found)
    return result


def gaps(pages: Iterable[Page]) -> list[tuple[str, str, int, int]]:
    """(kind, cause, start, end) in seconds after START."""
    return [
        (gap.kind, gap.cause, (to_us(gap.start) - START) // S, (to_us(gap.end) - START) // S)
        for page in pages
        for gap in page.gaps
    ]
