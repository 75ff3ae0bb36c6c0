"""/metrics and the landing page: a pure read of what the last tick left.

In: at the end of every tick, how to copy what it left into an immutable `Snapshot`; the first
scrape after it does. Out: Prometheus text over HTTP, names and help from `footprint.metrics`. A
scrape reads no sensor, no file and no database.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporters.bmc import MeterState
from exporters.doctor_served import DoctorPage
from exporters.drafts import DeviceKey, Energies
from exporters.errors import AgentError
from exporters.keeper import Keeping
from exporters.sensors.sensor import Device
from exporters.settings import Factor
from exporters.workloads.gpus import BoardState
from footprint import METHOD_VERSION, __version__, codes, metrics, metrics_keeping
from footprint.units import grams_float, joules_float, micrograms

Family = CounterMetricFamily | GaugeMetricFamily
SLOW_CLIENT_SECONDS = 10
MOST_TICK_SECONDS = 1.0
"""How long a scrape waits for a tick to end, before it sees what it saw the last time."""
REFUSED_SECONDS = 0.1
"""Until a connection is accepted again for which no file was left."""


class Snapshot(msgspec.Struct, frozen=True):
    """What the last tick left to be seen."""

    host_id: str
    ledger_id: str
    at_seconds: float
    tick_seconds: float
    ticks_late: int
    clock_offset_seconds: float
    devices: list[Device]
    up: dict[DeviceKey, bool]
    read_seconds: dict[str, float]
    energy_uj: dict[DeviceKey, Energies]
    gap_us: dict[tuple[DeviceKey, str], int]
    failures: dict[DeviceKey, int]
    keeping: Keeping
    factor: Factor | None
    nodes: list[MeterState] = []
    gpus: list[BoardState] = []


class Exposition(Collector):
    """Turns the newest snapshot into metric families.

    `ticking`: held while a tick changes what is shown.
    """

    def __init__(self) -> None:
        self.ticking = threading.Lock()
        self._copied: Callable[[], Snapshot] | None = None
        self._snapshot: Snapshot | None = None

    def show(self, copied: Callable[[], Snapshot]) -> None:
        """From now on scrapes see what `copied` returns. It is called once, between two ticks, by
        whoever scrapes first: most ticks are never looked at."""
        self._copied = copied

    @property
    def snapshot(self) -> Snapshot | None:
        """The last tick, or None before the first; the one seen last where a tick takes longer than
        `MOST_TICK_SECONDS`."""
        if self._copied is not None and self.ticking.acquire(timeout=MOST_TICK_SECONDS):
            try:
                if self._copied is not None:  # else another scrape was faster
                    self._snapshot, self._copied = self._copied(), None
            finally:
                self.ticking.release()
        return self._snapshot

    def collect(self) -> Iterator[Family]:
        """Every family of the last tick."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        yield from _energy(snapshot)
        yield from _emissions(snapshot)
        yield from _sensors(snapshot)
        yield from _gpus(snapshot.gpus)
        yield from _nodes(snapshot.nodes)
        yield from _agent(snapshot)


def family(metric: metrics.Metric, samples: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    """A metric of the catalogue with its samples: (label values, value)."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    result = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        result.add_metric(labels, value)
    return result


def _energy(snapshot: Snapshot) -> Iterator[Family]:
    devices = {(device.sensor, device.device): device for device in snapshot.devices}
    metered: dict[DeviceKey, int] = dict.fromkeys(devices, 0)
    entries: dict[tuple[str, ...], int] = {}
    for key, device in devices.items():
        for place, energy_uj in snapshot.energy_uj.get(key, {}).items():
            metered[key] += energy_uj
            if device.component is not None:
                consumer, _, part = place.partition(" ")
                whose = codes.sia_of(consumer)
                labels = (device.component, device.device, whose, part, device.quality)
                entries[labels] = entries.get(labels, 0) + energy_uj
    yield family(
        metrics.AGENT_ENERGY,
        ((labels, joules_float(total_uj)) for labels, total_uj in entries.items()),
    )
    yield family(
        metrics.AGENT_DEVICE_ENERGY,
        (
            ((str(device.component), device.device, device.sensor, device.quality), total)
            for device, total in _totals(devices, metered)
            if device.component is not None
        ),
    )
    yield family(
        metrics.AGENT_EVIDENCE_ENERGY,
        (
            ((device.device, device.covers, device.sensor), total)
            for device, total in _totals(devices, metered)
            if device.evidence
        ),
    )


def _totals(
    devices: Mapping[DeviceKey, Device], metered: Mapping[DeviceKey, int]
) -> Iterator[tuple[Device, float]]:
    return ((devices[key], joules_float(total_uj)) for key, total_uj in metered.items())


def _emissions(snapshot: Snapshot) -> Iterator[Family]:
    """Grams at the configured factor; nothing at all where none is configured."""
    factor = snapshot.factor
    if factor is None:
        return
    labels = (factor.zone, "configured", factor.source, factor.valid_from, "unknown")
    yield family(metrics.EMISSION_FACTOR, [(labels, float(factor.grams_per_kwh))])
    qualities = {(d.sensor, d.device): d.quality for d in snapshot.devices if not d.evidence}
    energy_uj: dict[tuple[str, str], int] = {}
    for key, quality in qualities.items():
        for place, share_uj in snapshot.energy_uj.get(key, {}).items():
            whose = (codes.sia_of(place.partition(" ")[0]), quality)
            energy_uj[whose] = energy_uj.get(whose, 0) + share_uj
    yield family(
        metrics.AGENT_EMISSIONS,
        (
            (whose, grams_float(micrograms(total_uj, factor.grams_per_kwh)))
            for whose, total_uj in energy_uj.items()
        ),
    )


def _sensors(snapshot: Snapshot) -> Iterator[Family]:
    devices = snapshot.devices
    yield family(
        metrics.SENSOR_INFO,
        (((d.sensor, d.component or "none", d.device, d.quality, d.covers), 1.0) for d in devices),
    )
    yield family(
        metrics.SENSOR_UP,
        (((d.sensor, d.device), float(snapshot.up[d.sensor, d.device])) for d in devices),
    )
    yield family(
        metrics.SENSOR_READ_SECONDS,
        (((sensor,), seconds) for sensor, seconds in snapshot.read_seconds.items()),
    )
    yield family(
        metrics.SENSOR_FAILURES,
        (
            ((d.sensor, d.device), float(snapshot.failures.get((d.sensor, d.device), 0)))
            for d in devices
        ),
    )
    components = {(d.sensor, d.device): d.component or "none" for d in devices}
    yield family(
        metrics.GAP_SECONDS,
        (
            ((components[key], key[1], cause), gap_us / 1e6)
            for (key, cause), gap_us in snapshot.gap_us.items()
        ),
    )


def _gpus(boards: list[BoardState]) -> Iterator[Family]:
    """Whose boards are; how many strangers a board has is told where it is looked at."""
    yield family(
        metrics.GPU_UNREGISTERED,
        (((b.uuid,), float(b.unregistered)) for b in boards if b.unregistered is not None),
    )
    yield family(
        metrics.GPU_ATTRIBUTION_SECONDS,
        (((b.uuid, basis), ns / 1e9) for b in boards for basis, ns in b.basis_ns.items()),
    )


def _nodes(meters: list[MeterState]) -> Iterator[Family]:
    """Node meters: energy of whole hosts, and how reading them goes; what is not known yet has no
    series."""
    yield family(
        metrics.NODE_ENERGY,
        (
            ((meter.meter, quality), joules_float(energy_uj))
            for meter in meters
            for quality, energy_uj in meter.energy_uj.items()
        ),
    )
    values: dict[metrics.Metric, Callable[[MeterState], float | None]] = {
        metrics.NODE_UP: lambda meter: float(meter.health.up),
        metrics.NODE_READ_SECONDS: lambda meter: meter.health.read_seconds,
        metrics.NODE_FAILURES: lambda meter: float(meter.health.failures),
        metrics.NODE_LAST_READ: lambda meter: _seconds(meter.good_us),
        metrics.NODE_LAST_FAILURE: lambda meter: _seconds(meter.failed_us),
    }
    for metric, value in values.items():
        known = ((meter.meter, value(meter)) for meter in meters)
        yield family(metric, (((name,), found) for name, found in known if found is not None))


def _seconds(at_us: int | None) -> float | None:
    return None if at_us is None else at_us / 1e6


def _agent(snapshot: Snapshot) -> Iterator[Family]:
    single = {
        metrics.AGENT_LAST_TICK: snapshot.at_seconds,
        metrics.AGENT_TICK_SECONDS: snapshot.tick_seconds,
        metrics.AGENT_TICKS_LATE: float(snapshot.ticks_late),
        metrics.AGENT_CLOCK_OFFSET: snapshot.clock_offset_seconds,
        metrics.AGENT_SPOOL_BYTES: float(snapshot.keeping.counts.bytes),
    }
    for metric, value in single.items():
        yield family(metric, [((), value)])
    yield family(metrics.AGENT_BUILD_INFO, [((__version__, METHOD_VERSION), 1.0)])
    yield family(metrics.AGENT_LEDGER_INFO, [((snapshot.host_id, snapshot.ledger_id), 1.0)])
    pages = {
        "waiting": snapshot.keeping.counts.waiting,
        "acknowledged": snapshot.keeping.counts.acknowledged,
    }
    yield family(
        metrics.AGENT_SPOOL_PAGES, (((state,), float(count)) for state, count in pages.items())
    )
    yield family(
        metrics.AGENT_PUSHES,
        (((result,), float(count)) for result, count in snapshot.keeping.pushes.items()),
    )
    yield from _keeping(snapshot.keeping)


def _keeping(keeping: Keeping) -> Iterator[Family]:
    """What is kept, what is not, and what became of it."""
    ledgers = (((reason,), float(count)) for reason, count in keeping.ledgers.items())
    yield family(metrics_keeping.LEDGERS, ledgers)
    single = {
        metrics_keeping.QUARANTINED: keeping.quarantined,
        metrics_keeping.SPOOL_LIMIT: keeping.limit_bytes,
        metrics_keeping.REFUSED: keeping.refused,
        metrics_keeping.IN_MEMORY: keeping.in_memory,
    }
    for metric, value in single.items():
        yield family(metric, [((), float(value))])


LANDING = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>footprint-agent</title></head>
<body><main><h1>footprint-agent</h1><p><a href="/metrics">Metrics</a></p>
{doctor}</main></body></html>
"""
TO_DOCTOR = """<p><a href="/doctor">Doctor</a>: what this host is read by, and what to do about the
rest</p>
"""


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[CollectorRegistry]
    doctor: ClassVar[DoctorPage | None]
    timeout = SLOW_CLIENT_SECONDS
    disable_nagle_algorithm = True  # head and body go in two writes
    server_version = "footprint-agent"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, kind, encode(self.registry))
        elif path == "/":
            landing = LANDING.format(doctor=TO_DOCTOR if self.doctor else "")
            self._answer(200, "text/html; charset=utf-8", landing.encode())
        elif path == "/doctor" and self.doctor:
            page = self.doctor.answer()
            self._answer(page.status, "", page.body, page.headers)
        else:
            self._answer(404, "text/plain; charset=utf-8", b"not here; try /metrics\n")

    do_HEAD = do_GET  # noqa: N815 - http.server's name; the body is left out

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing of each scrape."""

    def _answer(
        self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": kind}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def get_request(self) -> Any:
        """The next connection. One that no file is left for stays in the queue, and would be tried
        again at once, at the cost of a whole core."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(REFUSED_SECONDS)
            raise

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no concern of the agent's."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def serve(
    exposition: Collector, address: tuple[str, int], doctor: DoctorPage | None = None
) -> ThreadingHTTPServer:
    """Answer scrapes in a thread of its own. Raises AgentError where the port is taken."""
    registry = CollectorRegistry()
    registry.register(exposition)
    handler = type("Handler", (_Handler,), {"registry": registry, "doctor": doctor})
    kind = _Server6 if ":" in address[0] else _Server
    try:
        server = kind(address, handler)
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
        reason = error.strerror if isinstance(error, OSError) else error
        raise AgentError(
            f"listen: cannot listen on {address[0]}:{address[1]}: {reason}; "
            "is another one running? choose another address (listen)"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
