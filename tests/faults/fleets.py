"""`footprint fleet` as load: simulated agents that account for every microjoule they sent.

In: a service's address. Out: the total on which fleet and service agree; AssertionError with the
fleet's own words where they do not.
"""

import re
import signal
import subprocess
from pathlib import Path

from footprint.fleet.command import DELIVERED
from tests.running import BIN, Service, samples, wait_until

END_SECONDS = 900
UNTIL_ENOUGH = ("--pages", "6000")
"""More than any fault lasts: the load goes on until `Load.enough`, however slow the machine."""


def hosts(service: Service) -> float:
    """How many hosts a service knows."""
    return samples(service.get("/metrics").decode())["footprint_service_hosts"]


class Load:
    """A fleet that runs."""

    def __init__(self, folder: Path, url: str, seed: int, *words: str) -> None:
        self._output = folder / f"fleet-{seed}.log"
        command = [str(BIN / "footprint"), "fleet", "--service", url, "--seed", str(seed)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, *words], stdout=output, stderr=subprocess.STDOUT
            )

    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def wait_until_it_sends(self, service: Service, before: float = 0) -> None:
        """Until the service knows one of its hosts besides those that it knew before."""
        wait_until(lambda: hosts(service) > before, "the fleet's pages")

    def delivering(self) -> bool:
        """Whether it still runs and has pages to deliver."""
        return self.running() and DELIVERED not in self.said()

    def said(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def enough(self, number: signal.Signals = signal.SIGINT) -> None:
        """Let it end its turns and compare what it sent."""
        self._process.send_signal(number)

    def agreed_uj(self, seconds: float = END_SECONDS) -> int:
        """Wait for its end: the total that service and fleet agree on, under ==."""
        code = self._process.wait(seconds)
        said = self.said()
        match = re.search(r"all agree: (\d+) uJ", said)
        assert code == 0, said[-3000:]
        assert match, said[-3000:]
        return int(match[1])

    def troubles(self) -> dict[str, int]:
        """How often it was refused for a time, by status, or had no answer."""
        match = re.search(r"refused for a time, or without an answer: (.*)", self.said())
        assert match
        parts = (part.rpartition(": ") for part in match[1].split(", ") if ":" in part)
        return {name: int(count) for name, _, count in parts}

    def end(self) -> None:
        """End it if it still runs."""
        if self.running():
            self._process.kill()
        self._process.wait()
