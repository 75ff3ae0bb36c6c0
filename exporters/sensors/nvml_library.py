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
    _TOTAL.value = 0
    answer = _function("nvmlDeviceGetTotalEnergyConsumption")(handle, _TOTAL_PLACE)
    if answer:
        raise NVMLError(answer)
    return _TOTAL.value


_TOTAL = ctypes.c_ulonglong()
_TOTAL_PLACE = ctypes.byref(_TOTAL)
"""One place for all cards' answers, made once: the sensor asks one at a time."""


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
    _SINCE.value = since_us
    rows = _SAMPLES.ask("nvmlDeviceGetProcessUtilization", handle, _SINCE)
    return _SAMPLE.iter_unpack(rows) if rows else ()


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

    def __init__(self, row: struct.Struct, *, rows_first: bool = False, empty: int = 0) -> None:
        """`rows_first`: the array comes before its length; `empty`: the answer that tells that
        there are no rows, which is no error."""
        self._row_bytes = row.size
        self._rows_first = rows_first
        self._empty = empty
        self._count = ctypes.c_uint()
        self._make_room(ROOM)

    def _make_room(self, rows: int) -> None:
        self._room, self._written = rows, 0
        array = ctypes.create_string_buffer(rows * self._row_bytes)
        self._bytes = memoryview(array).cast("B")
        count = ctypes.byref(self._count)
        self._places = (array, count) if self._rows_first else (count, array)

    def ask(self, call: str, handle: Any, *more: Any) -> bytes:
        """The rows, one after the other, as the driver wrote them. Raises NVMLError."""
        function = _found.get(call) or _function(call)
        while True:
            self._count.value = self._room
            if self._written:
                self._bytes[: self._written] = bytes(self._written)  # what another card told
                self._written = 0
            first, second = self._places
            answer = function(handle, first, second, *more)
            needed = self._count.value
            if answer != pynvml.NVML_ERROR_INSUFFICIENT_SIZE or not self._room < needed <= MOST:
                break
            self._make_room(2 * needed)
        if answer:
            if answer == self._empty:
                return b""
            raise NVMLError(answer)
        if not needed:
            return b""
        rows = needed if needed < self._room else self._room
        self._written = rows * self._row_bytes
        return bytes(self._bytes[: self._written])


def _function(name: str) -> Callable[..., int]:
    """The driver's function, of the library that nvidia-ml-py loaded: it loads one, and keeps
    functions of it too. Raises NVMLError."""
    function = _found.get(name)
    if function is None:
        if pynvml.nvmlLib is None:
            raise NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        function = getattr(pynvml.nvmlLib, name, None)
        if function is None:
            raise NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        _found[name] = function
    return function


_found: dict[str, Callable[..., int]] = {}

_SAMPLES = _Rows(_SAMPLE, rows_first=True, empty=pynvml.NVML_ERROR_NOT_FOUND)
_PROCESSES = _Rows(_PROCESS)
_SINCE = ctypes.c_ulonglong()
"""One array each for all cards, and one instant: the sensor asks one at a time."""


def _call(name: str, *arguments: Any) -> None:
    """Raises NVMLError where the driver refuses."""
    answer = _function(name)(*arguments)
    if answer:
        raise NVMLError(answer)


def gpm_supported(handle: Any) -> bool:
    """Whether the card has GPU performance monitoring (Hopper and later)."""
    support = optional(pynvml.nvmlGpmQueryDeviceSupport, handle)
    return bool(support and support.isSupportedDevice)


def gpm_sample() -> Any:
    """Room for the counters of a look; to be given back by `gpm_free`."""
    sample = ctypes.c_void_p()
    _call("nvmlGpmSampleAlloc", ctypes.byref(sample))
    return sample


def gpm_look(handle: Any, instance: int, sample: Any) -> None:
    """Write the counters of a MIG instance now into `sample`."""
    _call("nvmlGpmMigSampleGet", handle, instance, sample)


def gpm_free(sample: Any) -> None:
    """Give a sample's memory back."""
    optional(_call, "nvmlGpmSampleFree", sample)


def gpm_busy_percent(before: Any, after: Any) -> float:
    """How busy the instance's SMs were between two looks, 0 to 100."""
    asked = pynvml.NVML_GPM_METRICS_GET_VERSION, 1, before.value, after.value
    _QUESTION.pack_into(_QUESTION_PLACE, 0, *asked, pynvml.NVML_GPM_METRIC_SM_UTIL, 0, math.nan)
    _call("nvmlGpmMetricsGet", _QUESTION_PLACE)
    *_, answer, percent = _QUESTION.unpack_from(_QUESTION_PLACE)
    if answer:
        raise NVMLError(answer)
    if not math.isfinite(percent):
        raise NVMLError(pynvml.NVML_ERROR_UNKNOWN)
    return 0.0 if percent < 0 else 100.0 if percent > 100 else float(percent)


_QUESTION = struct.Struct("@IIPPIid")
"""nvmlGpmMetricsGet_t up to its first metric's value: version, number of metrics, both samples;
which metric, its return code, its value."""
_QUESTION_PLACE = ctypes.create_string_buffer(ctypes.sizeof(pynvml.c_nvmlGpmMetricsGet_t))
"""The whole of it, 23 KiB: one for all questions, since the sensor asks one at a time. Written
through `struct`: each field of nvidia-ml-py's own costs a function call."""
