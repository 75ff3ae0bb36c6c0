"""What the tests on a card measure: meters watched closely, changes, costs. No test, no card here.

In: an NVML handle (through `nvidia-ml-py`), or any callable. Out: samples and the figures made of
them. Everything here runs against the simulated library as well.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pynvml

EVERY_SECONDS = 0.002
CALLS = 1000
POWER_FIELDS = {"instant": 186, "average": 185}
"""NVML_FI_DEV_POWER_INSTANT and NVML_FI_DEV_POWER_AVERAGE."""


class Sample(msgspec.Struct, frozen=True):
    """The three meters of a board at one instant; None where the card does not have one."""

    at_ns: int
    energy_mj: int
    instant_mw: int | None
    average_mw: int | None


class Period(msgspec.Struct, frozen=True):
    """How often a value changed: milliseconds between changes."""

    changes: int
    median_ms: float
    p95_ms: float


class Cost(msgspec.Struct, frozen=True):
    """Microseconds of one call, medians."""

    wall_us: float
    cpu_us: float


class Used(msgspec.Struct, frozen=True):
    """What NVML says of one process: percent of time on the SMs, and how often it says so."""

    pid: int
    samples: int
    mean_sm_percent: float
    period_ms: float | None


def watch(handle: Any, seconds: float) -> list[Sample]:
    """The meters as fast as is sensible, for this long."""
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        energy_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        samples.append(Sample(time.monotonic_ns(), energy_mj, *_powers(handle)))
        time.sleep(EVERY_SECONDS)
    return samples


def compared(samples: Sequence[Sample], field: str) -> tuple[float, float, float] | None:
    """(joules by the counter, joules by the power integrated, seconds) between the first and the
    last change of the counter; None where there are no two, or the card has no such power."""
    changed = [
        index
        for index in range(1, len(samples))
        if samples[index].energy_mj != samples[index - 1].energy_mj
    ]
    if len(changed) < 2 or any(_power(sample, field) is None for sample in samples):
        return None
    window = samples[changed[0] : changed[-1] + 1]
    counted = (window[-1].energy_mj - window[0].energy_mj) / 1e3
    powers = [_power(sample, field) or 0 for sample in window]
    doubled = sum(
        (powers[index] + powers[index + 1]) * (window[index + 1].at_ns - window[index].at_ns)
        for index in range(len(window) - 1)
    )
    return counted, doubled / 2 / 1e12, (window[-1].at_ns - window[0].at_ns) / 1e9


def period(samples: Sequence[Sample], meter: str) -> Period | None:
    """How often `energy`, `instant` or `average` changed; None where it did not twice."""
    name = "energy_mj" if meter == "energy" else f"{meter}_mw"
    times = [
        after.at_ns
        for before, after in pairwise(samples)
        if getattr(after, name) != getattr(before, name)
    ]
    return _period(times, 1e6)


def cost(call: Callable[[], Any], calls: int = CALLS) -> Cost:
    """What a call costs, of `calls` of them."""
    wall, cpu = [], []
    for _ in range(calls):
        wall_ns, cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
        call()
        cpu.append(time.thread_time_ns() - cpu_ns)
        wall.append(time.perf_counter_ns() - wall_ns)
    return Cost(statistics.median(wall) / 1e3, statistics.median(cpu) / 1e3)


def sensor_calls(handle: Any, uuid: str) -> dict[str, Callable[[], Any]]:
    """Every NVML call that our sensor makes, and those that a tick may come to make."""
    calls: dict[str, Callable[[], Any]] = {
        "GetTotalEnergyConsumption": lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle),
        "GetFieldValues (instant)": lambda: pynvml.nvmlDeviceGetFieldValues(handle, [186]),
        "GetFieldValues (average)": lambda: pynvml.nvmlDeviceGetFieldValues(handle, [185]),
        "GetPowerUsage": lambda: pynvml.nvmlDeviceGetPowerUsage(handle),
        "GetComputeRunningProcesses_v3": lambda: pynvml.nvmlDeviceGetComputeRunningProcesses_v3(
            handle
        ),
        "GetHandleByUUID": lambda: pynvml.nvmlDeviceGetHandleByUUID(uuid),
        "GetMigMode": lambda: pynvml.nvmlDeviceGetMigMode(handle),
        "GetProcessUtilization": lambda: _utilisation(handle, 0),
    }
    return calls


def utilisation(handle: Any, seconds: float, every_seconds: float = 0.05) -> list[Used]:
    """What NVML says of each process over this long, the busiest first. Raises NVMLError."""
    seen: dict[int, dict[int, int]] = {}
    newest_us = max((sample.timeStamp for sample in _utilisation(handle, 0)), default=0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(every_seconds)
        for sample in _utilisation(handle, newest_us):
            seen.setdefault(sample.pid, {})[sample.timeStamp] = sample.smUtil
            newest_us = max(newest_us, sample.timeStamp)
    return sorted(
        (_used(pid, samples) for pid, samples in seen.items()),
        key=lambda used: -used.mean_sm_percent,
    )


def _used(pid: int, samples: dict[int, int]) -> Used:
    spacing = _period(sorted(samples), 1e3)
    mean = statistics.mean(samples.values())
    return Used(pid, len(samples), mean, spacing.median_ms if spacing else None)


def _utilisation(handle: Any, since_us: int) -> list[Any]:
    try:
        return list(pynvml.nvmlDeviceGetProcessUtilization(handle, since_us))
    except pynvml.NVMLError as error:
        if error.value in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND):
            return []  # nobody computed since then
        raise


def _powers(handle: Any) -> tuple[int | None, int | None]:
    values = pynvml.nvmlDeviceGetFieldValues(handle, list(POWER_FIELDS.values()))
    instant, average = (
        int(value.value.uiVal) if value.nvmlReturn == pynvml.NVML_SUCCESS else None
        for value in values
    )
    return instant, average


def _power(sample: Sample, field: str) -> int | None:
    power: int | None = getattr(sample, f"{field}_mw")
    return power


def _period(times: Sequence[int], per_ms: float) -> Period | None:
    spacings = sorted((after - before) / per_ms for before, after in pairwise(times))
    if not spacings:
        return None
    p95 = spacings[min(len(spacings) - 1, len(spacings) * 95 // 100)]
    return Period(len(times), statistics.median(spacings), p95)
