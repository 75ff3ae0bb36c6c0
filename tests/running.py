"""The agent and the service as processes of their own, on loopback and in folders of their own."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

BIN = Path(sys.executable).parent
START_SECONDS = 60
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Process:
    """A program whose output goes to a file; ended by its own id. `before`: what starts it, such as
    `nsenter`; `environment`: what it finds besides ours."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        pattern: str,
        *,
        before: Sequence[str] = (),
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.log = log
        self._offset = log.stat().st_size if log.exists() else 0
        found = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*before, *command], stdout=output, stderr=subprocess.STDOUT, env=found
            )
        self.match = self._wait_for(pattern)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_bytes()[self._offset :].decode()

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self.kill()

    def _wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            match = re.search(pattern, self.output())
            if match:
                return match
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.end()
        raise AssertionError(f"did not start: {self.output()[-2000:]}")


class Service(Process):
    """`footprint serve` on a SQLite file, or on the `place` that is given."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        listen: str = "127.0.0.1:0",
        place: str | None = None,
        before: Sequence[str] = (),
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.database = folder / "footprint.db"
        command = [str(BIN / "footprint"), "serve", "--database", place or str(self.database)]
        command += ["--listen", listen, *arguments]
        super().__init__(
            command,
            folder / "service.log",
            r"listening on (https?://([\d.]+:\d+))",
            before=before,
            environment=environment,
        )
        self.url, self.address = self.match[1], self.match[2]
        self._token = ""
        if "--token-file" in arguments:
            file = Path(arguments[arguments.index("--token-file") + 1])
            self._token = file.read_text(encoding="utf-8").strip()

    def get(self, path: str) -> bytes:
        """The body of a GET, as the operator where the service has a token."""
        return get(self.url + path, self._token)


class Agent(Process):
    """`footprint-agent start` with a spool of its own, no GPU, and the sensors it is given."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        group: str = "footprint-test-none",
        host_id: str = "host-under-test",
        before: Sequence[str] = (),
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        settings = {
            "state-dir": folder / "state",
            "run-dir": folder / "run",
            "listen": "127.0.0.1:0",
            "host-id": host_id,
            "workload-group": group,
        }
        command = [str(BIN / "footprint-agent"), "start", *arguments]
        command += [text for name, value in settings.items() for text in (f"--{name}", str(value))]
        super().__init__(
            command,
            folder / "agent.log",
            r"/metrics on (http://([\d.]+:\d+))/metrics",
            before=before,
            environment=environment,
        )
        self.url, self.address = self.match[1], self.match[2]
        self.spool = folder / "state" / "spool.db"

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by its name and labels; before the first tick there is none."""
        wait_until(lambda: get(self.url + "/metrics") != b"", "a first tick")
        return samples(get(self.url + "/metrics").decode())


def get(url: str, token: str = "") -> bytes:
    """The body of a GET on loopback."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return bytes(response.read())


def samples(text: str) -> dict[str, float]:
    """Prometheus text as a mapping from `name{labels}` to value."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for a condition; fail with `what` where it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def ended(*processes: Process) -> Iterator[None]:
    """End these processes whatever happens."""
    try:
        yield
    finally:
        for process in processes:
            process.end()


def page_bodies(spool: Path) -> list[bytes]:
    """The pages in an agent's spool, oldest first."""
    database = sqlite3.connect(f"file:{spool}?mode=ro", uri=True)
    try:
        return [row[0] for row in database.execute("SELECT body FROM page ORDER BY seq")]
    finally:
        database.close()


def service_pages(database: Path) -> list[bytes]:
    """The pages in a service's database, by ledger and number."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        query = "SELECT body FROM page ORDER BY host_id, ledger_id, seq"
        return [row[0] for row in connection.execute(query)]
    finally:
        connection.close()


def decode_json(body: bytes) -> dict[str, object]:
    """A JSON object."""
    return msgspec.json.decode(body, type=dict[str, object])
