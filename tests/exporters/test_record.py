"""The record of raw readings: what anybody needs to recompute, and nothing lost but itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from exporters.clock import Instant
from exporters.record import Record
from exporters.sensors.sensor import Device, Failure
from exporters.weights import Usage
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
    watched groups only when they change."""
    path = tmp_path / "record"
    record = Record(path)
    record.header({"host_id": "host-1"}, [DEVICE])
    watched = {"chat": ["/footprint/chat"]}
    record.tick(NOW, {KEY: Counter(12, 34, "boot")}, USAGE, watched)
    record.tick(NOW, {KEY: Failure(Gap("absent"), "gone")}, USAGE, watched)
    record.tick(NOW, {}, USAGE, {})
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
    assert (empty["readings"], empty["watch"]) == ([], {})


FULL = """
import resource, sys
from pathlib import Path
from exporters.record import Record
from tests.exporters.test_record import NOW, USAGE
record = Record(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
for _ in range(30):
    record.tick(NOW, {}, USAGE, {})
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
