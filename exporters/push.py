"""Sending sealed pages to the service, again and again until it says that it holds them.

In: pages that wait in the spool. Out: `POST /v1/pages`; the service answers with its heads, and its
head decides: what it holds is acknowledged, what it lost (restored from a backup) is sent again. A
thread of its own: a slow service never delays a tick.
"""

import http.client
import logging
import random
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from exporters.errors import SettingsError
from exporters.spool import Spool
from footprint.ledger import Batch, Envelope, Head

BATCH_PAGES = 200
TIMEOUT_SECONDS = 20
CHECK_SECONDS = 300
LONGEST_PAUSE_SECONDS = 60.0
MAX_ANSWER_BYTES = 1_000_000

log = logging.getLogger("footprint.push")


class Answer(msgspec.Struct):
    """What is needed of the service's answer, success or problem."""

    heads: list[Head] = []
    title: str = ""
    detail: str = ""


class Service:
    """One connection to the service, kept open."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise SettingsError(f"service: {url!r} names no host; write https://HOST[:PORT]")
        self._base = parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = _connect(parts.scheme, parts.hostname, parts.port)

    def send(self, pages: list[Envelope]) -> tuple[int, Answer]:
        """Post a batch; the status and the answer. Raises OSError, HTTPException."""
        return self._ask("POST", "/v1/pages", msgspec.json.encode(Batch(pages)))

    def head(self, host_id: str, ledger_id: str) -> Head | None:
        """The last page that the service holds of a ledger; None where it does not say."""
        status, body = self._exchange("GET", f"/v1/ledgers/{host_id}/{ledger_id}", None)
        if status != http.client.OK:
            return None
        try:
            return msgspec.json.decode(body, type=Head)
        except msgspec.DecodeError:
            return None

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, Answer]:
        status, answer = self._exchange(method, path, body)
        try:
            return status, msgspec.json.decode(answer, type=Answer)
        except msgspec.DecodeError:
            return status, Answer(title="an answer that is not JSON")

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, self._base + path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read(MAX_ANSWER_BYTES)
        except BaseException:
            self.close()
            raise


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def read_token(path: str | None) -> str | None:
    """The token in a file. Raises SettingsError."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"token_file: cannot read {path}: {error}") from error


class Pusher(threading.Thread):
    """Sends what waits when told that there is something, and when the last try failed."""

    def __init__(
        self, spool: Spool, service: Service, count: Callable[[str], None], url: str
    ) -> None:
        super().__init__(name="push", daemon=True)
        self._spool = spool
        self._service = service
        self._count = count
        self._url = url
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0

    def wake(self) -> None:
        """There are new pages."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Try once more, for `seconds` at most, then end."""
        self._stopping = True
        self._wake.set()
        self.join(seconds)

    def run(self) -> None:
        """Until told to stop: compare heads, send, wait."""
        self._attempt(self._compare_heads)
        while True:
            sent_all = self._attempt(self._send_waiting)
            if self._stopping:
                return
            if not self._wake.wait(self._pause(sent_all)) and sent_all:
                self._attempt(self._compare_heads)
            self._wake.clear()

    def _pause(self, sent_all: bool) -> float:
        if sent_all:
            self._failures = 0
            return CHECK_SECONDS
        self._failures += 1
        most = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(self._failures, 10))
        return random.uniform(most / 2, most)  # noqa: S311 - spreads a fleet, guards nothing

    def _attempt(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except (OSError, http.client.HTTPException) as error:
            self._count("unreachable")
            self._warn(f"cannot reach the service at {self._url}: {error}; pages stay in the spool")
            return False

    def _warn(self, line: str) -> None:
        if self._failures in (0, 1) or self._failures % 60 == 0:
            log.warning("push: %s", line)

    def _compare_heads(self) -> bool:
        head = self._service.head(self._spool.host_id, self._spool.ledger_id)
        if head is not None:
            self._spool.acknowledge(head.seq)
        return True

    def _send_waiting(self) -> bool:
        while pages := self._spool.waiting(BATCH_PAGES):
            status, answer = self._service.send(pages)
            moved = self._follow(answer.heads)
            if status == http.client.OK:
                self._count("accepted")
                if not moved:
                    return False  # an answer without our head: ask again later
                continue
            self._count("refused")
            if not (status == http.client.CONFLICT and moved):
                self._warn(
                    f"the service at {self._url} refused pages: {status} {answer.title}: "
                    f"{answer.detail}; pages stay in the spool"
                )
                return False
        return True

    def _follow(self, heads: list[Head]) -> bool:
        """Take the service's head for ours; whether it changes what waits."""
        for head in heads:
            if (head.host_id, head.ledger_id) == (self._spool.host_id, self._spool.ledger_id):
                before = self._spool.waiting(1)
                self._spool.acknowledge(head.seq)
                after = self._spool.waiting(1)
                return [page.hash for page in before] != [page.hash for page in after]
        return False
