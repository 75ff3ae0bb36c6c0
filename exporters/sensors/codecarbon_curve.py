"""Asks CodeCarbon what this host's processor draws at no load and at full load, and prints it.

A program of its own (`python -m exporters.sensors.codecarbon_curve`), so that pandas and the rest
of CodeCarbon (64 MB) are loaded once and given back, and never sit in the agent. It makes no
connection: only CodeCarbon's table of processors and its curve are used, not its tracker.

Out: one JSON object {version, model, matched, tdp_watts, curve_watts: {"0": .., ..., "100": ..}}.
"""

import importlib
import importlib.metadata
import json
import logging
import sys
from typing import Any

LOADS = (0, 25, 50, 75, 100)


class _FixedLoad:
    """Stands where CodeCarbon measures the load, so that its own curve can be read off."""

    def __init__(self, percent: float) -> None:
        self._percent = percent

    def percent(self) -> float:
        return self._percent


def main() -> None:
    """Print the curve of this host's processor."""
    logging.disable(logging.WARNING)
    # Imported here: only a start of this program pays for it. CodeCarbon is untyped.
    cpu_table: Any = importlib.import_module("codecarbon.core.cpu")
    hardware: Any = importlib.import_module("codecarbon.external.hardware")

    table = cpu_table.TDP()
    known = table._get_cpu_power_from_registry(cpu_table.detect_cpu_model() or "")
    cpu = hardware.CPU(
        output_dir=".",
        mode=hardware.MODE_CPU_LOAD,
        model=table.model,
        tdp=table.tdp,
        tracking_mode="machine",
    )
    curve = {}
    for load in LOADS:
        cpu._cpu_load_meter = _FixedLoad(load)
        curve[str(load)] = round(cpu._get_power_from_cpu_load().W, 6)
    json.dump(
        {
            "version": importlib.metadata.version("codecarbon"),
            "model": table.model,
            "matched": known is not None,
            "tdp_watts": float(table.tdp),
            "curve_watts": curve,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
