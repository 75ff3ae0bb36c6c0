"""Tells the NVML sensor and the real sampler a story, on the fake library and a clock of its own.

In (standard input): JSON list of steps `{at, driver, cards, tick}`: the second, the state's first
line, its other lines, and whether the agent ticks or its thread samples. Out: JSON with every
tick's readings, and energies, gaps and evidence of the sealed pages.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any

from exporters.clock import Boot, Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import Sampler, Track
from exporters.sensors import nvml
from exporters.sensors.sensor import Failure
from exporters.weights import Usage
from footprint.interval import to_us
from footprint.ledger import GENESIS, Page, check

START = to_us(datetime(2026, 11, 21, 21, 0, tzinfo=UTC))
LEDGER = "0" * 32
BOOT = "11111111-2222-3333-4444-555555555555"


class Story:
    """One host over one process: a sensor, a sampler, a clock."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.sensor: Any = None
        self.sampler: Any = None
        self.ticks: list[dict[str, Any]] = []
        self.pages: list[Page] = []

    def step(self, step: dict[str, Any]) -> None:
        """Set the cards and the clock, then tick or sample."""
        path = os.environ["FAKE_NVML_STATE"]
        with open(f"{path}.new", "w") as file:
            file.write("\n".join([str(step.get("driver", 0)), *step["cards"]]) + "\n")
        os.replace(f"{path}.new", path)
        self.now_ns = round(step["at"] * 1e9)
        if self.sensor is None or step.get("restart"):
            self._start()
        if step.get("tick", True):
            self._tick()
        else:
            self.sensor.sample()

    def _start(self) -> None:
        """A process of the agent begins: what it read before is remembered, as by a checkpoint."""
        self.sensor = nvml.discover(Boot(BOOT, lambda: self.now_ns))
        before = self.sampler.tracks if self.sampler else {}
        tracks = {}
        for device in self.sensor.devices():
            key = ("nvml", device.device)
            tracks[key] = before.get(key) or Track(device, covered_us=START)
            tracks[key].blind = tracks[key].baseline is not None
        drafts = self.sampler.drafts if self.sampler else Drafts(900, START)
        self.sampler = Sampler(drafts, tracks, {})
        self.sampler.tick(self._now(), {}, Usage(0, 0, {}), {})

    def _now(self) -> Instant:
        return Instant(self.now_ns, START + self.now_ns // 1000)

    def _tick(self) -> None:
        readings = self.sensor.read()
        self.ticks.append({name: _short(reading) for name, reading in readings.items()})
        by_key = {("nvml", name): reading for name, reading in readings.items()}
        self.sampler.tick(self._now(), by_key, Usage(0, 0, {}), {})
        self._seal()

    def _seal(self, final: bool = False) -> None:
        for draft in self.sampler.due(self._now(), final=final):
            previous = "1" * 64 if self.pages else GENESIS
            self.pages.append(seal(draft, Chain("host", LEDGER, BOOT, len(self.pages), previous)))
            check(self.pages[-1])

    def result(self) -> dict[str, Any]:
        """What the pages say, in joules and seconds."""
        self._seal(final=True)
        energy: dict[str, int] = {}
        for page in self.pages:
            for state in page.sensors:
                energy[state.device] = energy.get(state.device, 0) + state.metered_uj
        return {
            "ticks": self.ticks,
            "energy_uj": energy,
            "gaps": [
                [g.device, g.cause, (to_us(g.start) - START) / 1e6, (to_us(g.end) - START) / 1e6]
                for page in self.pages
                for g in page.gaps
                if g.kind == "gap"
            ],
            "devices": [
                [d.device, d.component, d.quality, d.parameters] for d in self.sensor.devices()
            ],
            "errors": {
                s.device: s.last_error for page in self.pages for s in page.sensors if s.last_error
            },
            "remarks": [[r.about, r.says, r.defect] for r in self.sensor.remarks()],
            "holders": {d.device: self.sensor.holders(d.device) for d in self.sensor.devices()},
        }


def _short(reading: Any) -> Any:
    if isinstance(reading, Failure):
        return [reading.gap.cause, reading.error]
    return reading.value_uj


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    story = Story()
    for one in json.load(sys.stdin):
        story.step(one)
    json.dump(story.result(), sys.stdout)
