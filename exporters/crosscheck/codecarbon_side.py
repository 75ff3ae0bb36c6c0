"""CodeCarbon's side of a cross-check: its unmodified offline tracker, in a process of its own.

A program (`python -m exporters.crosscheck.codecarbon_side POWERCAP_ROOT`), so that pandas and the
rest of CodeCarbon never sit in the agent. In (standard input): the lines `begin` and `end`. Out
(standard output): lines of JSON, `ready`, `begun`, `ending` and `done`; instants in nanoseconds of
CLOCK_MONOTONIC, which is the same for every process of a host. It ends when its input ends.

The tracker is an offline one, which connects to nobody; an attempt would be refused here, and
counted. What it does not tell by its public face (which files it reads, and when) is read off its
attributes, so the version is pinned. Nothing of it is changed; where the agent was given another
powercap tree, its own class for processors is given the same one.
"""

import contextlib
import importlib
import importlib.metadata
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

MEASURE_SECONDS = 1
COUNTRY = "FRA"
"""The tracker must be told one; it decides over grams, which nobody asks it for."""

QUIET_SECONDS = (0.25, 0.75)
"""Since its last measurement: ended while its timer measures, it would count a second twice."""

MOST_WARNINGS = 20
ONLINE = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


class _Offline:
    """Refuses every connection that Python code of this process attempts, and counts them."""

    def __init__(self) -> None:
        self.refused = 0
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ONLINE and not isinstance(arguments[-1], str | bytes):
            self.refused += 1
            raise PermissionError(f"a cross-check is offline, and this is {event}")


class _Warnings(logging.Handler):
    """What CodeCarbon warns of, each text once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())[:300]
        if text not in self.texts and len(self.texts) < MOST_WARNINGS:
            self.texts.append(text)


class _Tracker:
    """CodeCarbon's tracker from `begin` to `end`."""

    def __init__(self, powercap_root: str) -> None:
        logger = logging.getLogger("codecarbon")
        self.warnings = _Warnings()
        # Imported here: only this process pays for it. CodeCarbon is untyped.
        package: Any = importlib.import_module("codecarbon")
        logger.addHandler(self.warnings)
        self._tracker = package.OfflineEmissionsTracker(
            country_iso_code=COUNTRY,
            measure_power_secs=MEASURE_SECONDS,
            tracking_mode="machine",
            output_methods=[],
            allow_multiple_runs=True,
            log_level="warning",
        )
        self._tracker.get_detected_hardware()
        if powercap_root:
            self._look_in(powercap_root)
        self._began_within_ns = 0

    def _look_in(self, root: str) -> None:
        cpu: Any = importlib.import_module("codecarbon.core.cpu")
        external: Any = importlib.import_module("codecarbon.external.hardware")
        if cpu.is_rapl_available(root):
            processors = external.CPU(".", "intel_rapl", None, None, rapl_dir=root)
            self._tracker._hardware = [
                processors if type(item).__name__ == "CPU" else item
                for item in self._tracker._hardware
            ]

    def begin(self) -> dict[str, int]:
        """Start; between which instants it read its counters first."""
        self._tracker.start()
        end_ns = time.monotonic_ns()
        if self._tracker._start_time is None:
            said = self.warnings.texts[-1:] or ["nothing said why"]
            raise RuntimeError(f"the tracker did not start: {said[0]}")
        start_ns = _ns(self._tracker._start_time)
        self._began_within_ns = end_ns - start_ns
        return {"from_ns": start_ns, "to_ns": end_ns}

    def wait_for_quiet(self) -> None:
        """Until no measurement of its timer is under way."""
        least, most = QUIET_SECONDS
        for _ in range(100):
            if least <= time.perf_counter() - self._tracker._last_measured_time <= most:
                return
            time.sleep(0.02)

    def end(self) -> dict[str, int]:
        """Stop; between which instants it read its counters last."""
        before_ns = time.monotonic_ns()
        self._tracker.stop()
        last_ns = _ns(self._tracker._last_measured_time)
        first_ns = min(before_ns, last_ns - self._began_within_ns)
        return {"from_ns": first_ns, "to_ns": last_ns}

    def energies(self) -> dict[str, str]:
        """Kilowatt-hours by component, as the shortest digits of its floats."""
        data = self._tracker.final_emissions_data
        return {
            "cpu": repr(data.cpu_energy),
            "dram": repr(data.ram_energy),
            "gpu": repr(data.gpu_energy),
        }

    def methods(self) -> dict[str, dict[str, Any]]:
        """By component, how it came to its figure."""
        conf = self._tracker.get_detected_hardware()
        found: dict[str, dict[str, Any]] = {}
        for item in self._tracker._hardware:
            kind = type(item).__name__
            if kind == "CPU":
                found["cpu"] = _processors(item, conf)
            elif kind == "RAM":
                found["dram"] = _memory(item)
            elif kind == "GPU":
                found["gpu"] = _cards(item)
        return found


def _processors(item: Any, conf: dict[str, Any]) -> dict[str, Any]:
    facts = {"method": item._mode, "sockets": str(conf["cpu_physical_count"])}
    if item._mode != "intel_rapl":
        facts |= {"model": str(item._model)[:200], "full_watts": str(item._tdp)}
        return {**facts, "generic": "yes" if item._is_generic_tdp else "no"}
    rapl = item._intel_interface
    taken_for_copies = set(rapl._mirrored_candidates)
    files = [file.path for file in rapl._rapl_files if file.path not in taken_for_copies]
    return {**facts, "files": files, "zones": [_zone(file) for file in files]}


def _zone(file: str) -> str:
    with contextlib.suppress(OSError):
        return (Path(file).parent / "name").read_text(encoding="ascii").strip()
    return "unknown"


def _memory(item: Any) -> dict[str, Any]:
    size = item.machine_memory_GB
    return {
        "method": "estimate",
        "watts": str(item.total_power().W),
        "modules": str(item._estimate_dimm_count(size)),
        "memory_gib": f"{size:.1f}",
    }


def _cards(item: Any) -> dict[str, Any]:
    chosen = set(item._get_gpu_ids())
    devices = [device for device in item.devices.devices if device.gpu_index in chosen]
    return {
        "method": "nvml",
        "cards": [device._uuid for device in devices],
        "by_power": [device._uuid for device in devices if device._use_power_fallback],
    }


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)  # Linux: perf_counter() is CLOCK_MONOTONIC


def main() -> None:
    """Answer the lines of standard input."""
    # Whatever CodeCarbon or its helpers print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    offline = _Offline()
    tracker = _Tracker(sys.argv[1])

    def answer(what: str, **facts: Any) -> None:
        json.dump({"answer": what, **facts}, answers)
        answers.write("\n")

    answer("ready", version=importlib.metadata.version("codecarbon"))
    for line in sys.stdin:
        if line.strip() == "begin":
            answer("begun", **tracker.begin())
        elif line.strip() == "end":
            tracker.wait_for_quiet()
            answer("ending")
            window = tracker.end()
            answer(
                "done",
                **window,
                energy_kwh=tracker.energies(),
                methods=tracker.methods(),
                warnings=tracker.warnings.texts,
                refused_connections=offline.refused,
            )


if __name__ == "__main__":
    main()
