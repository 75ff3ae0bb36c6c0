"""A host whose counter counts, its agent and its service, for faults that befall them.

In: a folder. Out: the counter's true total, to be held against the service's under `==`.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from footprint.ledger import verify_chain
from tests.faults import sums
from tests.powercap import ScriptedCounter, scripted
from tests.running import Agent, Process, page_bodies, service_pages, wait_until

POWER_UW = 50_000_000
LIMIT_UW = 100_000_000
RANGE_UJ = 262_143_328_850
LAST_PAGE_SECONDS = 1.5
BEGUN = 5
"""Samples that /metrics has only after the first tick."""


class Meter:
    """A counter, and agents that read it, one after the other."""

    def __init__(self, folder: Path, root: Path, counter: ScriptedCounter) -> None:
        self.folder, self.root, self.counter = folder, root, counter

    @property
    def state(self) -> Path:
        """Where the agent's spool is."""
        return self.folder / "state"

    def arguments(self, url: str, *more: str) -> list[str]:
        """What an agent is told: pages of a second, a checkpoint every second."""
        told = ["--service", url, "--powercap-root", str(self.root)]
        return [*told, "--page-seconds", "1", "--checkpoint-seconds", "1", *more]

    def start(self, url: str, *more: str, environment: Mapping[str, str] | None = None) -> Agent:
        """An agent that has ticked."""
        agent = Agent(self.folder, *self.arguments(url, *more), environment=environment or {})
        wait_until(lambda: len(agent.metrics()) > BEGUN, "a tick")
        return agent

    def end(self, agent: Agent) -> int:
        """Stop the counter, then the agent when its last page is over; the true total."""
        true_uj = self.counter.hold()
        time.sleep(LAST_PAGE_SECONDS)
        assert agent.terminate() == 0
        assert "traceback" not in agent.output().lower()
        return true_uj


@contextlib.contextmanager
def metering(folder: Path) -> Iterator[Meter]:
    """A host whose counter is held at first."""
    watts = {"power_uw": POWER_UW, "range_uj": RANGE_UJ, "limit_uw": LIMIT_UW}
    with scripted(folder, **watts) as (root, counter):
        yield Meter(folder, root, counter)


def until_held(database: Path, more: int, seconds: float = 90) -> None:
    """Wait until a service holds some pages more."""
    count = len(service_pages(database)) + more
    wait_until(lambda: len(service_pages(database)) >= count, f"{more} pages", seconds)


def check_same(agent: Agent, database: Path, true_uj: int, *, delivered_went: bool = False) -> None:
    """Service, spool and counter agree, and no time is a gap; but a counter that is held while the
    machine works is rightly called stuck. `delivered_went`: where a disk was full, the oldest pages
    that the service has may have left the spool."""
    held, kept = service_pages(database), page_bodies(agent.spool)
    assert kept
    assert held[len(held) - len(kept) if delivered_went else 0 :] == kept
    pages = list(verify_chain(held))
    gaps = {gap.cause for page in pages for gap in page.gaps if gap.kind == "gap"}
    assert gaps <= {"stuck"}, gaps
    sums.check(database)
    found_uj = sums.total_uj(database)
    assert found_uj == sums.entries_uj(pages)
    assert found_uj == true_uj, f"the service has {found_uj} uJ, the counter {true_uj} uJ"


def waiting(agent: Agent) -> float:
    """Pages that the service has not acknowledged."""
    return agent.metrics()['footprint_agent_spool_pages{state="waiting"}']


@contextlib.contextmanager
def ending(processes: list[Process]) -> Iterator[None]:
    """End whatever is in the list by then."""
    try:
        yield
    finally:
        for process in processes:
            process.end()
