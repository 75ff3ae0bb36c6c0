"""Boards without a counter are sampled by a thread of the sensor's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.exporters.test_nvml_failures import powered

ALONE = """
import json, time
from exporters.clock import Boot
from exporters.sensors import nvml
sensor = nvml.discover(Boot("boot"))
integral = sensor._boards[0].integral
seen = set()
deadline = time.monotonic() + 60
while len(seen) < 3 and time.monotonic() < deadline:
    seen.add(integral.last and integral.last.at_ns)
    time.sleep(0.05)
thread = sensor._thread
sensor.close()
print(json.dumps([len(seen), thread.is_alive()]))
"""


def test_power_is_sampled_between_ticks_and_no_longer_after_close(
    libraries: Callable[[str], Path], tmp_path: Path
) -> None:
    """On the machine's own clock the sensor samples without being asked; close() ends it."""
    state = tmp_path / "cards"
    state.write_text(f"0\n{powered(100)}\n")
    environment = {"LD_PRELOAD": str(libraries("")), "FAKE_NVML_STATE": str(state)}
    answer = subprocess.run(
        [sys.executable, "-c", ALONE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == [3, False]
