"""NVML in the agent's words: the one file that speaks to the driver through `nvidia-ml-py`.

In: `libnvidia-ml.so.1`. Out: plain numbers, texts and tuples; a call that the driver refuses raises
`NVMLError`, whose `value` is NVML's return code, except where it says otherwise. Handles, GPM
samples and nothing else are passed through as they are.
Source: NVML API reference (nvml.h, v13).
"""

import functools
import math
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pynvml

from exporters.sensors.use import Held
from footprint.reading import Cause

NVMLError = pynvml.NVMLError

CAUSES: dict[int, Cause] = {
    pynvml.NVML_ERROR_NO_PERMISSION: "permission",
    pynvml.NVML_ERROR_GPU_IS_LOST: "absent",
    pynvml.NVML_ERROR_GPU_NOT_FOUND: "absent",
    pynvml.NVML_ERROR_NOT_FOUND: "absent",
    pynvml.NVML_ERROR_UNINITIALIZED: "absent",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "absent",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "absent",
    pynvml.NVML_ERROR_NOT_SUPPORTED: "unsupported",
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND: "unsupported",
}

DRIVER_GONE = (
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
)

VIRTUALISATION = {
    pynvml.NVML_GPU_VIRTUALIZATION_MODE_NONE: "none",
    pynvml.NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH: "passthrough",
    pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU: "vgpu",
    pynvml.NVML_GPU_VIRTUALIZATION_MODE_HOST_VGPU: "host-vgpu",
    pynvml.NVML_GPU_VIRTUALIZATION_MODE_HOST_VSGA: "host-vsga",
}

NO_INSTANCE = 0xFFFFFFFF
"""What a process list says of a process in no MIG instance."""

Sample = tuple[int, int, int]
"""A process's SM utilisation: pid, instant (CPU clock, us), percent."""

_SAMPLE = struct.Struct("@IQI")
"""The beginning of nvmlProcessUtilizationSample_t: nvidia-ml-py's own attributes are slow."""

join: Callable[[], Any] = pynvml.nvmlInit
count: Callable[[], int] = pynvml.nvmlDeviceGetCount
by_index: Callable[[int], Any] = pynvml.nvmlDeviceGetHandleByIndex
by_uuid: Callable[[str], Any] = pynvml.nvmlDeviceGetHandleByUUID
uuid_of: Callable[[Any], str] = pynvml.nvmlDeviceGetUUID
millijoules: Callable[[Any], int] = pynvml.nvmlDeviceGetTotalEnergyConsumption


def leave() -> None:
    """End the session, if there is one."""
    optional(pynvml.nvmlShutdown)


def optional(call: Callable[..., Any], *arguments: Any) -> Any | None:
    """What `call` answers, None where this card or driver has no answer."""
    try:
        return call(*arguments)
    except NVMLError:
        return None


def answers(call: Callable[..., Any], handle: Any) -> bool:
    """Whether the card has this at all; one that merely fails now has it."""
    try:
        call(handle)
    except NVMLError as error:
        return CAUSES.get(error.value) != "unsupported"
    return True


def uuids() -> Iterator[str]:
    """The UUIDs of all cards that tell theirs now."""
    for index in range(optional(count) or 0):
        handle = optional(by_index, index)
        uuid = optional(uuid_of, handle) if handle else None
        if uuid:
            yield uuid


def _field(number: int) -> Callable[[Any], int]:
    def read(handle: Any) -> int:
        value = pynvml.nvmlDeviceGetFieldValues(handle, [number])[0]
        if value.nvmlReturn != pynvml.NVML_SUCCESS:
            raise NVMLError(value.nvmlReturn)
        return int(value.value.uiVal)

    return read


POWER_READINGS: dict[str, Callable[[Any], int]] = {
    "instant": _field(pynvml.NVML_FI_DEV_POWER_INSTANT),
    "average": _field(pynvml.NVML_FI_DEV_POWER_AVERAGE),
    "usage": lambda handle: int(pynvml.nvmlDeviceGetPowerUsage(handle)),
}
"""In milliwatts, best first: at this instant, over the last second, whatever the driver has."""


def power_reading(handle: Any) -> str | None:
    """The best that answers now, else the best that the card has."""
    names = list(POWER_READINGS)
    good = [name for name in names if optional(POWER_READINGS[name], handle)]
    have = [name for name in names if answers(POWER_READINGS[name], handle)]
    return next(iter(good + have), None)


def limit_mw(handle: Any) -> int | None:
    """The highest power limit that can be set, in milliwatts; None where there is none."""
    limits = optional(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    return limits[1] if limits else None


def model(handle: Any) -> str | None:
    """The card's name."""
    return optional(pynvml.nvmlDeviceGetName, handle)


def driver() -> str | None:
    """The driver's version."""
    return optional(pynvml.nvmlSystemGetDriverVersion)


def virtualisation(handle: Any) -> str | None:
    """A word of VIRTUALISATION, None where the driver does not say."""
    mode = optional(pynvml.nvmlDeviceGetVirtualizationMode, handle)
    return None if mode is None else VIRTUALISATION.get(mode, f"mode {mode}")


def mig(handle: Any) -> str | None:
    """`off`, or `on` with how many instances there are; `pending` where a reset is due."""
    modes = optional(pynvml.nvmlDeviceGetMigMode, handle)
    if modes is None:
        return None
    state = f"on, instances: {sum(1 for _ in mig_handles(handle))}" if modes[0] else "off"
    return state if modes[0] == modes[1] else f"{state}, pending: {'on' if modes[1] else 'off'}"


def is_mig(handle: Any) -> bool:
    """Whether the card is divided into instances."""
    modes = optional(pynvml.nvmlDeviceGetMigMode, handle)
    return bool(modes and modes[0])


def mig_handles(handle: Any) -> Iterator[Any]:
    """The MIG devices of a card: one a compute instance."""
    for index in range(optional(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        found = optional(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if found is not None:
            yield found


def gpu_instance(mig_device: Any) -> tuple[int, str, int]:
    """Of a MIG device the number of its GPU instance, its own UUID, and the instance's slices."""
    return (
        int(pynvml.nvmlDeviceGetGpuInstanceId(mig_device)),
        str(uuid_of(mig_device)),
        int(pynvml.nvmlDeviceGetAttributes_v2(mig_device).gpuInstanceSliceCount),
    )


def computing(handle: Any) -> list[Held]:
    """Processes with a compute context on the card."""
    calls = "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"
    return _held(calls, handle, computes=True)


def drawing(handle: Any) -> list[Held]:
    """Processes with a graphics context on the card."""
    calls = "nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"
    return _held(calls, handle, computes=False)


def mps_clients(handle: Any) -> list[Held]:
    """Processes that compute on the card through a server of the multi-process service (MPS)."""
    call = "nvmlDeviceGetMPSComputeRunningProcesses"
    return _held((f"{call}_v3", f"{call}_v2"), handle, computes=True)


def _held(names: Iterable[str], handle: Any, *, computes: bool) -> list[Held]:
    """What the first of the calls that the driver has tells."""
    for name in names:
        try:
            found = getattr(pynvml, name)(handle)
        except NVMLError as error:
            if error.value != pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                raise
            continue
        return [
            Held(
                one.pid,
                one.usedGpuMemory,
                None if one.gpuInstanceId == NO_INSTANCE else one.gpuInstanceId,
                computes,
            )
            for one in found
        ]
    raise NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)


def utilisation(handle: Any, since_us: int) -> list[Sample]:
    """SM utilisation of processes, samples newer than `since_us`; none where nobody computed."""
    try:
        found = pynvml.nvmlDeviceGetProcessUtilization(handle, since_us)
    except NVMLError as error:
        # The first call, which asks how many there are, may succeed with none (nvidia-ml-py).
        if error.value in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND):
            return []
        raise
    return [_SAMPLE.unpack_from(one) for one in found]


def gpm_supported(handle: Any) -> bool:
    """Whether the card has GPU performance monitoring (Hopper and later)."""
    support = optional(pynvml.nvmlGpmQueryDeviceSupport, handle)
    return bool(support and support.isSupportedDevice)


def gpm_look(handle: Any, instance: int) -> Any:
    """The counters of a MIG instance now; to be given back by `gpm_free`."""
    sample = pynvml.nvmlGpmSampleAlloc()
    try:
        return pynvml.nvmlGpmMigSampleGet(handle, instance, sample)
    except NVMLError:
        gpm_free(sample)
        raise


def gpm_free(sample: Any) -> None:
    """Give a sample's memory back."""
    optional(pynvml.nvmlGpmSampleFree, sample)


def gpm_busy_percent(before: Any, after: Any) -> float:
    """How busy the instance's SMs were between two looks, 0 to 100."""
    asked = _gpm_question()
    asked.sample1, asked.sample2 = before, after
    metric = pynvml.nvmlGpmMetricsGet(asked).metrics[0]
    if metric.nvmlReturn != pynvml.NVML_SUCCESS:
        raise NVMLError(metric.nvmlReturn)
    percent = float(metric.value)
    if not math.isfinite(percent):
        raise NVMLError(pynvml.NVML_ERROR_UNKNOWN)
    return min(100.0, max(0.0, percent))


@functools.cache
def _gpm_question() -> Any:
    """How busy SMs were: one, of 23 KiB, for all questions; the sensor asks one at a time."""
    asked = pynvml.c_nvmlGpmMetricsGet_t()
    asked.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    asked.numMetrics = 1
    asked.metrics[0].metricId = pynvml.NVML_GPM_METRIC_SM_UTIL
    return asked
