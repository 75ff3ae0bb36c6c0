"""Everything the demonstration starts, in order, and ends, in the opposite order.

In: a folder, a port, the commands installed beside this interpreter. Out: a service, an agent on
this host, two workloads in control groups of their own and what drives them.
"""

import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo import closed, processes
from demo.processes import Child, DemoError

WORKLOADS = {"chat": "demo.llm_server", "tri": "demo.classifier_server"}
NAMES = {"chat": "Assistant de réponse aux courriers", "tri": "Tri des courriers par thème"}
SIAS = ("chat", "tri")
DOUBLED = "tri"
"""The SIA that gets requests at twice the rate in every second period."""

REGISTRY = f"""\
directorates:
  - code: finances
    name: Direction des finances
projects:
  - code: courriers
    name: Courriers des usagers
    directorate: finances
sia:
  - code: chat
    name: {NAMES["chat"]}
    shares: [{{project: courriers, permille: 1000}}]
  - code: tri
    name: {NAMES["tri"]}
    shares: [{{project: courriers, permille: 1000}}]
"""
LISTENING = "footprint: listening on "


class Stage:
    """The running demonstration."""

    def __init__(self, folder: Path, port: int, page_seconds: int) -> None:
        self.folder, self._port, self._page_seconds = folder, port, page_seconds
        self._children: list[Child] = []
        self._group = f"footprint-demo-{os.getpid()}"
        self.url = ""
        self.database = folder / "footprint.db"
        self.record = folder / "record.jsonl"
        self._token = folder / "token"
        self._configuration = folder / "agent.toml"
        self.drivers: dict[str, Child] = {}
        self.workloads: dict[str, Child] = {}
        self.agent: Child | None = None

    def start_service(self) -> None:
        """The service on a port of its own, with its registry."""
        self._token.touch(0o600, exist_ok=False)
        self._token.write_text(secrets.token_urlsafe(32) + "\n")
        registry = self.folder / "registry.yaml"
        registry.write_text(REGISTRY, encoding="utf-8")
        service = self._start(
            "service",
            [
                *(command("footprint"), "serve", "--database", self.database),
                *("--listen", f"127.0.0.1:{self._port}", "--token-file", self._token),
                "--open-reading",  # the page is for whoever sits at this machine
            ],
        )
        processes.wait_until("the service's answer", lambda: _listens(service), [service], 60)
        self.url = next(line for line in service.lines() if line.startswith(LISTENING))
        self.url = self.url.removeprefix(LISTENING).strip()
        self.footprint("import", "registry", registry)

    def start_agent(self) -> list[str]:
        """The agent on this host; what it found and what it lacks."""
        words = [command("footprint-agent"), "doctor", "--json", *self._where()]
        reason = closed.reason(json.loads(processes.run("doctor", words, codes=(0, 1))))
        if reason is not None:
            self._configuration.write_text(closed.SETTINGS)
        agent = self.agent = self._start(
            "agent",
            [
                *(command("footprint-agent"), "start", "--service", self.url),
                *("--token-file", self._token, "--state-dir", self.folder / "state"),
                *("--listen", "127.0.0.1:0", "--page-seconds", self._page_seconds),
                *("--record", self.record, *self._where()),
            ],
        )
        processes.wait_until("the agent's first tick", self._ticks, self._children, 90)
        return [*(closed.lines(reason) if reason else []), *agent.lines()]

    def start_workloads(self) -> None:
        """Both workloads and their drivers; returns when all are ready to start."""
        for sia, module in WORKLOADS.items():
            socket = self.folder / f"{sia}.sock"
            self.workloads[sia] = self._start(
                f"workload {sia}",
                [
                    *(command("footprint-agent"), "run", "--sia", sia, *self._where(), "--"),
                    *(sys.executable, "-m", module, "--socket", socket),
                ],
            )
            self.drivers[sia] = self._start(
                f"driver of {sia}",
                [
                    *(sys.executable, "-m", "demo.driver", "--socket", socket, "--sia", sia),
                    *(["--doubles"] if sia == DOUBLED else []),
                ],
                stdin=True,
            )
        processes.wait_until(
            "the workloads' first answers",
            lambda: all(self.said(sia, "ready") for sia in SIAS),
            self._children,
            120,
        )

    def drive(self, plan: dict[str, int | None]) -> None:
        """Send requests by the plan (see demo.driver.Plan)."""
        for driver in self.drivers.values():
            driver.tell(json.dumps(plan))

    def said(self, sia: str, *events: str) -> dict[str, Any] | None:
        """The newest of a driver's lines that is one of `events`."""
        for line in reversed(self.drivers[sia].lines()):
            facts: dict[str, Any] = json.loads(line)
            if facts["event"] in events:
                return facts
        return None

    def counts(self) -> dict[str, dict[str, Any]]:
        """What each workload has done so far."""
        return {sia: said for sia in SIAS if (said := self.said(sia, "count", "end"))}

    def check(self) -> None:
        """Raise DemoError if anything has ended before its time."""
        done = [driver for sia, driver in self.drivers.items() if self.said(sia, "end")]
        for child in self._children:
            if child not in done:
                child.check()

    def end_drivers(self) -> None:
        """Wait for the last replies; DemoError where a driver failed."""
        for sia, driver in self.drivers.items():
            if driver.wait(15):
                raise DemoError(driver.told("failed"))
            if not self.said(sia, "end"):
                raise DemoError(driver.told("did not count its requests"))

    def end_agent(self) -> None:
        """Stop the workloads, then the agent, which reads once more, seals and pushes."""
        for workload in self.workloads.values():
            workload.stop()
        if self.agent is not None and self.agent.stop(30):
            raise DemoError(self.agent.told("ended with an error"))

    def footprint(self, *words: str | Path) -> str:
        """What a `footprint` command on the demonstration's database prints."""
        return processes.run(
            f"footprint {words[0]}", [command("footprint"), *words, "--database", self.database]
        )

    def recompute(self, *words: str) -> Any:
        """What the second opinion says."""
        program = Path(__file__).with_name("recompute.py")
        text = processes.run(
            "recompute", [sys.executable, "-I", program, self.record, "--cpu-only", *words]
        )
        return json.loads(text)

    def ticks_once_more(self) -> None:
        """Wait until the agent has read everything at least once from now on."""
        before = self._count_ticks()
        processes.wait_until(
            "the agent's next tick", lambda: self._count_ticks() > before + 1, [], 15
        )

    def close(self) -> None:
        """End everything that was started, last first, and take the control groups away."""
        for child in reversed(self._children):
            child.stop()
        with contextlib.suppress(OSError, ValueError, KeyError):
            with self.record.open(encoding="utf-8") as file:
                root = json.loads(file.readline())["cgroup_root"]
            _remove_groups(Path(root) / self._group)

    def kill(self) -> None:
        """End everything at once."""
        for child in reversed(self._children):
            child.kill()

    def _start(self, name: str, words: Sequence[str | Path | int], *, stdin: bool = False) -> Child:
        log = self.folder / (name.replace(" ", "-") + ".log")
        child = Child(name, [str(word) for word in words], log, stdin=stdin)
        self._children.append(child)
        return child

    def _where(self) -> list[str | Path]:
        """Apart from an agent that this host may run already, and from its configuration."""
        self._configuration.touch()
        return [
            *("--config", self._configuration, "--run-dir", self.folder / "run"),
            *("--workload-group", self._group),
        ]

    def _ticks(self) -> bool:
        return self._count_ticks() > 0

    def _count_ticks(self) -> int:
        if not self.record.exists():
            return 0
        return self.record.read_bytes().count(b"\n") - 1


def command(name: str) -> Path:
    """An installed command, beside this interpreter."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoError(f"{path} is not installed; run the demonstration with: make demo")
    return path


def clock_ns() -> tuple[int, int]:
    """Now on the drivers' clock (monotonic) and on the record's (monotonic, suspend included)."""
    return time.monotonic_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _listens(service: Child) -> bool:
    return any(line.startswith(LISTENING) for line in service.lines())


def _remove_groups(folder: Path) -> None:
    """A tree of control groups, deepest first; one with a process in it stays (rmdir fails)."""
    for group, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(group)
