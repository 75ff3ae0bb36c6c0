"""Wall clocks that step while the agent runs: an hour and a day, forward and back.

libfaketime stands between the agent and the wall clock; the monotonic clock is the machine's. The
agent's time does not step: pages follow each other without a hole, and the offset is shown. Seen
failing: an agent whose `Clock.follow` takes the whole offset seals no page any more.
"""

import itertools
import os
import time
from pathlib import Path

import pytest

from footprint.ledger import Page, verify_chain
from tests.faults import sums
from tests.faults.ground import Ground, uj
from tests.faults.meters import ending, metering, until_held
from tests.running import Agent, Process, Service, page_bodies, service_pages, wait_until
from tests.tools import TOOL_REASON

STEPS = ("+1h", "+0", "-1h", "+0", "+1d", "+0", "-1d", "+0")
SECONDS = {"+1h": 3600, "-1h": -3600, "+1d": 86_400, "-1d": -86_400, "+0": 0}
LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
OFFSET = "footprint_agent_clock_offset_seconds"


def _library() -> str:
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("libfaketime is not installed; .ci/run has to install it", pytrace=False)
        pytest.skip(f"{TOOL_REASON}'faketime' (its library), which is not installed")
    return str(found[0])


class Wall:
    """The wall clock of a program."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall"
        self.step("+0")
        self.environment = {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, by: str) -> None:
        """By how much it is wrong from now on."""
        half = self._file.with_suffix(".half")
        half.write_text(f"{by}\n")
        half.rename(self._file)


def agent(ground: Ground) -> str:
    """Each step lasts a few pages; the agent is told none of it."""
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        wall = Wall(ground.folder)
        service = Service(ground.sub("service"))
        processes.append(service)
        present = meter.start(service.url, environment=wall.environment)
        processes.append(present)
        meter.counter.go()
        for number in range(ground.times):
            by = STEPS[number % len(STEPS)]
            wall.step(by)
            wait_until(lambda s=SECONDS[by]: _is_off(present, s), f"an offset of {by}")  # type: ignore[misc]
            until_held(service.database, 2)
        wall.step("+0")
        true_uj = meter.end(present)
        pages = _check_time(present, service.database)
        sums.check(service.database)
        found_uj = sums.total_uj(service.database)
        assert found_uj == sums.entries_uj(pages) == true_uj
    return (
        f"{ground.times} steps, {len(pages)} pages without a hole or an overlap, none kept out: "
        f"service == spool == counter: {uj(true_uj)}"
    )


def _is_off(agent: Agent, seconds: int) -> bool:
    return abs(agent.metrics()[OFFSET] - seconds) < 60


def _check_time(agent: Agent, database: Path) -> list[Page]:
    held = service_pages(database)
    assert held == page_bodies(agent.spool)
    assert [page.state for page in sums.held_pages(database) if page.state != "accepted"] == []
    pages = list(verify_chain(held))
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))
    assert abs(pages[-1].end.timestamp() - time.time()) < 60
    return pages
