"""The unmodified agent on a simulated host, in simulated time: nothing sleeps.

In: a plan. Out: a `Run`: what was true, what every counter showed at every tick, and the pages that
the agent left in its spool. The agent's clocks and /proc come from the simulation, its other
roots are settings; everything between is the program that runs on real hosts.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from exporters import bmc
from exporters.agent import Agent
from exporters.sensors.nvml import Nvml, pause_seconds
from exporters.settings import Bmc, Reservation, Settings
from exporters.spool import Spool
from exporters.surroundings import Surroundings
from exporters.twin import library, redfish
from exporters.twin.controller import Controller
from exporters.twin.faces import Faces, Shown, true_totals
from exporters.twin.load import requests
from exporters.twin.plan import START, STEP_US, STEPS_PER_S, Plan
from exporters.twin.tape import Numbers, Tape
from exporters.twin.truth import Truth
from exporters.twin.walllog import WallLog
from footprint.interval import to_us
from footprint.ledger import Page, verify_chain

HOST_ID = "twin"
UP_BEFORE_NS = 3_600_000_000_000
"""The host had been up for an hour when the agent started."""
AGENT_US = 2_000
"""CPU time of the agent that the simulated host shows for each tick."""
JITTER_US = 9_000
"""A tick comes up to 9 ms after its second, and not before it."""
LATE = 0.01
"""One tick in a hundred comes 0.1 to 0.4 s late, as on a busy host."""
CHECKPOINT_SECONDS = 30
AT_BOUNDARY_US = 50_000
"""METHOD.md, "Pages and boundaries": a reading this late counts as taken at the boundary."""

POLL_STEPS = bmc.EVERY_SECONDS * STEPS_PER_S
POLL_AT = 5
"""Where in its interval the poll of the controller stands: never at a tick, late ones included."""

UNREADABLE = -1


class Log(msgspec.Struct):
    """What one device's counter showed at each tick, in microjoules, unwrapped, on the scale of the
    true energy (UNREADABLE where it could not be read), and in which of its lives."""

    device: str
    total_uj: Numbers
    life: Numbers
    true_uj: Numbers | None = None
    """The true energy at each tick, of a device that has no counter; `total_uj` is then what its
    power adds up to."""
    swing_w: int = 0
    """Most less least power of such a device."""

    def note(self, tick: int, shown: Shown | None, true_uj: int) -> None:
        """One tick."""
        if self.true_uj is not None:
            self.true_uj[tick] = true_uj
        self.total_uj[tick] = UNREADABLE if shown is None else shown.total_uj
        self.life[tick] = 0 if shown is None else shown.life


class Run(msgspec.Struct):
    """A run that is over. Totals are of the first and the last tick, in the order of `logs`."""

    plan: Plan
    source: str
    """Where the load comes from."""
    at_us: Numbers
    logs: list[Log]
    true_first_uj: list[int]
    true_last_uj: list[int]
    truth: Truth
    pages: list[Page]
    tick_ns: Numbers
    rss_kib: tuple[int, int]
    """Memory of this process, agent and simulation together: after the first tick, at the end."""
    seconds: float
    wall: WallLog | None = None
    """What the wall drew and its meter showed; None where the host has no such meter."""


class World(msgspec.Struct, frozen=True):
    """What is simulated: the host and the source of its load; and what runs beside the agent,
    called after each tick with the step of the host and the time (UTC, us)."""

    truth: Truth
    source: str
    beside: Callable[[int, int], None] | None = None


def simulate(
    plan: Plan, folder: Path, progress: Callable[[str], None], world: World | None = None
) -> Run:
    """Run the plan below `folder`, in a world of its own or in this one. Raises AgentError;
    PageError or ChainError where the pages do not verify."""
    chance = random.Random(plan.seed)  # noqa: S311 - a simulation, to be repeated by its seed
    if world is None:
        asked, source = requests(chance)
        world = World(Truth(plan, asked, chance), source)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        controlled = None
        if plan.bmc != "none":
            controller = Controller(plan)
            service = stack.enter_context(redfish.serving(controller.answer))
            controlled = controller, service.url
        simulation = _Simulation(plan, world, folder, chance, controlled)
        simulation.run(progress)
    spool = Spool(folder / "state" / "spool.db", HOST_ID)
    pages = list(verify_chain(spool.bodies()))
    spool.close()
    return Run(
        plan=plan,
        source=world.source,
        at_us=simulation.at_us,
        logs=simulation.logs,
        true_first_uj=simulation.true_first_uj,
        true_last_uj=true_totals(simulation.truth),
        truth=simulation.truth,
        pages=pages,
        tick_ns=simulation.tick_ns,
        rss_kib=(simulation.rss_first_kib, simulation.rss_last_kib),
        seconds=time.monotonic() - began,
        wall=simulation.wall if controlled else None,
    )


class _Simulation:
    """The host, its faces, and the agent on it."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        folder: Path,
        chance: random.Random,
        controlled: tuple[Controller, str] | None,
    ) -> None:
        """`controlled`: the host's controller and the URL of its Redfish service."""
        truth = world.truth
        self.plan, self.truth, self._beside, self._chance = plan, truth, world.beside, chance
        self._controller = controlled[0] if controlled else None
        url = controlled[1] if controlled else ""
        self._faces = Faces(plan, folder)
        self._tape = Tape(folder)
        ticks = -(-plan.seconds // plan.step_seconds) + 1
        column = self._tape.numbers
        self.at_us, self.tick_ns = column("q", ticks), column("q", ticks)
        self.logs = [
            Log(device, column("q", ticks), column("b", ticks)) for device in self._faces.devices
        ]
        self.wall = WallLog(self._tape, ticks + plan.steps // POLL_STEPS + 1)
        for gpu in range(plan.integrated):
            log = self.logs[len(self._faces.zones) + gpu]
            log.true_uj, log.swing_w = column("q", ticks), truth.cards[gpu].swing_w
        self._ticks = self._sample_step = 0
        self._sampling = random.Random(plan.seed)  # noqa: S311 - as above: repeated by its seed
        self._set_clock(0)
        self._faces.show(truth)
        self.true_first_uj = true_totals(truth)
        if plan.gpus:
            library.load(folder, self._faces.cards)
        clocks = self._wall_ns, self._mono_ns, self._agent_ns
        around = Surroundings(*clocks, self._faces.proc, self._faces.cpus)
        self._agent = Agent(_settings(plan, self._faces, url), around)

    def run(self, progress: Callable[[str], None]) -> None:
        """From the first tick to the last."""
        began = time.monotonic()
        self._tick(self._agent.tick_once)
        self.rss_first_kib = self._rss_kib()
        hour_s, every = 3600, self.plan.step_seconds * STEPS_PER_S
        for due in range(every, self.plan.steps, every):
            late = self._chance.randint(1, 4) if self._chance.random() < LATE else 0
            self._advance(min(due + late, self.plan.steps - 1))
            self._tick(self._agent.tick_once)
            seconds = due // STEPS_PER_S
            if seconds % hour_s < self.plan.step_seconds:
                progress(
                    f"twin: {seconds // hour_s} h of {self.plan.seconds / hour_s:.1f} h simulated, "
                    f"{time.monotonic() - began:.0f} s"
                )
        self._advance(self.plan.steps)
        self._tick(self._agent.finish)
        self.rss_last_kib = self._rss_kib()
        self._faces.close()

    def _advance(self, until: int) -> None:
        while self.truth.step < until:
            self.truth.advance()
            self._set_clock(0)
            if self._controller and self.truth.step % (STEPS_PER_S // 2) == 0:
                self._look(self._controller)
            if self.plan.integrated and self.truth.step >= self._sample_step:
                self._sample()
                pause = round(pause_seconds(self._sampling) * STEPS_PER_S)
                self._sample_step = self.truth.step + pause

    def _sample(self) -> None:
        """What the sensor's own thread does between ticks where time is real."""
        self._faces.sample(self.truth, self._now_us)
        library.settle()
        for sensor in self._agent.sensors:
            if isinstance(sensor, Nvml):
                sensor.sample()

    def _look(self, controller: Controller) -> None:
        """The controller looks at the wall every second, the agent at the controller when its
        threads would: they do not run here, where time is simulated."""
        if self.truth.step % STEPS_PER_S == 0:
            controller.note(self.truth)
        if self.truth.step % POLL_STEPS == POLL_AT:
            controller.forget()
            self._agent.node_meters.poll()
            shown = controller.shown
            self.wall.note(self._wall_ns() // 1000, self.truth, shown, polled=True)

    def _tick(self, tick: Callable[[], None]) -> None:
        self._set_clock(self._chance.randrange(JITTER_US))
        if self.plan.integrated:
            self._faces.sample(self.truth, self._now_us, ticking=True)
        shown = self._faces.show(self.truth)
        for log, total, true_uj in zip(self.logs, shown, true_totals(self.truth), strict=True):
            log.note(self._ticks, total, true_uj)
        self.at_us[self._ticks] = self._place_us()
        if self.plan.gpus:
            library.settle()
        before_ns = time.process_time_ns()
        tick()
        self.tick_ns[self._ticks] = time.process_time_ns() - before_ns
        self._ticks += 1
        self._set_clock(0)
        self.wall.note(self._wall_ns() // 1000, self.truth)
        self.truth.spend(AGENT_US)
        if self._beside:
            self._beside(self.truth.step, self._wall_ns() // 1000)

    def _rss_kib(self) -> int:
        """Resident memory of this process without the tape's (proc(5), statm: pages)."""
        self._tape.forget()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def _place_us(self) -> int:
        """Where the tick stands in the pages: at the boundary that it comes just after."""
        now_us = self._wall_ns() // 1000
        late_us = now_us % (self.plan.page_seconds * 1_000_000)
        return now_us - late_us if self._ticks and late_us <= AT_BOUNDARY_US else now_us

    def _wall_ns(self) -> int:
        return (to_us(START) + self._now_us) * 1000

    def _set_clock(self, late_us: int) -> None:
        """Now is so long after the step, until the clock is set again."""
        self._now_us = self.truth.step * STEP_US + late_us
        self._mono_now_ns = UP_BEFORE_NS + self._now_us * 1000

    def _mono_ns(self) -> int:
        # Asked for every device of a tick, whose cost is measured.
        return self._mono_now_ns

    def _agent_ns(self) -> int:
        return self.truth.agent_us * 1000


def _settings(plan: Plan, faces: Faces, bmc_url: str) -> Settings:
    """Everything the agent is told: roots below the simulation's folder, and the reservations."""
    cards: dict[str, list[str]] = {}
    for gpu in range(plan.gpus):
        sia = plan.reserved(gpu)
        if sia is not None:
            cards.setdefault(plan.sia[sia], []).append(plan.uuid(gpu))
    return Settings(
        host_id=HOST_ID,
        state_dir=str(faces.folder / "state"),
        run_dir=str(faces.folder / "run"),
        listen="127.0.0.1:0",
        page_seconds=plan.page_seconds,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        powercap_root=str(faces.powercap),
        cgroup_root=str(faces.cgroups),
        nvml="auto" if plan.gpus else "off",
        model="off",
        hwmon="off",
        ipmi="off",
        reservations=[Reservation(sia, gpus) for sia, gpus in cards.items()],
        bmc=[Bmc(bmc_url, redfish.USER, str(_password(faces.folder)))] if bmc_url else [],
    )


def _password(folder: Path) -> Path:
    path = folder / "bmc-password"
    path.write_text(f"{redfish.PASSWORD}\n")
    return path
