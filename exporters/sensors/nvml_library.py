"""NVML in the agent's words: the one file that speaks to the driver through `nvidia-ml-py`.

In: `libnvidia-ml.so.1`. Out: plain numbers, texts and tuples; a call that the driver refuses raises
`NVMLError`, whose `value` is NVML's return code, except where it says otherwise. Handles, GPM
samples and nothing else are passed through as they are.
Source: NVML API reference (nvml.h, v13).
"""

import ctypes
import functools
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
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

_SAMPLE = struct.Struct("@IQI12x")
"""nvmlProcessUtilizationSample_t; memory's, encoder's and decoder's utilisation are left out."""
_PROCESS = struct.Struct("@IQI4x")
"""nvmlProcessInfo_v2_t, which the third version of the calls fills too; the number of the compute
instance is left out."""
NO_MEMORY_TOLD = 0xFFFFFFFFFFFFFFFF
"""NVML_VALUE_NOT_AVAILABLE."""

ROOM, MOST = 64, 100_000
"""Rows there is room for at first; more than the second is no answer."""

join: Callable[[], Any] = pynvml.nvmlInit
count: Callable[[], int] = pynvml.nvmlDeviceGetCount
by_index: Callable[[int], Any] = pynvml.nvmlDeviceGetHandleByIndex
by_uuid: Callable[[str], Any] = pynvml.nvmlDeviceGetHandleByUUID
uuid_of: Callable[[Any], str] = pynvml.nvmlDeviceGetUUID


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


def millijoules(handle: Any) -> int:
    """What the card used since its driver was loaded. nvidia-ml-py's own call looks the function
    up under a lock each time, and takes three times as long. Raises NVMLError."""
    total = ctypes.c_ulonglong()
    answer = _function("nvmlDeviceGetTotalEnergyConsumption")(handle, ctypes.byref(total))
    if answer != pynvml.NVML_SUCCESS:
        raise NVMLError(answer)
    return total.value


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


def computing(handle: Any) -> Sequence[Held]:
    """Processes with a compute context on the card; the same object while the driver's answer is
    the same."""
    return _processes(_COMPUTING, handle, computes=True)


def drawing(handle: Any) -> Sequence[Held]:
    """Processes with a graphics context on the card."""
    return _processes(_DRAWING, handle, computes=False)


def mps_clients(handle: Any) -> Sequence[Held]:
    """Processes that compute on the card through a server of the multi-process service (MPS)."""
    return _processes(_MPS_CLIENTS, handle, computes=True)


def utilisation(handle: Any, since_us: int) -> Iterable[Sample]:
    """SM utilisation of processes, samples newer than `since_us`; none where nobody computed."""
    since = ctypes.c_ulonglong(since_us)
    try:
        rows = _SAMPLES.ask("nvmlDeviceGetProcessUtilization", handle, since, rows_first=True)
    except NVMLError as error:
        if error.value == pynvml.NVML_ERROR_NOT_FOUND:
            return ()
        raise
    return _SAMPLE.iter_unpack(rows)


_COMPUTING, _DRAWING, _MPS_CLIENTS = (
    tuple(f"nvmlDeviceGet{kind}RunningProcesses_{version}" for version in ("v3", "v2"))
    for kind in ("Compute", "Graphics", "MPSCompute")
)
"""Newest first."""


def _processes(calls: Iterable[str], handle: Any, *, computes: bool) -> Sequence[Held]:
    """By the newest version of the call that the driver has; both give the same rows."""
    for call in calls:
        try:
            return _held(_PROCESSES.ask(call, handle), computes)
        except NVMLError as error:
            if error.value != pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                raise
    raise NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)


@functools.lru_cache(maxsize=256)
def _held(rows: bytes, computes: bool) -> Sequence[Held]:
    return tuple(
        Held(
            pid,
            None if memory_bytes == NO_MEMORY_TOLD else memory_bytes,
            None if instance == NO_INSTANCE else instance,
            computes,
        )
        for pid, memory_bytes, instance in _PROCESS.iter_unpack(rows)
    )


class _Rows:
    """Calls of NVML that fill an array, each made once into an array with room to spare.

    nvidia-ml-py asks for the number of rows, then for the rows, and makes an object of each: twice
    the calls into the driver, and with eight cards most of a tick's time.
    """

    def __init__(self, row: struct.Struct) -> None:
        self._row_bytes = row.size
        self._count = ctypes.c_uint()
        self._make_room(ROOM)

    def _make_room(self, rows: int) -> None:
        self._room, self._written = rows, 0
        array = ctypes.create_string_buffer(rows * self._row_bytes)
        self._bytes = memoryview(array).cast("B")
        self._places = ctypes.byref(self._count), array

    def ask(self, call: str, handle: Any, *more: Any, rows_first: bool = False) -> bytes:
        """The rows, one after the other, as the driver wrote them. Raises NVMLError."""
        function = _function(call)
        while True:
            self._count.value = self._room
            self._bytes[: self._written] = bytes(self._written)  # what another card told
            count, rows = self._places
            if rows_first:
                answer = function(handle, rows, count, *more)
            else:
                answer = function(handle, count, rows, *more)
            needed = self._count.value
            if answer != pynvml.NVML_ERROR_INSUFFICIENT_SIZE or not self._room < needed <= MOST:
                break
            self._make_room(2 * needed)
        if answer != pynvml.NVML_SUCCESS:
            raise NVMLError(answer)
        self._written = min(needed, self._room) * self._row_bytes
        return bytes(self._bytes[: self._written])


def _function(name: str) -> Callable[..., int]:
    """The driver's function, of the library that nvidia-ml-py loaded. Raises NVMLError."""
    if pynvml.nvmlLib is None:
        raise NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
    function: Callable[..., int] | None = getattr(pynvml.nvmlLib, name, None)
    if function is None:
        raise NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    return function


_SAMPLES, _PROCESSES = _Rows(_SAMPLE), _Rows(_PROCESS)
"""One array each for all cards: the sensor asks one at a time."""


def gpm_supported(handle: Any) -> bool:
    """Whether the card has GPU performance monitoring (Hopper and later)."""
    support = optional(pynvml.nvmlGpmQueryDeviceSupport, handle)
    return bool(support and support.isSupportedDevice)


gpm_sample: Callable[[], Any] = pynvml.nvmlGpmSampleAlloc
"""Room for the counters of a look; to be given back by `gpm_free`."""


def gpm_look(handle: Any, instance: int, sample: Any) -> None:
    """Write the counters of a MIG instance now into `sample`."""
    pynvml.nvmlGpmMigSampleGet(handle, instance, sample)


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
