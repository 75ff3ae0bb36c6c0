"""Reads a node meter beside the ticks, in a thread of its own: a BMC may take seconds to answer.

In: a reader of one BMC. Out: known energies between two readings, on the boot's monotonic clock,
taken over by the agent at its next tick, and how the reading itself went. What readings do not tell
is left out: no fact is a gap. Where the agent's clock is not the machine's own, no thread is
started: whoever drives that clock calls `poll()` when it is time.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from exporters.clock import Boot, boottime_ns
from exporters.drafts import Drafts, NodeRun
from exporters.errors import SettingsError
from exporters.sensors import ipmi, redfish
from exporters.sensors.ipmi import Ipmi
from exporters.sensors.redfish import Redfish, RedfishError
from exporters.sensors.sensor import Absent, Failure
from exporters.settings import Bmc
from footprint.ledger import Quality
from footprint.reading import UPDATE_SLACK_NS, Counter, Gap, PowerSample, consumed
from footprint.units import NS_PER_S, Energy, uj_from_power, uw_from_watts

log = logging.getLogger("footprint.agent")
EVERY_SECONDS = redfish.SAMPLE_EVERY_SECONDS
STOP_SECONDS = 0.5
MAX_UW = uw_from_watts(redfish.MAX_WATTS)
MAX_PAGE_UJ = 2**63 - 1
UNENCRYPTED = (
    "sends its user's password unencrypted; write https:// (ca_file trusts its certificate)"
)
MAX_WAITING = 10_000
"""Energies kept for a tick that does not come: hours of them."""


class Reader(Protocol):
    """What reads one BMC; never raises for a failed read."""

    def read(self) -> Counter | PowerSample | Failure:
        """The host's energy or power now."""

    def close(self) -> None:
        """Give back what it holds."""


class Piece(msgspec.Struct, frozen=True):
    """Energy (uJ) known between two instants of the boot's monotonic clock (ns)."""

    start_ns: int
    end_ns: int
    energy_uj: int
    quality: Quality


class Health(msgspec.Struct, frozen=True):
    """How reading one BMC goes. Instants on the boot's monotonic clock (ns); None: not yet."""

    up: bool = False
    failures: int = 0
    read_seconds: float | None = None
    good_ns: int | None = None
    failed_ns: int | None = None


class MeterState(msgspec.Struct, frozen=True):
    """What one node meter shows: its health, its last good and failed reading (UTC in us), and the
    energy (uJ) that it put into pages since the agent started, by quality."""

    meter: str
    health: Health
    good_us: int | None
    failed_us: int | None
    energy_uj: dict[Quality, int]


class NodeMeter:
    """One BMC, read every `every_seconds` until it is stopped."""

    def __init__(
        self,
        name: str,
        reader: Reader,
        every_seconds: float,
        mono_ns: Callable[[], int] = boottime_ns,
    ) -> None:
        self.name = name
        self.last_end_ns = 0
        self.last_end_us = 0
        self._reader = reader
        self._every_seconds = every_seconds
        self._mono_ns = mono_ns
        self._health = Health()
        self._baseline: Counter | PowerSample | None = None
        self._pieces: list[Piece] = []
        self._failing = False
        self._said = ""
        self._implausible = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bmc-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Ask the thread to end, and wait for it at most so long; it holds nothing of ours."""
        self._stop.set()
        if self._thread.ident is None:
            self._reader.close()
        elif self._thread.is_alive():
            self._thread.join(timeout_seconds)

    @property
    def health(self) -> Health:
        """How reading went so far."""
        with self._lock:
            return self._health

    def drain(self) -> list[Piece]:
        """The energies since the last call, in the order of time."""
        with self._lock:
            pieces, self._pieces = self._pieces, []
        return pieces

    def poll(self) -> None:
        """Read the BMC once, and note how that went."""
        began_ns = self._mono_ns()
        reading = self._reader.read()
        now_ns = self._mono_ns()
        failed = not self.take(reading)
        before = self._health
        after = Health(
            up=not failed,
            failures=before.failures + failed,
            read_seconds=(now_ns - began_ns) / NS_PER_S,
            good_ns=before.good_ns if failed else now_ns,
            failed_ns=now_ns if failed else before.failed_ns,
        )
        with self._lock:
            self._health = after

    def _run(self) -> None:
        while True:
            self.poll()
            if self._stop.wait(self._every_seconds):
                self._reader.close()
                return

    def take(self, reading: Counter | PowerSample | Failure) -> bool:
        """Add what a reading proves together with the one before; False where it failed, or is
        more than a host can draw: then the counter goes on from there."""
        if isinstance(reading, Failure):
            self._failed(reading.error)
            return False  # a counter goes on; power samples too far apart are a gap anyway
        if self._said:
            log.warning("%s: reads again", self.name)
        self._failing, self._said = False, ""
        baseline = self._baseline
        if baseline is None or type(baseline) is not type(reading):
            self._baseline = reading
            return True
        outcome = _plausible(consumed(baseline, reading), reading.at_ns - baseline.at_ns)
        counted = isinstance(reading, Counter)
        if outcome == Energy(0) and counted:
            return True  # a coarse counter that has not moved yet: its next move counts
        self._baseline = reading
        if isinstance(outcome, Gap):
            return outcome.cause != "implausible" or self._jumped(reading.at_ns - baseline.at_ns)
        quality: Quality = "counter" if counted else "integrated"
        self._add(Piece(baseline.at_ns, reading.at_ns, outcome.uj, quality))
        return True

    def _jumped(self, elapsed_ns: int) -> bool:
        """Say that a reading cannot be right: the first, second, fourth, eighth time."""
        self._implausible += 1
        if self._implausible & (self._implausible - 1) == 0:
            log.warning(
                "%s: gap implausible: in %.1f s it rose by more than a host can draw (%d W); that "
                "energy is left out, and it counts on from there (%d so far); update the BMC's "
                "firmware if that goes on",
                self.name,
                elapsed_ns / NS_PER_S,
                redfish.MAX_WATTS,
                self._implausible,
            )
        return False

    def _failed(self, error: str) -> None:
        """Say it once, and not of a single reading: many BMCs answer 503 now and then, which costs
        nothing (two samples may be 5 s apart)."""
        if self._failing and error != self._said:
            log.warning("%s: %s", self.name, error)
            self._said = error
        self._failing = True

    def _add(self, piece: Piece) -> None:
        with self._lock:
            if piece.end_ns > piece.start_ns and len(self._pieces) < MAX_WAITING:
                self._pieces.append(piece)


class NodeMeters:
    """Every BMC that the settings name; where they name none, this host's own by IPMI."""

    def __init__(self, rules: Sequence[Bmc], boot: Boot, *, by_ipmi: bool = False) -> None:
        """Nothing is read yet. Raises SettingsError: which BMC, what, the remedy."""
        self._boot = boot
        self._meters: list[NodeMeter] = []
        self._energy_uj: dict[str, dict[Quality, int]] = {}
        for rule in rules:
            self._meet(rule.name, reader(rule, boot), ("counter", "integrated"))
        self._open = [rule.name for rule in rules if redfish.is_open(rule.url)]
        self._findings = [f"node meter: {rule.name}: {rule.url}" for rule in rules]
        if by_ipmi and not rules:
            self._add(ipmi.discover(boot))

    def _add(self, found: Ipmi | Absent) -> None:
        if isinstance(found, Absent):
            self._findings.append(f"absent: {found.sensor}: {found.reason}")
        else:
            self._meet(found.name, found, ("integrated",))
            self._findings.append(f"node meter: {found.name}: read by ipmitool")

    def _meet(self, name: str, reader: Reader, qualities: Sequence[Quality]) -> None:
        """`qualities`: what its energy may be; a series that appears with its first joule would
        hide that joule from a rate."""
        self._meters.append(NodeMeter(name, reader, EVERY_SECONDS, self._boot.mono_ns))
        self._energy_uj[name] = dict.fromkeys(qualities, 0)

    def findings(self) -> list[str]:
        """The node meters there are, a line each."""
        return self._findings

    def start(self) -> None:
        """Begin to read them all; not by threads where the clock is not the machine's own."""
        for name in self._open:
            log.warning("bmc %s: url: http:// %s", name, UNENCRYPTED)
        if self._boot.mono_ns is boottime_ns:
            for meter in self._meters:
                meter.start()

    def poll(self) -> None:
        """Read each of them once, now: what the threads do every `EVERY_SECONDS`."""
        for meter in self._meters:
            meter.poll()

    def stop(self) -> None:
        """End the threads; one that waits for its BMC ends by itself."""
        for meter in self._meters:
            meter.stop(STOP_SECONDS)

    def book(self, drafts: Drafts, utc_us: Callable[[int], int]) -> None:
        """Put what was read since the last tick into the open pages."""
        for meter in self._meters:
            for piece in meter.drain():
                start_us, end_us = place(meter, piece, utc_us)
                drafts.node(NodeRun(meter.name, start_us, end_us, piece.energy_uj, piece.quality))
                self._energy_uj[meter.name][piece.quality] += piece.energy_uj

    def states(self, utc_us: Callable[[int], int]) -> list[MeterState]:
        """What each of them shows now."""

        def at(mono_ns: int | None) -> int | None:
            return None if mono_ns is None else utc_us(mono_ns)

        return [
            MeterState(
                meter=meter.name,
                health=(health := meter.health),
                good_us=at(health.good_ns),
                failed_us=at(health.failed_ns),
                energy_uj=dict(self._energy_uj[meter.name]),
            )
            for meter in self._meters
        ]


def reader(rule: Bmc, boot: Boot) -> Redfish:
    """The reader of one BMC. Raises SettingsError: which BMC, what, the remedy."""
    try:
        password = Path(rule.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(
            f"bmc {rule.name}: password_file: cannot read {rule.password_file}: {reason}; "
            "put the password of its user there, readable by the agent's user"
        ) from error
    try:
        return Redfish(redfish.Bmc(rule.url, rule.user, password, rule.ca_file), boot)
    except RedfishError as error:
        raise SettingsError(f"bmc {rule.name}: {error}") from error


def _plausible(outcome: Energy | Gap, elapsed_ns: int) -> Energy | Gap:
    """Whatever read it: no energy that a host cannot draw gets into a page, nor one that a page
    cannot hold (63 bits: that bound over 2.9 years)."""
    if isinstance(outcome, Gap):
        return outcome
    most_uj = min(uj_from_power(MAX_UW, elapsed_ns + UPDATE_SLACK_NS), MAX_PAGE_UJ)
    return Gap("implausible") if outcome.uj > most_uj else outcome


def place(meter: NodeMeter, piece: Piece, utc_us: Callable[[int], int]) -> tuple[int, int]:
    """[start, end) of a piece in microseconds of UTC: after the one before, and without a hole
    between two that follow each other, although the agent's clock is trimmed between."""
    start_us = utc_us(piece.start_ns)
    follows = piece.start_ns == meter.last_end_ns
    start_us = meter.last_end_us if follows else max(start_us, meter.last_end_us)
    end_us = max(utc_us(piece.end_ns), start_us + 1)
    meter.last_end_ns, meter.last_end_us = piece.end_ns, end_us
    return start_us, end_us
