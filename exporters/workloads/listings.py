"""Labels from those who list what they run: an engine's socket, the kubelet.

In: `GET /containers/json` (Docker's API, which Podman's socket speaks too) and `GET /pods` of this
node's kubelet. Out: the labels that rules name, by id. A thread of its own asks, only when a unit
appears that the last list did not have, and never faster than a second; the whole answer has one
deadline. Whoever waits for it waits at most a moment, so that a tick is not late, and stopping does
not wait for it at all. Sources: Docker Engine API, ContainerList; Kubernetes, kubelet
authentication and authorization; KEP-2862 (`nodes/pods`).
"""

import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from exporters import timed_http
from exporters.settings import Kubelet
from exporters.workloads.engine_files import chosen
from exporters.workloads.labels import Known, Unknown
from exporters.workloads.units import Kind, Unit

WAIT_SECONDS = 0.2
"""How long one tick waits in all for answers; a later one comes with the next look."""
TIMEOUT_SECONDS = 5.0
"""How long a whole answer may take, from connecting to its last byte."""
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_BYTES = 32 * 2**20

HINTS = {401: "; check token_file", 403: "; the token needs: get nodes/pods (of this node)"}

Listed = Mapping[str, Mapping[str, str]]
"""Labels by id."""


class _Container(msgspec.Struct):
    id: str = msgspec.field(name="Id")
    labels: dict[str, str] | None = msgspec.field(name="Labels", default=None)


class _Metadata(msgspec.Struct):
    uid: str
    labels: dict[str, str] = {}


class _Pod(msgspec.Struct):
    metadata: _Metadata


class _Pods(msgspec.Struct):
    items: list[_Pod] | None = None


class Listing:
    """A list of units that is fetched when one is missing in it."""

    def __init__(
        self, name: str, kind: Kind, fetch: Callable[[], Listed], wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self.name = name
        self.version = 0
        self._kind = kind
        self._fetch = fetch
        self._wait_seconds = wait_seconds
        self._listed: Listed = {}
        self._error, self._heard = "", False
        self._wanted_at = -math.inf
        self._late = False
        self._wanted, self._answered = threading.Event(), threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, unit: Unit) -> Known | Unknown | None:
        """What the newest list says; it is fetched anew where the unit is not in it."""
        if unit.kind != self._kind:
            return None
        labels = self._listed.get(unit.id)
        if labels is not None:
            return Known(labels, self.name)
        self._want()
        if self._error:
            return Unknown(self._error, failed=True)
        return Unknown(f"does not list {unit}" if self._heard else "has not answered yet")

    def wait(self, spent_seconds: float) -> bool:
        """Wait for the list that was wanted, not for one that was late or failed before."""
        if self._late or self._error or self._thread is None:
            return False
        came = self._answered.wait(max(0.0, self._wait_seconds - spent_seconds))
        self._late = not came
        return came

    def close(self) -> None:
        """End the thread, without waiting for it: an answer has a deadline, and it holds nothing
        that others need."""
        self._stopped.set()
        self._wanted.set()

    def _want(self) -> None:
        """Have the list fetched: once a second, so that one list answers for ten new units."""
        if time.monotonic() < self._wanted_at + PAUSE_SECONDS:
            return
        self._wanted_at = time.monotonic()
        self._answered.clear()
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        pause = PAUSE_SECONDS
        while self._wanted.wait() and not self._stopped.is_set():
            self._wanted.clear()
            try:
                self._take(self._fetch())
                pause = PAUSE_SECONDS
            except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
                self._error = reason(error)
                self._wanted.set()  # on and on, ever more slowly: it may come back
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._answered.set()
            self._stopped.wait(pause)

    def _take(self, listed: Listed) -> None:
        news = listed.keys() != self._listed.keys()
        self._listed, self._error, self._heard, self._late = listed, "", True, False
        self.version += news


def engine(
    path: str,
    wanted: Collection[str],
    wait_seconds: float = WAIT_SECONDS,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Listing:
    """The containers that an engine's socket lists: running ones, without their environment."""

    def fetch() -> Listed:
        body = _get(_Unix(path), "/containers/json", {}, timeout_seconds)
        found = msgspec.json.decode(body, type=list[_Container])
        return {each.id: chosen(each.labels or {}, wanted) for each in found}

    return Listing(f"the engine at {path}", "container", fetch, wait_seconds)


def kubelet(
    settings: Kubelet, wanted: Collection[str], wait_seconds: float = WAIT_SECONDS
) -> Listing:
    """The pods of this node. The token is read anew for each call: it is renewed in place."""
    url = urlsplit(settings.url)

    def fetch() -> Listed:
        token = Path(settings.token_file).read_text(encoding="ascii").strip()
        context = ssl.create_default_context(cafile=settings.ca_file)
        where = http.client.HTTPSConnection(url.hostname or "", url.port or 10250, context=context)
        body = _get(where, "/pods", {"Authorization": f"Bearer {token}"})
        pods = msgspec.json.decode(body, type=_Pods).items or []
        return {pod.metadata.uid: chosen(pod.metadata.labels, wanted) for pod in pods}

    return Listing(f"the kubelet at {settings.url}", "pod", fetch, wait_seconds)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _get(
    connection: http.client.HTTPConnection,
    path: str,
    headers: dict[str, str],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> bytes:
    """A small answer, whole. Raises OSError, ValueError, HTTPException."""
    deadline = time.monotonic() + timeout_seconds
    headers = {"Accept": "application/json", **headers}
    try:
        status, body = timed_http.get(connection, path, headers, deadline, MOST_BYTES + 1)
    except TimeoutError as error:
        raise ValueError(
            f"GET {path} was not answered in whole within {timeout_seconds:g} s"
        ) from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise ValueError(f"GET {path} was answered with {status}{HINTS.get(status, '')}")
    if len(body) > MOST_BYTES:
        raise ValueError(f"GET {path} was answered with more than {MOST_BYTES} bytes")
    return body


def reason(error: Exception) -> str:
    """One line for an error of the network, a file or a format."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; check ca_file"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error) or type(error).__name__
