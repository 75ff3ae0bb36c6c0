"""/doctor of a running agent: the doctor's page, examined when somebody asks.

In: the agent's settings. Out: status, headers, body. An examination is a process of its own, at
most one at a time and one in ten seconds: the agent loads nothing for it, holds no lock of its
ticks, and what happens to that process happens to it alone. The newest page answers everyone else.
"""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

import msgspec

from exporters.settings import Settings

log = logging.getLogger("footprint.agent")
EVERY_SECONDS = 10
MOST_SECONDS = 60
COMMAND = (sys.executable, "-P", "-m", "exporters.doctor_page")
"""-P: the folder that the agent runs in is no place to load modules from."""
BASE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Answer(msgspec.Struct, frozen=True):
    """What a request for the page is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class DoctorPage:
    """The newest page; safe to ask from many threads."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        """Nothing is examined yet."""
        self._settings = settings
        self._command = command
        self._one_at_a_time = threading.Lock()
        self._newest: tuple[float, Answer] | None = None

    def answer(self) -> Answer:
        """The page: examined now, or the newest where it is recent or another is being made. Waits
        only for the first one; never raises."""
        newest = self._newest
        if not self._one_at_a_time.acquire(blocking=newest is None):
            assert newest is not None  # noqa: S101 - else it would have waited
            return newest[1]
        try:
            newest = self._newest
            if newest is None or time.monotonic() - newest[0] >= EVERY_SECONDS:
                answer = self._examine()
                self._newest = newest = time.monotonic(), answer
            return newest[1]
        finally:
            self._one_at_a_time.release()

    def _examine(self) -> Answer:
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter and a module of ours, no shell
                self._command,
                input=msgspec.json.encode(self._settings),
                capture_output=True,
                timeout=MOST_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return _failed(type(error).__name__)
        policy, _, page = done.stdout.partition(b"\n")
        if done.returncode or not page:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return _failed(f"ended with {done.returncode}: {last[:200]}")
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": f"{policy.decode('ascii')}; frame-ancestors 'none'",
        }
        return Answer(200, BASE | headers, page)


def _failed(why: str) -> Answer:
    log.warning("doctor: the examination failed: %s", why)
    body = b"the examination failed, metering goes on; run on this host: footprint-agent doctor\n"
    return Answer(500, BASE | {"Content-Type": "text/plain; charset=utf-8"}, body)
