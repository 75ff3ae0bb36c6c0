"""NVIDIA GPUs through NVML: the board's energy counter, in millijoules since the driver loaded.

In: `libnvidia-ml.so.1` through `nvidia-ml-py`, which only this file speaks to. Out: `Counter`s per
GPU, named by UUID (an index changes when a card is added or fails), and how many processes hold
each card. Source: NVML API reference, nvmlDeviceGetTotalEnergyConsumption.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pynvml

from exporters.clock import Boot
from exporters.sensors.sensor import Absent, Device, Failure
from footprint.reading import Cause, Counter, Gap, Reading
from footprint.units import uj_from_millijoules

UW_PER_MW = 1000
HEADROOM = 2
"""Boards exceed their limit for milliseconds; twice the limit over a second is a defect."""

_CAUSES: dict[int, Cause] = {
    pynvml.NVML_ERROR_NO_PERMISSION: "permission",
    pynvml.NVML_ERROR_GPU_IS_LOST: "absent",
    pynvml.NVML_ERROR_NOT_FOUND: "absent",
    pynvml.NVML_ERROR_UNINITIALIZED: "absent",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "absent",
    pynvml.NVML_ERROR_NOT_SUPPORTED: "unsupported",
}


class Nvml:
    """The GPUs of one host. A card without an energy counter is covered by gaps, not left out."""

    name = "nvml"

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._handles: dict[str, Any] = {}
        self._devices: list[Device] = []
        self._find()

    def devices(self) -> Sequence[Device]:
        """One device a card, by UUID."""
        return self._devices

    def read(self) -> Mapping[str, Reading | Failure]:
        """Every card's counter now; a card that failed is looked up anew at the next read."""
        return {device.device: self._read_card(device) for device in self._devices}

    def holders(self, uuid: str) -> int | None:
        """How many compute processes hold the card; None where that cannot be known."""
        try:
            return len(pynvml.nvmlDeviceGetComputeRunningProcesses(self._handle(uuid)))
        except pynvml.NVMLError:
            return None

    def close(self) -> None:
        """Leave NVML."""
        self._handles.clear()
        _optional(pynvml.nvmlShutdown)

    def _find(self) -> None:
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = pynvml.nvmlDeviceGetUUID(handle)
            self._handles[uuid] = handle
            self._devices.append(_describe(handle, uuid))

    def _handle(self, uuid: str) -> Any:
        if uuid not in self._handles:
            self._handles[uuid] = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return self._handles[uuid]

    def _read_card(self, device: Device) -> Counter | Failure:
        uuid = device.device
        try:
            millijoules = pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle(uuid))
        except pynvml.NVMLError as error:
            self._forget(uuid, error)
            cause = _CAUSES.get(error.value, "read_failed")
            return Failure(Gap(cause), f"nvml: cannot read the energy of {uuid}: {error}")
        return Counter(
            uj_from_millijoules(millijoules),
            self._boot.mono_ns(),
            self._boot.boot_id,
            None,
            device.max_power_uw,
        )

    def _forget(self, uuid: str, error: pynvml.NVMLError) -> None:
        """Look the card up again next time; join NVML anew where the driver was reloaded."""
        self._handles.pop(uuid, None)
        if error.value in (pynvml.NVML_ERROR_UNINITIALIZED, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
            self._handles.clear()
            _optional(pynvml.nvmlInit)


def discover(boot: Boot) -> Nvml | Absent:
    """The host's cards, or why there are none to read."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Absent("nvml", f"no NVIDIA GPU that can be read ({error})")
    sensor = Nvml(boot)
    if sensor.devices():
        return sensor
    sensor.close()
    return Absent("nvml", "no NVIDIA GPU on this host")


def _describe(handle: Any, uuid: str) -> Device:
    limit_mw = _optional(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    limit_uw = limit_mw[1] * UW_PER_MW if limit_mw else None
    return Device(
        sensor="nvml",
        device=uuid,
        component="gpu",
        covers="board",
        quality="counter",
        max_power_uw=limit_uw * HEADROOM if limit_uw else None,
        rated_power_uw=limit_uw,
        parameters={
            "model": str(_optional(pynvml.nvmlDeviceGetName, handle)),
            "driver": str(_optional(pynvml.nvmlSystemGetDriverVersion)),
        },
    )


def _optional(call: Callable[..., Any], *arguments: Any) -> Any | None:
    """What `call` answers, None where this card or driver has no answer."""
    try:
        return call(*arguments)
    except pynvml.NVMLError:
        return None
