"""Drives Zeus's unmodified monitor: a line in, a measurement out, as JSON.

Run by the interpreter of .venv-peers, so that it imports nothing of ours. Lines: `start`, `begin`,
`end`, `state` (its pollers of RAPL). Energies in joules by Zeus's own index.
"""

import importlib.metadata
import json
import os
import sys


def main() -> None:
    """Answer the lines of standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from zeus.monitor import ZeusMonitor

    answer = {}
    monitor = None
    for line in sys.stdin:
        command = line.strip()
        try:
            if command == "start":
                monitor = ZeusMonitor()
                answer = {"version": importlib.metadata.version("zeus-ml")}
            elif command == "begin":
                monitor.begin_window("window", sync_execution=False)
                answer = {}
            elif command == "end":
                answer = shown(monitor.end_window("window", sync_execution=False))
            elif command == "state":
                answer = state(monitor)
        except Exception as error:  # noqa: BLE001 - what it raises is the answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        json.dump(answer, answers)
        answers.write("\n")


def shown(measurement):
    """Its figures, by index."""
    return {
        "gpu": measurement.gpu_energy,
        "cpu": measurement.cpu_energy or {},
        "dram": measurement.dram_energy or {},
        "total": measurement.total_energy,
    }


def state(monitor):
    """Its pollers, one a package."""
    files = [cpu.rapl_file for cpu in getattr(monitor.cpus, "cpus", [])]
    pollers = [file.wraparound_tracker for file in files]
    return {
        "names": [file.name for file in files],
        "wraps": [poller.get_num_wraparounds() for poller in pollers],
        "pids": [poller.process.pid for poller in pollers],
        "alive": [poller.process.is_alive() for poller in pollers],
    }


if __name__ == "__main__":
    main()
