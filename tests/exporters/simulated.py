"""The real agent on a host whose clocks and counter are moved by hand: nothing sleeps."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporters.agent import Agent
from exporters.settings import Settings
from exporters.surroundings import REAL, Surroundings
from footprint.ledger import Page, verify_chain
from tests.powercap import WIDTH, make_zone
from tests.running import page_bodies

S = 10**9
POWER_W = 50
RANGE_UJ = 262_143_328_850
START_NS = 1_795_255_200 * S  # 2026-11-21 10:00:00 UTC, a quarter-hour


class Host:
    """A host that draws 50 W. `wall_ns` may be set; `pass_` moves every clock and the counter."""

    def __init__(
        self,
        folder: Path,
        wall_ns: int = START_NS,
        range_uj: int = RANGE_UJ,
        **settings: object,
    ) -> None:
        self.folder, self.wall_ns, self.mono_ns = folder, wall_ns, 5 * S
        self.total_uj, self._range_uj = 0, range_uj
        self.energy = make_zone(
            folder / "powercap",
            "intel-rapl:0",
            "package-0",
            range_uj=range_uj,
            limit_uw=10**8,
        )
        self._settings = {
            "host_id": "host-1",
            "state_dir": str(folder / "state"),
            "run_dir": str(folder / "run"),
            "listen": "127.0.0.1:0",
            "powercap_root": str(folder / "powercap"),
            "rapl": "powercap",
            "nvml": "off",
            "hwmon": "off",
            "model": "off",
            "ipmi": "off",
            **settings,
        }
        self.agent: Agent | None = None

    @property
    def service(self) -> str:
        """Where its pages go."""
        return str(self._settings["service"])

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        ns = int(seconds * S)
        self.wall_ns += ns
        self.mono_ns += ns
        self.total_uj += POWER_W * ns // 1000
        self.energy.write_text(f"{self.total_uj % self._range_uj:0{WIDTH}d}\n")

    def start(self) -> Agent:
        """Start the agent, and let it tick once."""
        around = Surroundings(
            lambda: self.wall_ns, lambda: self.mono_ns, proc=REAL.proc, push_spread=0
        )
        self.agent = Agent(msgspec.convert(self._settings, Settings), around)
        self.agent.tick_once()
        return self.agent

    def tick(self, count: int = 1, seconds: float = 1) -> None:
        """Ticks, each some time after the one before."""
        assert self.agent is not None
        for _ in range(count):
            self.pass_(seconds)
            self.agent.tick_once()

    def stop(self) -> None:
        """The last tick."""
        assert self.agent is not None
        self.agent.finish()
        self.agent = None

    def kill(self) -> None:
        """What kill -9 leaves: nothing is sealed, saved or sent any more."""
        assert self.agent is not None
        self.agent._keeper.stop_push(0)
        self.agent._close()
        self.agent = None

    @property
    def keeper(self):  # type: ignore[no-untyped-def]
        """What keeps and sends."""
        assert self.agent is not None
        return self.agent._keeper

    def pages(self) -> list[Page]:
        """The pages of the present ledger in the spool."""
        return list(verify_chain(page_bodies(self.folder / "state" / "spool.db")))


def uj(pages: list[Page]) -> int:
    """Energy of all entries."""
    return sum(entry.energy_uj for page in pages for entry in page.entries)


def gap_seconds(pages: list[Page]) -> dict[str, float]:
    """Time of gaps by cause."""
    found: dict[str, float] = {}
    for page in pages:
        for gap in page.gaps:
            if gap.kind == "gap":
                seconds = (gap.end - gap.start).total_seconds()
                found[gap.cause] = found.get(gap.cause, 0) + seconds
    return found


@contextlib.contextmanager
def host(
    folder: Path, wall_ns: int = START_NS, range_uj: int = RANGE_UJ, **settings: object
) -> Iterator[Host]:
    """A host whose agent has started."""
    found = Host(folder, wall_ns, range_uj, **settings)
    found.start()
    try:
        yield found
    finally:
        if found.agent is not None:
            found.kill()
