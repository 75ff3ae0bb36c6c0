"""A cross-check as a process of its own, that a test can follow, end early, or leave behind."""

import os
import signal
from pathlib import Path
from typing import Any

import msgspec

from tests.running import BIN, START_SECONDS, Process


class Crosscheck(Process):
    """`footprint-agent crosscheck` that measures by now, with folders of its own."""

    def __init__(self, folder: Path, *arguments: object, **environment: str) -> None:
        self.record = folder / "crosscheck.json"
        options = {
            "state-dir": folder / "state",
            "run-dir": folder / "run",
            "host-id": "host-under-test",
            "output": self.record,
        }
        command = [str(BIN / "footprint-agent"), "crosscheck", *map(str, arguments)]
        command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
        if environment:
            command = ["env", *(f"{name}={value}" for name, value in environment.items()), *command]
        super().__init__(command, folder / "crosscheck.log", "measuring for .*\n")

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(START_SECONDS)

    def wait(self) -> int:
        """Its exit code, once its minutes are over."""
        return self._process.wait(START_SECONDS)

    def children(self) -> list[int]:
        """Its children's process ids (proc_pid_task_tid_children(5))."""
        file = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in file.read_text().split()]

    def report(self) -> dict[str, Any]:
        """The JSON it wrote."""
        return msgspec.json.decode(self.record.read_bytes(), type=dict[str, Any])

    def row(self, component: str) -> dict[str, Any]:
        """One row of it."""
        return next(row for row in self.report()["rows"] if row["component"] == component)


def is_alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
