"""The record of raw readings: what anybody needs to recompute, and nothing lost but itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from demo import recompute
from exporters.account import Track
from exporters.clock import Instant
from exporters.drafts import Drafts
from exporters.record import Record
from exporters.sampler import Sampler
from exporters.sensors.sensor import Device, Failure
from exporters.weights import Usage
from exporters.workloads.gpus import Weights
from footprint.floor import Rest
from footprint.reading import Counter, Gap

DEVICE = Device("rapl", "package-0", "cpu", "package-0", "counter", range_uj=10**9)
KEY = ("rapl", "package-0")
NOW = Instant(5_000_000_000, 1_795_255_200_000_001)
USAGE = Usage(30, 2, {"chat": 7})


def lines(path: Path) -> list[dict[str, Any]]:
    """The record's lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_header_and_ticks_hold_every_raw_value(tmp_path: Path) -> None:
    """Devices with what is declared of them; instants to the microsecond; failures by cause;
    watched groups and floors only when they change."""
    path = tmp_path / "record"
    record = Record(path)
    record.header({"host_id": "host-1"}, [DEVICE])
    watched = {"chat": ["/footprint/chat"]}
    record.tick(NOW, {KEY: Counter(12, 34, "boot")}, USAGE, watched, [DEVICE])
    record.tick(NOW, {KEY: Failure(Gap("absent"), "gone")}, USAGE, watched, [DEVICE])
    resting = msgspec.structs.replace(DEVICE, floor_uw=9_000_000)
    board = Weights({"chat": 3, "@idle": 4}, {"chat": 5}, "sm")
    record.tick(NOW, {}, USAGE, {}, [resting], gpus={"GPU-1": board})
    record.close()
    header, good, failed, empty = lines(path)
    assert (header["record"], header["format"], header["host_id"]) == ("footprint", 1, "host-1")
    assert [device["range_uj"] for device in header["devices"]] == [10**9]
    assert good == {
        "at": "2026-11-21T10:00:00.000001Z",
        "mono_ns": 5_000_000_000,
        "readings": [{"device": "package-0", "value_uj": 12, "at_ns": 34}],
        "cpu_ns": {"host": 30, "agent": 2, "sia": {"chat": 7}},
        "watch": watched,
    }
    assert failed["readings"] == [{"device": "package-0", "gap": "absent"}]
    assert "watch" not in failed
    assert "floors_uw" not in failed
    assert "gpus" not in failed
    assert empty["gpus"] == {"GPU-1": {"static": {"chat": 3, "@idle": 4}, "dynamic": {"chat": 5}}}
    assert (empty["readings"], empty["watch"]) == ([], {})
    assert empty["floors_uw"] == {"package-0": 9_000_000}


FULL = """
import resource, sys
from pathlib import Path
from exporters.record import Record
from exporters.account import Track
from exporters.sampler import Sampler
from tests.exporters.test_record import NOW, USAGE
record = Record(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
for _ in range(30):
    record.tick(NOW, {}, USAGE, {}, [])
record.close()
print("metering goes on")
"""


def test_a_record_that_can_grow_no_more_ends_with_one_line(tmp_path: Path) -> None:
    """The file system's limit is met for real: the lines before are whole, the agent goes on."""
    path = tmp_path / "record"
    answer = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "metering goes on\n"
    (line,) = answer.stderr.splitlines()
    assert line == f"record: cannot write {path}: File too large; it ends here, metering goes on"
    assert len(path.read_text().splitlines()) >= 5


def test_a_floor_found_meanwhile_is_recomputed_too(tmp_path: Path) -> None:
    """The record alone gives the shares of both pages: undivided before, static and dynamic after
    the minute of rest, to the microjoule."""
    path = tmp_path / "record"
    record = Record(path)
    device = msgspec.structs.replace(DEVICE, max_power_uw=10**8)
    start_us = NOW.utc_us - NOW.utc_us % 120_000_000
    drafts = Drafts(120, start_us)
    sampler = Sampler(drafts, {KEY: Track(device, covered_us=start_us, rest=Rest())}, {})
    record.header({}, [device])
    drafted = []
    for second in range(200):
        busy_ns = max(0, second - 90) * 777_777_777
        used_uj = second * 33_333_333 + busy_ns // 50
        now = Instant(second * 10**9, start_us + second * 1_000_000)
        readings = {KEY: Counter(used_uj % 10**9, now.mono_ns, "boot", 10**9, 10**8)}
        usage = Usage(busy_ns + second * 1000, second * 100, {"chat": busy_ns})
        sampler.tick(now, readings, usage, {})
        drafted += sampler.due(now)
        record.tick(now, readings, usage, {}, [track.device for track in sampler.tracks.values()])
    drafted += sampler.due(now, final=True)
    record.close()
    whole: dict[str, dict[str, int]] = {}
    for draft in drafted:
        for key, energy_uj in draft.covers["rapl package-0"].energy.items():
            consumer, part = key.split(" ")
            sums = whole.setdefault(consumer, {"energy_uj": 0, "dynamic_uj": 0})
            sums["energy_uj"] += energy_uj
            sums["dynamic_uj"] += energy_uj * (part != "static")
    assert drafted[1].covers["rapl package-0"].device.floor_uw == 33_333_333
    with path.open(encoding="utf-8") as file:
        recomputed = recompute.Record(file).totals
    for consumer, sums in whole.items():
        assert {name: recomputed[consumer][name] for name in sums} == sums
