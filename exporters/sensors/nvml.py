"""NVIDIA GPUs through NVML: a board's energy counter, or its power made into one.

In: NVML (`nvml_library.py`). Out: `Counter`s per board, named by UUID (an index changes when a card
is added or fails), and who uses each board (`nvml_use.py`). MIG instances are parts of a board and
never appear beside it. Where a board has both an energy counter and power readings, the second is
evidence, and `agreement.py` compares the two.
Source: NVML API reference, nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetFieldValues.
"""

import logging
import random
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from exporters.clock import Boot, boottime_ns
from exporters.sensors import nvml_library as library
from exporters.sensors.agreement import Agreement
from exporters.sensors.board import board_remarks, failed, share_failure, unbelievable, unnamed
from exporters.sensors.integral import Integral
from exporters.sensors.nvml_library import NVMLError
from exporters.sensors.nvml_use import BoardUse
from exporters.sensors.remark import Remark
from exporters.sensors.sensor import Absent, Device, Failure
from exporters.sensors.use import UNKNOWN, Use
from footprint.reading import Counter, Gap, PowerSample, Reading
from footprint.units import UJ_PER_J, uj_from_millijoules

SAMPLES_PER_SECOND = 5
"""METHOD.md, "Power made into energy", derives what this means for a sensor that looks away."""

FRESH_NS = 500_000_000
"""Longer than any pause between samples: what is older was taken before the sampling stopped."""

UW_PER_MW = 1000
HEADROOM = 2
"""Boards exceed their limit for milliseconds; twice the limit over a second is a defect."""

MOST_POWER_UW = 4000 * UJ_PER_J
"""The bound where the driver states no limit: well above the rating of any board of 2026."""

log = logging.getLogger("footprint.agent")


def pause_seconds(chance: random.Random) -> float:
    """Until the next sample: from half to one and a half of the mean, at random. A load that beats
    as the mean does, or as a multiple of it, would else be seen at its height only."""
    return chance.uniform(0.5, 1.5) / SAMPLES_PER_SECOND


class Nvml:
    """The boards of one host. One without any meter is covered by gaps, not left out.

    Power is sampled by a thread of the sensor where the clock is the machine's own; whoever drives
    another clock calls `sample()` himself. One lock guards every call of the library.
    """

    name = "nvml"

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._rejoin = False
        self._process = str(boot.mono_ns())
        self._boards: list[_Board] = []
        self._unnamed: list[Remark] = []
        self._find()
        if boot.mono_ns is boottime_ns and any(board.sampled for board in self._boards):
            self._thread = threading.Thread(target=self._run, name="nvml-power", daemon=True)
            self._thread.start()

    @property
    def uuids(self) -> Sequence[str]:
        """The boards."""
        return [board.uuid for board in self._boards]

    def devices(self) -> Sequence[Device]:
        """One device a board, by UUID, and after it the evidence from its power."""
        return [device for board in self._boards for device in board.devices()]

    def read(self) -> Mapping[str, Reading | Failure]:
        """Every board's meters now; one that failed is looked up anew at the next read."""
        readings: dict[str, Reading | Failure] = {}
        with self._lock:
            self._join_again()
            for board in self._boards:
                if board.witness is not None or self._is_due(board):
                    self._sample(board)
                reading = self._integrated(board) if board.sampled else self._counter(board)
                readings[board.uuid] = reading
                if board.witness is not None:
                    readings[board.witness.device] = self._witness(board, reading)
        return readings

    def _is_due(self, board: "_Board") -> bool:
        """Whether a board without an energy counter has to be sampled at the tick: where it failed,
        and where nobody samples between. A sample at each tick would keep step with the second."""
        last = board.integral.last
        if not board.sampled or last is None or board.failure is not None:
            return board.sampled
        return self._boot.mono_ns() - last.at_ns > FRESH_NS

    def sample(self) -> None:
        """Take one power sample of each board that has no energy counter."""
        with self._lock:
            for board in self._boards:
                if board.sampled:
                    self._sample(board)

    def use(self, without: Container[str] = ()) -> dict[str, Use]:
        """Who used each board since the last look, by UUID; some boards may be left out."""
        with self._lock:
            return {
                board.uuid: self._used(board) for board in self._boards if board.uuid not in without
            }

    def remarks(self) -> Sequence[Remark]:
        """What a person should know of the boards."""
        with self._lock:
            return [
                *self._unnamed,
                *(remark for board in self._boards for remark in board.remarks()),
            ]

    def close(self) -> None:
        """End the thread, leave NVML."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        with self._lock:
            for board in self._boards:
                board.forget()
            library.leave()

    def _run(self) -> None:
        chance = random.Random()  # noqa: S311 - so that no load keeps step, against nobody
        while not self._stop.wait(pause_seconds(chance)):
            self.sample()

    def _find(self) -> None:
        for index in range(library.count()):
            try:
                handle = library.by_index(index)
                uuid = library.uuid_of(handle)
            except NVMLError as error:
                self._unnamed.append(unnamed(index, str(error)))
                continue
            if not uuid.startswith("MIG-"):
                self._boards.append(_Board(uuid, handle, self._process))

    def _used(self, board: "_Board") -> Use:
        try:
            handle = board.handle()
        except NVMLError:
            return UNKNOWN
        return board.used.look(handle)

    def _counter(self, board: "_Board") -> Counter | Failure:
        if board.is_share:
            return share_failure(board.uuid)
        try:
            millijoules = library.millijoules(board.handle())
        except NVMLError as error:
            return self._failed(board, "energy", error)
        return Counter(
            uj_from_millijoules(millijoules),
            self._boot.mono_ns(),
            self._boot.boot_id,
            None,
            board.device.max_power_uw,
        )

    def _integrated(self, board: "_Board") -> Counter | Failure:
        counter = board.integral.counter(board.device.max_power_uw)
        if board.failure is not None or counter is None:
            return board.failure or Failure(Gap("outage"), f"nvml: {board.uuid}: no power yet")
        return counter

    def _sample(self, board: "_Board") -> None:
        try:
            power_uw = board.power_uw()
        except NVMLError as error:
            board.failure = self._failed(board, "power", error)
            return
        bound_uw = board.device.max_power_uw or MOST_POWER_UW
        board.failure = unbelievable(board.uuid, power_uw, bound_uw)
        if board.failure is None:
            sample = PowerSample(power_uw, self._boot.mono_ns(), self._boot.boot_id)
            board.integral.add(sample)

    def _witness(self, board: "_Board", reading: Counter | Failure) -> Counter | Failure:
        """The evidence from power; a failure at the end of a window in which it disagreed."""
        witness = self._integrated(board)
        if isinstance(reading, Counter) and isinstance(witness, Counter):
            line = board.agreement.note(reading, witness)
            if line is not None:
                return Failure(Gap("implausible"), line)
        return witness

    def _failed(self, board: "_Board", what: str, error: NVMLError) -> Failure:
        """Look the board up again next time; join NVML anew where the driver went."""
        board.forget()
        self._rejoin = self._rejoin or error.value in library.DRIVER_GONE
        return failed(board.uuid, what, library.CAUSES.get(error.value, "read_failed"), str(error))

    def _join_again(self) -> None:
        if not self._rejoin:
            return
        for board in self._boards:
            board.forget()
        library.leave()
        try:
            library.join()
        except NVMLError:
            return  # each board's reading says so
        self._rejoin = False
        known = {board.uuid for board in self._boards}
        for uuid in library.uuids():
            if uuid not in known and not uuid.startswith("MIG-"):
                log.warning("nvml: %s is new on this host: restart the agent to read it", uuid)


class _Board:
    """One board: what it is, what it can be read by, and its power so far."""

    def __init__(self, uuid: str, handle: Any, process: str) -> None:
        self.uuid = uuid
        self._handle: Any | None = handle
        self.is_share = library.virtualisation(handle) == "vgpu"
        has_counter = library.answers(library.millijoules, handle)
        self._power = None if self.is_share else library.power_reading(handle)
        self.sampled = self._power is not None and not has_counter
        self.device = _describe(handle, uuid, self._power if self.sampled else None)
        self.witness = _evidence(self.device, self._power) if has_counter and self._power else None
        self.integral = Integral(process)
        self.agreement = Agreement(uuid)
        self.failure: Failure | None = None
        self.used = BoardUse()

    def devices(self) -> Iterable[Device]:
        """The board, and the evidence from its power."""
        return (self.device,) if self.witness is None else (self.device, self.witness)

    def handle(self) -> Any:
        """NVML's handle. Raises NVMLError."""
        if self._handle is None:
            self._handle = library.by_uuid(self.uuid)
        return self._handle

    def forget(self) -> None:
        """Look it up by its UUID at the next call."""
        self._handle = None
        self.used.forget()

    def remarks(self) -> Iterable[Remark]:
        """What a person should know of it; nothing while it does not answer."""
        try:
            mig = library.mig(self.handle())
        except NVMLError:
            return ()
        return board_remarks(self.uuid, mig or "", self.device.parameters.get("virtualisation"))

    def power_uw(self) -> int:
        """Its power now. Raises NVMLError."""
        assert self._power is not None  # noqa: S101 - only boards with a power reading are asked
        return library.POWER_READINGS[self._power](self.handle()) * UW_PER_MW


def discover(boot: Boot) -> Nvml | Absent:
    """The host's boards, or why there are none to read."""
    try:
        library.join()
        sensor = Nvml(boot)
    except NVMLError as error:
        return Absent("nvml", f"no NVIDIA GPU that can be read ({error})")
    for remark in sensor.remarks():
        if remark.defect:
            log.warning("nvml: %s: %s; %s", remark.about, remark.says, remark.remedy)
    if sensor.devices():
        return sensor
    unnamed = sensor.remarks()
    sensor.close()
    if unnamed:
        return Absent("nvml", f"no NVIDIA GPU that can be read ({unnamed[0].says})")
    return Absent("nvml", "no NVIDIA GPU on this host")


def _describe(handle: Any, uuid: str, power: str | None) -> Device:
    limit_uw = (library.limit_mw(handle) or 0) * UW_PER_MW or None
    facts = {
        "model": library.model(handle),
        "driver": library.driver(),
        "power": power,
        "samples_per_second": SAMPLES_PER_SECOND if power else None,
        "virtualisation": library.virtualisation(handle),
        "mig": library.mig(handle),
    }
    return Device(
        sensor="nvml",
        device=uuid,
        component="gpu",
        covers="board",
        quality="integrated" if power else "counter",
        max_power_uw=limit_uw * HEADROOM if limit_uw else MOST_POWER_UW,
        rated_power_uw=limit_uw,
        parameters={name: str(value) for name, value in facts.items() if value is not None},
    )


def _evidence(board: Device, power: str | None) -> Device:
    return Device(
        sensor="nvml",
        device=f"{board.device}-power",
        component=None,
        covers=f"{board.device} once more, from its power",
        quality="integrated",
        evidence=True,
        max_power_uw=board.max_power_uw,
        parameters={"power": str(power)},
    )
