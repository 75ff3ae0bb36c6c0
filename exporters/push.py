"""Sending sealed pages to the service, again and again until it says that it holds them.

In: pages that wait in a ledger's file. Out: `POST /v1/pages` (`/v1/usage` for pages of usage); the
service answers with its heads, and its head decides: what it holds is acknowledged, what it lost
(restored from a backup) is sent again. A thread of its own: a slow service never delays a tick.
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

from exporters.errors import SettingsError, SpoolError
from exporters.ledger_file import LedgerFile
from footprint.ledger import Batch, Envelope, Head

BATCH_PAGES = 200
BATCH_BYTES = 8 * 1024 * 1024
"""A quarter of what the service takes in one request; one page is sent whatever its size."""

TIMEOUT_SECONDS = 20
CHECK_SECONDS = 300
LONGEST_PAUSE_SECONDS = 60.0
MAX_ANSWER_BYTES = 1_000_000
MAX_LOGGED_CHARACTERS = 300

log = logging.getLogger("footprint.push")


class Answer(msgspec.Struct):
    """What is needed of the service's answer, success or problem."""

    heads: list[Head] = []
    title: str = ""
    detail: str = ""
    quarantined: int = 0


class _Diverged(Exception):  # noqa: N818 - a state of the ledger, not of this program
    """The service holds another page than ours under a number of ours."""


_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Resource(msgspec.Struct, frozen=True):
    """Where the service takes pages of one kind, and where it says which it holds of a ledger."""

    take: str
    ledgers: str


ENERGY = Resource("/v1/pages", "/v1/ledgers")
USAGE = Resource("/v1/usage", "/v1/usage/ledgers")


class Service:
    """One connection to the service, kept open."""

    def __init__(self, url: str, token: str | None, resource: Resource = ENERGY) -> None:
        scheme, host, port, self._base = split_url(url)
        self._resource = resource
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = connect(scheme, host, port)

    def send(self, pages: list[Envelope]) -> tuple[int, Answer]:
        """Post a batch; the status and the answer. Raises OSError, HTTPException."""
        return self._ask("POST", self._resource.take, msgspec.json.encode(Batch(pages)))

    def head(self, host_id: str, ledger_id: str) -> Head | None:
        """The last page that the service holds of a ledger; None where it does not say."""
        status, body = self._exchange(
            "GET", f"{self._resource.ledgers}/{host_id}/{ledger_id}", None
        )
        if status != http.client.OK:
            return None
        try:
            return msgspec.json.decode(body, type=Head)
        except _NOT_JSON:
            return None

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, Answer]:
        status, answer = self._exchange(method, path, body)
        try:
            return status, msgspec.json.decode(answer, type=Answer)
        except _NOT_JSON:
            return status, Answer(title="an answer that is not ours to read")

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, self._base + path, body, self._headers)
            response = self._connection.getresponse()
            answer = response.read(MAX_ANSWER_BYTES)
            if not response.isclosed():
                self.close()  # the rest is not worth reading; the next call begins afresh
            return response.status, answer
        except BaseException:
            self.close()
            raise


def split_url(url: str, what: str = "service") -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path of a URL; `what` names the setting. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        url.encode("ascii")
    except ValueError as error:
        raise SettingsError(
            f"{what}: not a URL in ASCII: {error}; write https://HOST[:PORT]"
        ) from error
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            f"{what}: the URL holds a user, a query or a fragment; write https://HOST[:PORT] and "
            "put the token in token_file"
        )
    if not host or not url.isprintable() or " " in url:
        raise SettingsError(f"{what}: {url!r} names no host; write https://HOST[:PORT]")
    return parts.scheme, host, port, parts.path.rstrip("/")


def connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    """A connection that is opened by its first request."""
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def read_token(path: str | None) -> str | None:
    """The token in a file. Raises SettingsError, which never shows what the file holds."""
    if path is None:
        return None
    try:
        token = Path(path).read_text(encoding="latin-1").strip()
    except OSError as error:
        raise SettingsError(
            f"token_file: cannot read {path}: {error.strerror}; give the agent's user the right to"
        ) from error
    if not token or not all("!" <= character <= "~" for character in token):
        raise SettingsError(
            f"token_file: {path} does not hold one token of visible ASCII characters; "
            "write the token alone into it"
        )
    return token


class Pusher(threading.Thread):
    """Sends what waits when told that there is something, and when the last try failed."""

    def __init__(
        self, spool: LedgerFile, service: Service, count: Callable[[str], None], url: str
    ) -> None:
        super().__init__(name="push", daemon=True)
        self._spool = spool
        self._service = service
        self._count = count
        self._url = url
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0
        self._trouble = ""

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
            self._service.close()  # servers drop idle connections: the next try would fail
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
        except (SpoolError, _Diverged) as error:
            if not self._stopping:
                self._warn(str(error))
        except (OSError, http.client.HTTPException) as error:
            self._count("unreachable")
            self._warn(f"cannot reach the service at {self._url}: {error}; pages stay in the spool")
        except Exception as error:  # noqa: BLE001 - the thread's edge: it must outlive any answer
            self._count("failed")
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self._warn(f"{said}; pages stay in the spool")
        return False

    def _warn(self, line: str) -> None:
        """One line a trouble, again after every 60 tries that it lasts."""
        if line != self._trouble or (self._failures and self._failures % 60 == 0):
            log.warning("push: %s", line)
        self._trouble = line

    def _well(self) -> None:
        if self._trouble:
            log.info("push: the service at %s takes pages again", self._url)
        self._trouble = ""

    def _compare_heads(self) -> bool:
        head = self._service.head(self._spool.host_id, self._spool.ledger_id)
        if head is not None:
            self._follow([head])
        return True

    def _send_waiting(self) -> bool:
        while pages := self._spool.waiting(BATCH_PAGES, BATCH_BYTES):
            status, answer = self._service.send(pages)
            moved = self._follow(answer.heads)
            if status == http.client.OK:
                self._count("accepted")
                if answer.quarantined:
                    self._count("quarantined")
                    log.error(
                        "push: the service at %s keeps %d pages out of its totals; look at the "
                        "reason there (footprint fsck), what they hold is missing",
                        self._url,
                        answer.quarantined,
                    )
                if not moved:
                    self._refused("answered without saying that it holds the pages", status, answer)
                    return False
                self._well()
                continue
            self._count("refused")
            if not (status == http.client.CONFLICT and moved):
                self._refused("refused pages", status, answer)
                return False
        return True

    def _refused(self, what: str, status: int, answer: Answer) -> None:
        said = " ".join(f"{status} {answer.title}: {answer.detail}".split())
        said = said[:MAX_LOGGED_CHARACTERS].rstrip(": ")
        self._warn(f"the service at {self._url} {what}: {said}; pages stay in the spool")

    def _follow(self, heads: list[Head]) -> bool:
        """Take the service's head for ours; whether it changes what waits."""
        for head in heads:
            if (head.host_id, head.ledger_id) == (self._spool.host_id, self._spool.ledger_id):
                if self._spool.disagrees(head):
                    raise _Diverged(
                        f"the service at {self._url} holds another page {head.seq} of this ledger "
                        "than the spool (was either restored or copied?); pages stay in the spool"
                    )
                before = self._spool.waiting(1)
                self._spool.acknowledge(head.seq)
                after = self._spool.waiting(1)
                return [page.hash for page in before] != [page.hash for page in after]
        return False
