"""The simulated NVIDIA library: compiled from nvml.c, then found by unmodified nvidia-ml-py.

A library that is loaded already answers to its soname (dlopen(3)), so `libnvidia-ml.so.1` asked for
later in this process is this one. It reads its cards from the file named in FAKE_NVML_STATE, which
here is mapped: what a call costs is then what the agent makes of it.
"""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from exporters.errors import AgentError

SOURCE = Path(__file__).with_name("nvml.c")
SONAME = "libnvidia-ml.so.1"
STATE, MAPPED = "FAKE_NVML_STATE", "FAKE_NVML_MAPPED"
SIZE = 1 << 18
"""Of the file in bytes: nvml_state.h, MOST."""


def environment(state: Path) -> dict[str, str]:
    """Where the library finds its cards: `state`, a file of SIZE bytes that is written in place."""
    return {STATE: str(state), MAPPED: "1"}


def load(folder: Path, state: Path) -> None:
    """Compile the library into `folder`, load it and point it at `state`. Raises AgentError."""
    os.environ.update(environment(state))  # C's getenv() sees it
    ctypes.CDLL(str(_compile(folder)))


def settle() -> None:
    """Have what the cards show now taken apart before the agent asks; to be called after every
    change. Reading the file, and looking whether it changed, is the simulation's work and no
    driver's."""
    ctypes.CDLL(SONAME).fake_nvml_settle()


def _compile(folder: Path) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise AgentError(
            "twin: gcc is not on the PATH, and the simulated NVIDIA library is compiled here; "
            "install gcc, or simulate a host without cards: --gpus 0"
        )
    target = folder / SONAME
    options = ["-O2", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}", "-o", str(target), str(SOURCE)]
    done = subprocess.run(  # noqa: S603 - our own source
        [compiler, *options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AgentError(f"twin: {compiler} cannot compile {SOURCE}: {done.stderr.strip()[:300]}")
    return target
