"""How soon an agent that was killed meters again, and how soon a whole fleet is answered.

In: a folder. Out: seconds from `kill -9` of an agent until the one started in its place has ticked;
what `footprint fleet` says of 10,000 hosts that send a page each within two minutes.
"""

import re
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.meters import metering
from tests.running import BIN, Service, ended, page_bodies, wait_until

TIMES = 9
NOBODY = "http://127.0.0.1:9"
"""The discard port: pages wait."""
FLEET_HOSTS = 10_000
FLEET_SECONDS = 120
_DUE = re.compile(
    r"acknowledged after ([\d.]+) ms \(p50\), ([\d.]+) ms \(p99\), ([\d.]+) ms \(most\) from when"
)
_REFUSED = re.compile(r"refused for a time, or without an answer: (.*)")


@dataclass(frozen=True)
class Answered:
    """Of a fleet's pages: milliseconds from when one was due until it was acknowledged; what was
    refused; whether every microjoule was there."""

    p50_ms: float
    p99_ms: float
    most_ms: float
    refused: str
    agreed: bool


def recovered_seconds(folder: Path) -> float:
    """The median of several kills; starting Python is most of it."""
    folder.mkdir()
    with metering(folder) as meter:
        agent = meter.start(NOBODY)
        meter.counter.go()
        wait_until(lambda: len(page_bodies(agent.spool)) > 1, "pages")
        seconds = []
        for _ in range(TIMES):
            agent.kill()
            began = time.perf_counter()
            agent = meter.start(NOBODY)
            seconds.append(time.perf_counter() - began)
        agent.end()
    return statistics.median(seconds)


def fleet(folder: Path) -> Answered:
    """The first quarter-hour of a fleet, on SQLite."""
    folder.mkdir()
    service = Service(folder)
    with ended(service):
        command = [str(BIN / "footprint"), "fleet", "--service", service.url, "--pages", "1"]
        command += ["--hosts", str(FLEET_HOSTS), "--in-seconds", str(FLEET_SECONDS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    due, refused = _DUE.search(done.stdout), _REFUSED.search(done.stdout)
    if due is None or refused is None:
        raise RuntimeError(f"footprint fleet: {done.stdout}{done.stderr}")
    return Answered(*map(float, due.groups()), refused[1], not done.returncode)
