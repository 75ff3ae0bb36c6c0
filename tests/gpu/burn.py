"""A load for one NVIDIA card, in a process of its own: `python -m tests.gpu.burn --duty 50`.

In: the driver's libcuda.so.1 through ctypes and the kernel in burn.ptx, which the driver translates
for the card; nothing else is needed. Out: a busy card, for a share of the time, until SIGTERM; the
line `ready` once it computes. CUDA_VISIBLE_DEVICES names the card by its UUID.
Source: CUDA driver API reference; cuda.h for the numbers of options and attributes.
"""

import argparse
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PTX = Path(__file__).with_name("burn.ptx")
THREADS = 256
BLOCKS_PER_MULTIPROCESSOR = 8
LAUNCH_SECONDS = 0.005
READY_SECONDS = 120

_JIT_ERROR_LOG_BUFFER, _JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 5, 6  # CUjit_option
_MULTIPROCESSOR_COUNT = 16  # CUdevice_attribute
_SCHED_BLOCKING_SYNC = 4  # CUctx_flags: a waiting thread sleeps, so that it costs no CPU


class CudaError(Exception):
    """A call that the driver refused."""


class Card:
    """The first card that this process sees, with the kernel loaded."""

    def __init__(self) -> None:
        try:
            self._cuda = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError(f"no libcuda.so.1 ({error}); install the NVIDIA driver") from error
        self._call("cuInit", 0)
        device = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        with contextlib.suppress(CudaError):  # another way of waiting is no reason to stop
            self._call("cuDevicePrimaryCtxSetFlags_v2", device, _SCHED_BLOCKING_SYNC)
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        count = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(count), _MULTIPROCESSOR_COUNT, device)
        self._blocks = count.value * BLOCKS_PER_MULTIPROCESSOR
        self._kernel = self._load(PTX.read_bytes())
        self._sums = ctypes.c_uint64()
        size = ctypes.c_size_t(4 * THREADS * self._blocks)
        self._call("cuMemAlloc_v2", ctypes.byref(self._sums), size)
        self._rounds = 10_000
        self._calibrate()

    def compute(self, seconds: float) -> None:
        """Keep the card busy for about this long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._launch()

    def _load(self, ptx: bytes) -> ctypes.c_void_p:
        log = ctypes.create_string_buffer(4096)
        options = (ctypes.c_int * 2)(_JIT_ERROR_LOG_BUFFER, _JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
        module, kernel = ctypes.c_void_p(), ctypes.c_void_p()
        text = ctypes.create_string_buffer(ptx)  # the driver wants a NUL at its end
        try:
            self._call("cuModuleLoadDataEx", ctypes.byref(module), text, 2, options, values)
        except CudaError as error:
            raise CudaError(f"{error}: {log.value.decode(errors='replace')}") from error
        self._call("cuModuleGetFunction", ctypes.byref(kernel), module, b"burn")
        return kernel

    def _launch(self) -> float:
        """One launch, and how long it took."""
        began = time.monotonic()
        rounds = ctypes.c_uint32(self._rounds)
        given = (ctypes.c_void_p * 2)(ctypes.addressof(self._sums), ctypes.addressof(rounds))
        grid, block, shared, stream, extra = (self._blocks, 1, 1), (THREADS, 1, 1), 0, None, None
        self._call("cuLaunchKernel", self._kernel, *grid, *block, shared, stream, given, extra)
        self._call("cuCtxSynchronize")
        return time.monotonic() - began

    def _calibrate(self) -> None:
        """Rounds of a launch so that it is short against every shape of load."""
        self._launch()
        seconds = max(min(self._launch() for _ in range(3)), 1e-6)
        self._rounds = max(1, min(2**31, int(self._rounds * LAUNCH_SECONDS / seconds)))

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._cuda, name)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self._cuda.cuGetErrorName(code, ctypes.byref(text))
            raise CudaError(f"{name}: error {code} ({(text.value or b'unknown').decode()})")


class Load:
    """A burning process: its id and its end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """As this machine numbers it; the driver may number it otherwise in a container."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still burns."""
        return self._process.poll() is None


@contextlib.contextmanager
def burning(uuid: str, duty: int, burst_ms: int = 80) -> Iterator[Load]:
    """A load on the card `uuid` from its first launch to the end of the block. Raises CudaError."""
    command = [sys.executable, "-m", "tests.gpu.burn", "--duty", str(duty)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": uuid, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--burst-ms", str(burst_ms)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    guard = threading.Timer(READY_SECONDS, process.kill)
    guard.start()
    try:
        line = process.stdout.readline().strip()
        guard.cancel()
        if line != "ready":
            raise CudaError(line or "the load did not begin in time")
        yield Load(process)
    finally:
        guard.cancel()
        process.terminate()
        process.wait(30)
        process.stdout.close()


def run(card: Card, duty: int, burst_seconds: float, stop: threading.Event) -> None:
    """Bursts and pauses of random length, `duty` percent of the time busy: no phase to lock to."""
    chance = random.Random(duty)
    while not stop.is_set():
        card.compute(burst_seconds * chance.uniform(0.25, 1.75))
        if duty < 100:
            stop.wait(burst_seconds * chance.uniform(0.25, 1.75) * (100 - duty) / duty)


def main() -> int:
    """The child process."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.burn", description=__doc__)
    parser.add_argument("--duty", type=int, default=100, choices=range(1, 101), metavar="PERCENT")
    parser.add_argument("--burst-ms", type=int, default=80)
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        card = Card()
        print("ready", flush=True)
        run(card, options.duty, options.burst_ms / 1000, stop)
    except CudaError as error:
        print(f"burn: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
