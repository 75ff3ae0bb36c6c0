"""Drives CodeCarbon's unmodified offline tracker: a line in, its totals out, as JSON.

Lines: `start GPU_IDS|- yes|no` (its cards; whether it is asked to include DRAM) and `measure`. It
measures only when it is told to: its own period is set to an hour.
"""

import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Answer the lines of standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    package: Any = importlib.import_module("codecarbon")
    tracker: Any = None
    for line in sys.stdin:
        command, *words = line.split()
        if command == "start":
            cards, dram = words
            tracker = package.OfflineEmissionsTracker(
                country_iso_code="FRA",
                measure_power_secs=3600,
                output_methods=[],
                log_level="warning",
                gpu_ids=None if cards == "-" else cards,
                rapl_include_dram=dram == "yes",
            )
            tracker.start()
        elif command == "measure":
            time.sleep(0.06)  # it does not measure twice within 50 ms
            tracker.flush()
        json.dump(_totals(tracker) | _facts(tracker), answers)
        answers.write("\n")


def _totals(tracker: Any) -> dict[str, float]:
    data = tracker._prepare_emissions_data()
    parts = {"cpu": data.cpu_energy, "gpu": data.gpu_energy}
    return {name: kwh * 3_600_000 for name, kwh in parts.items()}


def _facts(tracker: Any) -> dict[str, object]:
    names = [type(item).__name__ for item in tracker._hardware]
    modes = [item._mode for item in tracker._hardware if type(item).__name__ == "CPU"]
    version = importlib.metadata.version("codecarbon")
    return {"hardware": names, "modes": modes, "version": version}


if __name__ == "__main__":
    main()
