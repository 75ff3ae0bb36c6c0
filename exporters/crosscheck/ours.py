"""The agent's side of a cross-check: a whole agent, with a ledger of its own for the interval.

In: the settings of the agent of this host. Out: what its sealed pages hold, by component. Its spool
and its lock lie in a temporary folder and it knows no service, so that it runs beside the agent of
the host, and none of its joules reaches a ledger that counts.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from exporters.agent import Agent
from exporters.crosscheck.tracker import Window
from exporters.errors import AgentError
from exporters.settings import Settings
from exporters.spool import Spool
from exporters.surroundings import Surroundings
from footprint.interval import to_us
from footprint.ledger import ChainError, CounterMark, Page, PageError, hash_bytes, verify_chain

COMPONENTS = ("cpu", "dram", "gpu")


class Meter(msgspec.Struct):
    """One device: its energy in microjoules, and the raw counter at both ends of the interval."""

    sensor: str
    device: str
    quality: str
    energy_uj: int
    gap_us: int
    gap_causes: list[str]
    readings: int
    failures: int
    first: CounterMark | None
    last: CounterMark | None
    parameters: dict[str, str]
    most_power_uw: int | None
    """More than this it cannot draw; None where nothing says how much."""


class Measured(msgspec.Struct, frozen=True):
    """The interval's pages, added up."""

    start_us: int
    end_us: int
    ledger_id: str
    last_hash: str
    pages: int
    host: dict[str, str]
    meters: dict[str, list[Meter]]
    """By component; a component that nothing measures has none."""


class Ours:
    """The agent, tick by tick."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Find its sensors. Raises AgentError: what, where, remedy."""
        self._read_ns = 0
        self._folder = folder
        self._over = False
        own = msgspec.structs.replace(
            settings,
            service=None,
            record=None,
            state_dir=str(folder / "state"),
            run_dir=str(folder / "run"),
            listen="127.0.0.1:0",
            bmc=[],
            ipmi="off",
        )
        self.agent = Agent(own, Surroundings(own_cpu_ns=self._after_reading))
        self.host_id, self.ledger_id = self.agent.host_id, self.agent.ledger_id

    def tick(self) -> Window:
        """Read everything now; between which instants."""
        return self._within(self.agent.tick_once)

    def end(self) -> Window:
        """Read everything a last time, seal the last page; between which instants it was read."""
        self._over = True
        return self._within(self.agent.finish)

    def close(self) -> None:
        """Give everything back where it has not ended."""
        if not self._over:
            self.end()

    def measured(self) -> Measured:
        """What the ledger holds, verified. Raises AgentError."""
        spool = Spool(self._folder / "state" / "spool.db", self.host_id)
        try:
            bodies = list(spool.bodies())
            pages = list(verify_chain(bodies))
        except (ChainError, PageError) as error:
            raise AgentError(f"crosscheck: the agent's pages do not verify: {error}") from error
        finally:
            spool.close()
        if not pages:
            raise AgentError("crosscheck: ended before the agent had measured; let it run longer")
        return Measured(
            start_us=to_us(pages[0].start),
            end_us=to_us(pages[-1].end),
            ledger_id=self.ledger_id,
            last_hash=hash_bytes(bodies[-1]),
            pages=len(pages),
            host=pages[-1].host,
            meters=self._meters(pages),
        )

    def _within(self, act: Callable[[], None]) -> Window:
        from_ns = time.monotonic_ns()
        act()
        return Window(from_ns, self._read_ns)

    def _after_reading(self) -> int:
        """The agent asks for its own CPU time in every tick, after it has read its sensors."""
        self._read_ns = time.monotonic_ns()
        return time.process_time_ns()

    def _meters(self, pages: list[Page]) -> dict[str, list[Meter]]:
        most = {
            (device.sensor, device.device): device.max_power_uw or device.rated_power_uw
            for sensor in self.agent.sensors
            for device in sensor.devices()
        }
        found: dict[str, dict[str, Meter]] = {component: {} for component in COMPONENTS}
        for page in pages:
            for state in page.sensors:
                if state.component is None:
                    continue
                meters = found[state.component]
                meter = meters.setdefault(
                    state.device,
                    Meter(
                        sensor=state.sensor,
                        device=state.device,
                        quality=state.quality,
                        energy_uj=0,
                        gap_us=0,
                        gap_causes=[],
                        readings=0,
                        failures=0,
                        first=state.first,
                        last=None,
                        parameters=state.parameters,
                        most_power_uw=most.get((state.sensor, state.device)),
                    ),
                )
                meter.energy_uj += state.metered_uj
                meter.readings += state.readings
                meter.failures += state.failures
                meter.last = state.last or meter.last
            _add_gaps(page, found)
        return {component: list(meters.values()) for component, meters in found.items()}


def _add_gaps(page: Page, found: dict[str, dict[str, Meter]]) -> None:
    for gap in page.gaps:
        meter = found[gap.component].get(gap.device)
        if meter is None or gap.kind != "gap":
            continue
        meter.gap_us += to_us(gap.end) - to_us(gap.start)
        if gap.cause not in meter.gap_causes:
            meter.gap_causes.append(gap.cause)
