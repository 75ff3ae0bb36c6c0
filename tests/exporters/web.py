"""A small real HTTP server on loopback that answers pages as it is told to, also badly."""

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from footprint.ledger import GENESIS, Batch, Head, hash_bytes
from tests.exporters.spools import HOST


class Web:
    """What the server holds and how it answers; `script` is taken from the front, one a request."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.script: list[Any] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.batches: list[int] = []
        self.ledger_id = ""
        self.url = ""

    @property
    def head(self) -> Head:
        """The last page held."""
        last = hash_bytes(self.bodies[-1]) if self.bodies else GENESIS
        return Head(HOST, self.ledger_id, len(self.bodies) - 1, last)

    def take(self, body: bytes) -> tuple[int, bytes]:
        """Insert the pages that follow what is held, as the service does; the answer."""
        pages = msgspec.json.decode(body, type=Batch).pages
        self.batches.append(len(pages))
        held = [hash_bytes(known) for known in self.bodies]
        fresh = [bytes(page.page) for page in pages if page.hash not in held]
        status = 200
        if fresh and json.loads(fresh[0])["seq"] != len(self.bodies):
            status = 409
        else:
            self.bodies.extend(fresh)
        return status, self.answer()

    def answer(self, **more: str) -> bytes:
        """The heads as the service tells them."""
        return msgspec.json.encode({"heads": [self.head], **more})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_POST(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def _handle(self) -> None:
        web = self.web
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        web.requests.append((self.command, self.path, self.headers.get("Authorization")))
        if self.command == "GET":
            self._send(200, msgspec.json.encode(web.head))
            return
        step = web.script.pop(0) if web.script else None
        if step == "hang up":
            self.close_connection = True
            return
        if step == "take and hang up":
            web.take(body)
            self.close_connection = True
            return
        self._send(*(web.take(body) if step is None else step))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is part of the test."""


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A server on a free port, until the end of the block."""
    web = Web()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web}))
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    web.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
