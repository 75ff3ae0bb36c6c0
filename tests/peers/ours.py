"""Our sensors and our sampler on the very inputs that another meter is given, by the same clock.

In: a `Host` whose files a test rewrites, and instants. Out: what the sealed pages hold: joules and
gaps by device.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from exporters.account import Track
from exporters.clock import Boot, Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import Sampler
from exporters.sensors import rapl
from exporters.weights import Usage
from footprint.interval import to_us
from footprint.ledger import GENESIS, check
from tests.peers.driven import CARD_W, Host

START = to_us(datetime(2026, 11, 21, 21, 0, tzinfo=UTC))
BOOT = "11111111-2222-3333-4444-555555555555"


class Packages:
    """The RAPL sensor and a sampler on a host's powercap tree."""

    def __init__(self, host: Host) -> None:
        self._now_ns = 0
        sensor = rapl.discover(host.powercap, Boot(BOOT, lambda: self._now_ns))
        assert isinstance(sensor, rapl.Rapl)
        self._sensor = sensor
        tracks = {("rapl", d.device): Track(d, covered_us=START) for d in sensor.devices()}
        self._sampler = Sampler(Drafts(900, START), tracks, {})
        self.tick(0)

    def tick(self, at_seconds: float) -> None:
        """Read every zone at this second."""
        self._now_ns = round(at_seconds * 1e9)
        readings = {("rapl", name): value for name, value in self._sensor.read().items()}
        self._sampler.tick(self._instant(), readings, Usage(0, 0, {}), {})

    def result(self) -> tuple[dict[str, float], list[tuple[str, str, float]]]:
        """Joules by device; gaps as (device, cause, seconds)."""
        self._sensor.close()
        chain = Chain("host", "0" * 32, BOOT, 0, GENESIS)
        pages = [seal(draft, chain) for draft in self._sampler.due(self._instant(), final=True)]
        for page in pages:
            check(page)
        joules = {state.device: state.metered_uj / 1e6 for state in pages[0].sensors}
        gaps = [
            (gap.device, str(gap.cause), (gap.end - gap.start).total_seconds())
            for gap in pages[0].gaps
        ]
        return joules, gaps

    def _instant(self) -> Instant:
        return Instant(self._now_ns, START + self._now_ns // 1000)


def told(host: Host, *steps: tuple[float, str, float, str]) -> dict[str, Any]:
    """The NVML sensor over steps of (second, UUID, joules, driver): see tests/exporters."""
    story = [
        {
            "at": at,
            "driver": driver,
            "cards": [f"{uuid} {round(joules * 1000)} 0 1 {CARD_W * 1000} power=100000"],
        }
        for at, uuid, joules, driver in steps
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.exporters.nvml_story"],
        input=json.dumps(story),
        env={**os.environ, **host.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer
