"""The agent's hold on CodeCarbon's process: started offline and alone, asked, ended with us.

Out: a `CodeCarbon` that answers `begin` and `end`, and the `Tracked` it measured. Its environment
carries no setting of CodeCarbon's and no choice of cards, its folder and home are temporary ones,
so that nobody's configuration makes it go online, write a file or leave a card out.
"""

import importlib.util
import os
import signal
import site
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import msgspec

from exporters.errors import AgentError

REMEDY = "pip install 'footprint[agent-model]'"
DEFAULT_POWERCAP = "/sys/class/powercap"
LEFT_OUT = ("codecarbon_", "slurm_", "cuda_visible_devices", "rocr_visible_devices", "logfire_")


class Window(msgspec.Struct, frozen=True):
    """Counters were read somewhere in these nanoseconds of CLOCK_MONOTONIC."""

    from_ns: int
    to_ns: int

    def farthest_ns(self, other: "Window") -> int:
        """The most that two instants, one in each, can be apart."""
        return max(self.to_ns - other.from_ns, other.to_ns - self.from_ns)


class Method(msgspec.Struct, frozen=True):
    """How CodeCarbon came to a component's figure; powers in watts, as it writes them."""

    method: str
    sockets: str | None = None
    model: str | None = None
    full_watts: str | None = None
    generic: str | None = None
    files: list[str] = []
    zones: list[str] = []
    watts: str | None = None
    modules: str | None = None
    memory_gib: str | None = None
    cards: list[str] = []
    by_power: list[str] = []


class Tracked(msgspec.Struct, frozen=True):
    """What CodeCarbon measured: kilowatt-hours by component as digits, and how."""

    energy_kwh: dict[str, str]
    methods: dict[str, Method]
    warnings: list[str]
    refused_connections: int


class _Answer(msgspec.Struct, frozen=True):
    answer: str
    version: str = ""
    from_ns: int = 0
    to_ns: int = 0
    energy_kwh: dict[str, str] = {}
    methods: dict[str, Method] = {}
    warnings: list[str] = []
    refused_connections: int = 0


def require_installed() -> None:
    """Raise AgentError where there is no CodeCarbon; it is not loaded to find out."""
    if importlib.util.find_spec("codecarbon") is None:
        raise AgentError(f"crosscheck: CodeCarbon is not installed; {REMEDY}")


class CodeCarbon:
    """The process; a context manager that ends it."""

    def __init__(self, folder: Path, powercap_root: str) -> None:
        """`folder`: empty, its own; `powercap_root` as in the agent's settings."""
        self._errors = folder / "codecarbon.log"
        other_root = "" if powercap_root == DEFAULT_POWERCAP else powercap_root
        # -P: a file in the current folder must not be taken for a module of ours or Python's.
        command = [sys.executable, "-P", "-W", "ignore", "-m"]
        command += ["exporters.crosscheck.codecarbon_side", other_root]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=_environment(folder),
                start_new_session=True,  # Ctrl-C is ours: it ends by what we tell it
            )
        self.version = ""

    def __enter__(self) -> "CodeCarbon":
        try:
            self.version = self._answer("ready").version
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._kill()

    def begin(self) -> Window:
        """Start its tracker. Raises AgentError."""
        self._tell("begin")
        begun = self._answer("begun")
        return Window(begun.from_ns, begun.to_ns)

    def end(self, meanwhile: Callable[[], None]) -> tuple[Window, Tracked]:
        """Stop its tracker and do `meanwhile` at the same time. Raises AgentError."""
        self._tell("end")
        self._answer("ending")
        meanwhile()
        done = self._answer("done")
        tracked = Tracked(done.energy_kwh, done.methods, done.warnings, done.refused_connections)
        return Window(done.from_ns, done.to_ns), tracked

    def _tell(self, what: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened above
        try:
            self._process.stdin.write(f"{what}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def _answer(self, what: str) -> _Answer:
        assert self._process.stdout is not None  # noqa: S101 - opened above
        try:
            answer = msgspec.json.decode(self._process.stdout.readline(), type=_Answer)
        except msgspec.DecodeError as error:
            raise self._ended() from error
        if answer.answer != what:
            raise AgentError(f"crosscheck: CodeCarbon's process said {answer.answer}, not {what}")
        return answer

    def _ended(self) -> AgentError:
        self._kill()
        text = self._errors.read_text(encoding="utf-8", errors="replace")
        last = text.strip().splitlines()[-1:] or ["it said nothing"]
        return AgentError(f"crosscheck: CodeCarbon's process ended: {last[0][:200]}; {REMEDY}")

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.lower().startswith(LEFT_OUT)
    }
    # Its home is where it looks for a configuration; an installation in the real one stays found.
    own = {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONUSERBASE": site.getuserbase()}
    if "PYTHONPATH" in kept:  # its folder is another one than ours
        places = kept["PYTHONPATH"].split(os.pathsep)
        own["PYTHONPATH"] = os.pathsep.join(os.path.abspath(place) for place in places)
    return {**kept, **own}
