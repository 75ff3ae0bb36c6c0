"""Tells the NVML sensor and the real sampler a story, on the fake library and a clock of its own.

In (standard input): JSON list of steps `{at, driver, cards, tick, owners, reserved, floor_uw}`: the
second, the state's first line, its other lines, whether the agent ticks or its thread samples; and
of the host the SIA of each pid (null: nobody's), SIA by reserved UUID and the boards' floor. Out:
JSON with every tick's readings, and energies, gaps and evidence of the sealed pages.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from exporters.account import Track
from exporters.clock import Boot, Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import Sampler
from exporters.sensors import nvml
from exporters.sensors.sensor import Failure
from exporters.settings import Workload
from exporters.weights import Usage
from exporters.workloads.gpus import Boards
from exporters.workloads.owners import Owners, decide_by
from exporters.workloads.processes import Processes
from exporters.workloads.rules import Rules
from footprint.interval import to_us
from footprint.ledger import GENESIS, Page, check

START = to_us(datetime(2026, 11, 21, 21, 0, tzinfo=UTC))
LEDGER = "0" * 32
BOOT = "11111111-2222-3333-4444-555555555555"
MOUNTED = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


class Story:
    """One host over one process: a sensor, a sampler, a clock."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.sensor: Any = None
        self.sampler: Any = None
        self.proc = Path(f"{os.environ['FAKE_NVML_STATE']}.proc")
        self.boards: Any = None
        self.ticks: list[dict[str, Any]] = []
        self.pages: list[Page] = []

    def step(self, step: dict[str, Any]) -> None:
        """Set the cards and the clock, then tick or sample."""
        path = os.environ["FAKE_NVML_STATE"]
        with open(f"{path}.new", "w") as file:
            file.write("\n".join([str(step.get("driver", 0)), *step["cards"]]) + "\n")
        os.replace(f"{path}.new", path)
        self.now_ns = round(step["at"] * 1e9)
        self._place(step.get("owners", {}))
        if self.sensor is None or step.get("restart"):
            self._start(step)
        if step.get("tick", True):
            self._tick()
        else:
            self.sensor.sample()

    def _place(self, owners: dict[str, str | None]) -> None:
        """Processes with their control groups, as /proc shows them."""
        (self.proc / "self").mkdir(parents=True, exist_ok=True)
        (self.proc / "self" / "mountinfo").write_text(MOUNTED)
        for pid, sia in owners.items():
            folder = self.proc / pid
            folder.mkdir(exist_ok=True)
            group = f"/work/{sia}" if sia else "/user.slice"
            (folder / "cgroup").write_text(f"0::{group}\n")
            (folder / "stat").write_text(f"{pid} (it) S 1 {'0 ' * 17}77 {'0 ' * 30}\n")

    def _start(self, step: dict[str, Any]) -> None:
        """A process of the agent begins: what it read before is remembered, as by a checkpoint."""
        self.sensor = nvml.discover(Boot(BOOT, lambda: self.now_ns))
        rules = Rules([Workload(f"work/{sia}", sia) for sia in ("chat", "search", "map")], "run")
        decide = decide_by(rules, Processes(self.proc / "none", self.proc), self.proc)
        reserved = step.get("reserved", {})
        self.boards = Boards(Owners(decide, self.proc), reserved)
        before = self.sampler.tracks if self.sampler else {}
        tracks = {}
        for found in self.sensor.devices():
            device = msgspec.structs.replace(found, floor_uw=step.get("floor_uw"))
            key = ("nvml", device.device)
            tracks[key] = before.get(key) or Track(device, covered_us=START)
            tracks[key].blind = tracks[key].baseline is not None
        drafts = self.sampler.drafts if self.sampler else Drafts(900, START)
        self.sampler = Sampler(drafts, tracks, reserved)
        self.sampler.tick(self._now(), {}, Usage(0, 0, {}), {})

    def _now(self) -> Instant:
        return Instant(self.now_ns, START + self.now_ns // 1000)

    def _tick(self) -> None:
        readings = self.sensor.read()
        self.ticks.append({name: _short(reading) for name, reading in readings.items()})
        by_key = {("nvml", name): reading for name, reading in readings.items()}
        uses = self.sensor.use(without=self.boards.reserved)
        self.boards.advance(self.now_ns, uses, self.sensor.uuids)
        self.sampler.tick(self._now(), by_key, Usage(0, 0, {}), self.boards.by_uuid)
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
        shares: dict[str, dict[str, int]] = {}
        for page in self.pages:
            for state in page.sensors:
                energy[state.device] = energy.get(state.device, 0) + state.metered_uj
            for entry in page.entries:
                own = shares.setdefault(entry.device, {})
                whose = f"{entry.consumer} {entry.part}"
                own[whose] = own.get(whose, 0) + entry.energy_uj
        return {
            "ticks": self.ticks,
            "energy_uj": energy,
            "shares_uj": shares,
            "states": [msgspec.to_builtins(state) for state in self.boards.states()],
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
            "holders": {
                uuid: None if use.processes is None else len(use.processes)
                for uuid, use in self.sensor.use().items()
            },
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
