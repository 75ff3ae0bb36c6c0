"""The agent: everything wired in one place, and the loop of one-second ticks.

In: settings. Out: pages in the spool and at the service, /metrics. This is the one module of the
agent that knows them all.
"""

import logging
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

from exporters import host, telemetry
from exporters.bmc import NodeMeters
from exporters.clock import Boot, Clock, Instant
from exporters.cputime import HostCpu
from exporters.doctor_served import DoctorPage
from exporters.drafts import DeviceKey
from exporters.errors import AgentError
from exporters.keeper import Keeper
from exporters.lock import Lock
from exporters.record import Record
from exporters.resume import resume
from exporters.sensors import hwmon, model, nvml, rapl_choice
from exporters.sensors.sensor import Absent, Device, Failure, Sensor
from exporters.settings import Settings
from exporters.spool import newest_instant_us
from exporters.surroundings import REAL, Surroundings
from exporters.usage import CpuUse
from exporters.workloads import compose
from exporters.workloads.gpus import Boards
from exporters.workloads.owners import Owners, by_group, decide_by
from exporters.workloads.processes import Processes
from exporters.workloads.tree import Tree, find_tree, is_tree
from footprint.interval import boundary_after, from_us, to_us
from footprint.reading import Reading

TICK_US = 1_000_000
PUSH_AT_END_SECONDS = 10

log = logging.getLogger("footprint.agent")


class Agent:
    """One host's meter, from start to stop."""

    def __init__(self, settings: Settings, surroundings: Surroundings = REAL) -> None:
        """Find sensors, open the spool, listen. Raises AgentError: what, where, remedy."""
        self._settings = settings
        root = _cgroup_root(settings)
        self._lock = Lock(settings.run_path, root, surroundings.proc)
        self._around = surroundings
        self._boot_id = surroundings.boot_id()
        boot = Boot(self._boot_id, surroundings.mono_ns)
        self._stop = threading.Event()
        self.host_id = host.host_id(settings.host_id)
        self._host_facts = host.facts(surroundings.proc)
        self._rules = compose.rules(settings)
        controller = Tree(root).controller if root else None
        grouped = by_group(self._rules, surroundings.proc, controller)
        self._processes = Processes(
            settings.run_path, surroundings.proc, lambda pid: grouped(pid) is not None
        )
        self._cpu = CpuUse(root, self._rules, self._processes, surroundings, grouped)
        self._gpus = self._gpu_boards(controller)
        self.sensors, self.absent = _discover(settings, boot, self._cpu.host)
        self._cpu.tell_apart(device.package for device in self._devices() if device.package)
        self.node_meters = NodeMeters(settings.bmc, boot, by_ipmi=settings.ipmi != "off")
        self._keeper = Keeper(settings, self.host_id, self._boot_id, surroundings)
        checkpoint = self._keeper.spool.load()
        self._fresh = checkpoint is None
        newest_us = newest_instant_us(checkpoint) if checkpoint else 0
        self._clock = Clock(surroundings.wall_ns, surroundings.mono_ns, newest_us)
        self._sampler, sealed = resume(
            settings, checkpoint, self._boot_id, self._devices(), self._clock.instant()
        )
        ended = (checkpoint.boot_id if checkpoint else "", sealed)
        self._keeper.begin(self._sampler, self._clock, self._host_facts, ended)
        self._exposition = telemetry.Exposition()
        self._server = telemetry.serve(
            self._exposition, settings.listen_address, DoctorPage(settings)
        )
        self._keeper.prepare_push()
        self._record = self._begin_record(root)
        self._keeper.start_push()
        self.node_meters.start()
        self._read_seconds: dict[str, float] = {}
        self._late = 0
        self._failing: set[DeviceKey] = set()

    @property
    def server(self) -> ThreadingHTTPServer:
        """Where /metrics is served."""
        return self._server

    @property
    def ledger_id(self) -> str:
        """The ledger that this agent writes."""
        return self._keeper.spool.ledger_id

    def stop(self) -> None:
        """Ask the loop to end after a last tick; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Tick every second until stopped, then seal the last page and try to send it."""
        now = self._tick()
        while not self._stop.wait(self._pause(now)):
            now = self._tick()
        self.finish()

    def tick_once(self) -> None:
        """One tick now: for a simulated host, which sets the pace instead of `run()`."""
        self._tick()

    def finish(self) -> None:
        """The last tick: seal the last page, try to send it, give everything back."""
        self._tick(final=True)
        self._close()

    def findings(self) -> Iterator[str]:
        """What this host offers and what it lacks, a line each."""
        for device in self._devices():
            role = "evidence, added to nothing" if device.evidence else f"{device.component}"
            yield f"found: {device.sensor} {device.device}: {role}, quality {device.quality}"
            yield from (
                f"       {name}: {value}"
                for name, value in device.parameters.items()
                if device.quality == "modelled"
            )
        yield from self.node_meters.findings()
        yield from (f"absent: {absent.sensor}: {absent.reason}" for absent in self.absent)
        present = {device.component for device in self._devices()}
        yield from (
            f"unknown: nothing measures {component} on this host; it is outside the boundary"
            for component in ("cpu", "dram", "gpu")
            if component not in present
        )

    def _devices(self) -> list[Device]:
        return [device for sensor in self.sensors for device in sensor.devices()]

    def _metered(self) -> list[Device]:
        """The devices as pages tell them: with the floors in use."""
        return [track.device for track in self._sampler.tracks.values()]

    def _pause(self, now: Instant) -> float:
        """Seconds until the next whole second."""
        following_us = to_us(boundary_after(from_us(now.utc_us), 1))
        return max(0.0, self._clock.seconds_until(following_us))

    def _tick(self, *, final: bool = False) -> Instant:
        with self._exposition.ticking:
            return self._tick_unseen(final=final)

    def _tick_unseen(self, *, final: bool) -> Instant:
        began_ns = self._around.mono_ns()
        offset_us = self._clock.follow()
        readings = self._read()
        usage = self._cpu.read()
        now = self._clock.instant()
        if self._fresh:
            self._sampler.begin(now)
            self._fresh = False
        self._look_at_gpus(now)
        self._sampler.tick(now, readings, usage, self._gpus.by_uuid)
        self.node_meters.book(self._sampler.drafts, self._clock.utc_us)
        self._tell()
        if self._record:
            watched = self._cpu.watched()
            gpus = self._gpus.totals()
            self._record.tick(now, readings, usage, watched, self._metered(), gpus=gpus)
        self._keeper.keep(now, final=final)
        if not final and now.utc_us % TICK_US > TICK_US // 2:
            self._late += 1
        seconds = (self._around.mono_ns() - began_ns) / 1e9
        self._exposition.show(lambda: self._snapshot(now, seconds, offset_us / 1e6))
        return now

    def _tell(self) -> None:
        """One line when a device begins to fail, one when it answers again."""
        for key, track in self._sampler.turned().items():
            if track.up == (key not in self._failing):
                continue
            if track.up:
                self._failing.discard(key)
                log.info("%s %s can be read again", *key)
            else:
                self._failing.add(key)
                log.warning("%s (%s %s is a gap until it answers)", track.error, *key)

    def _read(self) -> dict[DeviceKey, Reading | Failure]:
        readings: dict[DeviceKey, Reading | Failure] = {}
        for sensor in self.sensors:
            began_ns = self._around.mono_ns()
            for device, reading in sensor.read().items():
                readings[sensor.name, device] = reading
            self._read_seconds[sensor.name] = (self._around.mono_ns() - began_ns) / 1e9
        return readings

    def _gpu_boards(self, controller: str | None) -> Boards:
        settings = self._settings
        decide = decide_by(self._rules, self._processes, self._around.proc, controller)
        owners = Owners(decide, self._around.proc)
        reserved = {uuid: rule.consumer for rule in settings.reservations for uuid in rule.gpus}
        return Boards(owners, reserved, recorded=settings.record is not None)

    def _look_at_gpus(self, now: Instant) -> None:
        """Whose each board was since the last tick; a reserved board need not be asked."""
        for sensor in self.sensors:
            if isinstance(sensor, nvml.Nvml):
                uses = sensor.use(without=self._gpus.reserved)
                self._gpus.advance(now.mono_ns, uses, sensor.uuids)

    def _snapshot(
        self, now: Instant, tick_seconds: float, offset_seconds: float
    ) -> telemetry.Snapshot:
        """What the last tick left, copied between two."""
        keeping = self._keeper.shown()
        totals, tracks = self._sampler.totals, self._sampler.tracks
        return telemetry.Snapshot(
            host_id=self.host_id,
            ledger_id=keeping.ledger_id,
            at_seconds=now.utc_us / 1e6,
            tick_seconds=tick_seconds,
            ticks_late=self._late,
            clock_offset_seconds=offset_seconds,
            devices=[track.device for track in tracks.values()],
            up={key: track.up for key, track in tracks.items()},
            read_seconds=dict(self._read_seconds),
            energy_uj={key: dict(places) for key, places in totals.energy_uj.items()},
            gap_us=dict(totals.gap_us),
            failures=dict(totals.failures),
            keeping=keeping,
            factor=self._settings.factor,
            nodes=self.node_meters.states(self._clock.utc_us),
            gpus=self._gpus.states(),
        )

    def _begin_record(self, root: Path | None) -> Record | None:
        if self._settings.record is None:
            return None
        record = Record(Path(self._settings.record))
        facts = {
            "host_id": self.host_id,
            "ledger_id": self._keeper.spool.ledger_id,
            "boot_id": self._boot_id,
            "page_seconds": self._settings.page_seconds,
            "ncpu": host.logical_cpus(),
            "cgroup_root": str(root) if root else None,
            "reserved": dict(self._gpus.reserved),
        }
        record.header(facts, self._metered())
        return record

    def _close(self) -> None:
        self.node_meters.stop()
        self._keeper.stop_push(PUSH_AT_END_SECONDS)
        self._server.shutdown()
        self._server.server_close()
        if self._record:
            self._record.close()
        for sensor in self.sensors:
            sensor.close()
        self._cpu.close()
        self._keeper.spool.close()
        self._lock.release()


def _discover(
    settings: Settings, boot: Boot, host_cpu: HostCpu
) -> tuple[list[Sensor], list[Absent]]:
    """The sensors of this host; the model only where nothing measures the processors."""
    found: list[Sensor] = []
    absent: list[Absent] = []

    def keep(outcome: Sensor | Absent) -> None:
        (absent if isinstance(outcome, Absent) else found).append(outcome)  # type: ignore[arg-type]

    if settings.rapl != "off":
        trees = Path(settings.powercap_root), Path(settings.event_source_root)
        keep(rapl_choice.discover(settings.rapl, *trees, boot))
    if settings.nvml != "off":
        keep(nvml.discover(boot))
    measured = _measures_cpu(found)
    if settings.hwmon != "off":
        keep(hwmon.discover(Path(settings.hwmon_root), boot, cpu_is_measured=measured))
        measured = _measures_cpu(found)
    if settings.model != "off" and not measured:
        keep(model.discover(host_cpu, host.logical_cpus(), boot))
    if not any(device.component for sensor in found for device in sensor.devices()):
        reasons = "; ".join(f"{item.sensor}: {item.reason}" for item in absent)
        raise AgentError(f"sensors: nothing on this host can be read: {reasons}")
    return found, absent


def _measures_cpu(sensors: list[Sensor]) -> bool:
    return any(device.component == "cpu" for sensor in sensors for device in sensor.devices())


def _cgroup_root(settings: Settings) -> Path | None:
    """The configured root, else the mounted one: v2, or `cpuacct` of v1. Raises AgentError."""
    if settings.cgroup_root is None:
        return find_tree()
    root = Path(settings.cgroup_root)
    if not is_tree(root):
        raise AgentError(
            f"cgroup_root: {root} is no cgroup v2 tree, and not v1's of cpuacct; "
            "leave the setting out to have it found"
        )
    return root
