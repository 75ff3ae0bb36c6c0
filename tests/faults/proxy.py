"""A proxy that loses, doubles, delays and reorders what goes through it, request by request.

In: HTTP requests with a length. Out: what a bad network makes of them. `chance` decides for each
request what befalls it; `rate` of them are befallen.
"""

import contextlib
import random
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

TROUBLES = ("request lost", "answer lost", "doubled", "delayed", "reordered")
TIMEOUT_SECONDS = 30
LONGEST_DELAY_SECONDS = 1.0


class Proxy:
    """Listens on loopback and forwards to one address."""

    def __init__(
        self, url: str, chance: random.Random, rate: float, methods: tuple[bytes, ...]
    ) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._chance, self._rate, self._methods = chance, rate, methods
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self.seen: Counter[str] = Counter()
        self.clear = False
        """Whether the network is well from now on."""
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    proxy.serve(self.request)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def serve(self, client: socket.socket) -> None:
        """One connection's requests, until it or its bad luck ends it."""
        client.settimeout(TIMEOUT_SECONDS)
        while request := _message(client):
            answer = self._befall(request)
            if answer is None:
                return
            client.sendall(answer)

    def _befall(self, request: bytes) -> bytes | None:
        """The answer, or None where the client is told nothing."""
        trouble = self._trouble() if request.startswith(self._methods) else ""
        if trouble == "request lost":
            return None
        if trouble == "delayed":
            time.sleep(self._number() * LONGEST_DELAY_SECONDS)
        if trouble == "reordered":  # it arrives after one that is sent later, unasked
            with self._lock:
                self._held.append(request)
            return None
        answer = self._forward(request)
        if trouble == "doubled":
            self._forward(request)
        with self._lock:
            held, self._held = self._held, []
        for late in held:
            self._forward(late)
        return None if trouble == "answer lost" else answer

    def _trouble(self) -> str:
        with self._lock:
            self.seen["requests"] += 1
            if self.clear or self._chance.random() >= self._rate:
                return ""
            trouble = self._chance.choice(TROUBLES)
            self.seen[trouble] += 1
            return trouble

    def _number(self) -> float:
        with self._lock:
            return self._chance.random()

    def _forward(self, request: bytes) -> bytes | None:
        with socket.create_connection(self._to, TIMEOUT_SECONDS) as upstream:
            upstream.sendall(request)
            return _message(upstream) or None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


def _message(connection: socket.socket) -> bytes:
    """One request or answer with a length, or one until the end; empty where there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    parts, missing = [data], length - len(body)
    while missing > 0:
        more = connection.recv(min(missing, 1 << 20))
        if not more:
            return b""
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)


@contextlib.contextmanager
def lossy(
    url: str,
    chance: random.Random,
    rate: float,
    methods: tuple[bytes, ...] = (b"GET ", b"POST "),
) -> Iterator[Proxy]:
    """A proxy that is ended whatever happens; requests of other methods go through."""
    proxy = Proxy(url, chance, rate, methods)
    try:
        yield proxy
    finally:
        proxy.end()
