"""The demonstration's child processes: started, watched, and all ended with it.

In: commands. Out: children in sessions of their own, so that Ctrl-C reaches this program alone and
it can end them in order; each gets SIGTERM from the kernel if this program dies (prctl(2),
PR_SET_PDEATHSIG). What they print goes to log files.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LOG_LINES = 6
_LIBC = ctypes.CDLL(None, use_errno=True)


class DemoError(Exception):
    """Something the demonstration cannot do without; the message says what, where, remedy."""


class Child:
    """One process and its log."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, *, stdin: bool = False
    ) -> None:
        self.name, self.log = name, log
        with log.open("wb") as output, log.with_suffix(".err").open("wb") as errors:
            try:
                self._process = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - this program has one thread
                    env=_environment(),
                )
            except OSError as error:
                raise DemoError(
                    f"{name} cannot be started: {error.strerror}: {command[0]}"
                ) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def lines(self) -> list[str]:
        """What it has printed so far, whole lines only."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]

    def errors(self) -> list[str]:
        """What it has printed on standard error."""
        return self.log.with_suffix(".err").read_text("utf-8", "replace").splitlines()

    def tell(self, line: str) -> None:
        """Write one line to its standard input and close it."""
        stream: IO[bytes] | None = self._process.stdin
        if stream is not None:
            with contextlib.suppress(BrokenPipeError), stream:
                stream.write(line.encode() + b"\n")

    def check(self) -> None:
        """Raise DemoError with the last lines of its log if it is no longer running."""
        if not self.running:
            raise DemoError(self.told(f"ended by itself with code {self._process.returncode}"))

    def told(self, what: str) -> str:
        """One line about it, and the last lines it printed."""
        last = (self.lines() + self.errors())[-LOG_LINES:]
        return "\n    ".join([f"{self.name} {what}; its last lines:", *last])

    def stop(self, patience_s: float = 10) -> int:
        """SIGTERM, then SIGKILL after `patience_s`; its exit code."""
        if self.running:
            self._process.terminate()
        return self.wait(patience_s)

    def wait(self, patience_s: float) -> int:
        """Its exit code; SIGKILL after `patience_s`."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        """SIGKILL, at once."""
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """One thread per workload, and what is printed shows at once."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONUNBUFFERED": "1"}


def _end_with_parent() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    name: str,
    command: Sequence[str | Path],
    *,
    patience_s: float = 60,
    codes: Collection[int] = (0,),
) -> str:
    """Standard output of a command that must end with one of `codes`; DemoError with what it said
    otherwise."""
    try:
        result = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    except OSError as error:
        raise DemoError(f"{name} cannot be started: {error.strerror}: {command[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"{name} did not end within {patience_s:.0f} s") from error
    if result.returncode not in codes:
        last = (result.stderr or result.stdout).strip().splitlines()[-LOG_LINES:]
        said = "\n".join(f"    {line}" for line in last)
        raise DemoError(f"{name} failed with code {result.returncode}:\n{said}")
    return result.stdout


def wait_until(
    what: str, done: Callable[[], bool], children: Sequence[Child], patience_s: float
) -> None:
    """Wait for `done()`; DemoError when a child ends meanwhile or it takes too long."""
    deadline = time.monotonic() + patience_s
    while not done():
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            last = "\n".join(child.told("is running") for child in children)
            raise DemoError(f"{what} did not happen within {patience_s:.0f} s\n{last}")
        time.sleep(0.1)
