"""A Redfish service on loopback: real HTTP, or HTTPS, in front of a simulated controller.

In: a function from a path to status and document, a user and a password. Out: an address. As on a
real controller the service root is open and everything else wants the password.
"""

import contextlib
import hmac
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import msgspec

Answer = Callable[[str], tuple[int, dict[str, Any] | None]]
OPEN = "/redfish/v1"
USER, PASSWORD = "meter", "correct horse battery staple"


_LOGIN = b"Basic " + b64encode(f"{USER}:{PASSWORD}".encode())
_REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 503: "Service Unavailable"}
_HEADERS = ("Content-Type: application/json", "OData-Version: 4.0")


class Service(msgspec.Struct):
    """Where it answers, and what was asked: (path, whether with the right password)."""

    answer: Answer
    url: str = ""
    asked: list[tuple[str, bool]] = []
    keep: bool = False
    is_up: bool = True

    def hang_up(self) -> None:
        """From now on every connection is closed without an answer."""
        self.is_up = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    service: ClassVar[Service]

    def do_GET(self) -> None:
        if not self.service.is_up:
            self.close_connection = True
            return
        allowed = hmac.compare_digest(self.headers.get("Authorization", "").encode(), _LOGIN)
        if self.service.keep:
            self.service.asked.append((self.path, allowed))
        path = self.path.rstrip("/")
        status, document = self.service.answer(path) if allowed or path == OPEN else (401, None)
        body = json.dumps(document or {"error": {"code": f"Base.1.0.{status}"}}).encode()
        head = [f"HTTP/1.1 {status} {_REASONS[status]}", *_HEADERS, f"Content-Length: {len(body)}"]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)  # in one segment

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing of each request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off, or refuses our certificate, is its own concern."""


@contextlib.contextmanager
def serving(
    answer: Answer, tls: ssl.SSLContext | None = None, *, keep: bool = False
) -> Iterator[Service]:
    """The service on a free port until the end of the block; `keep` what was asked."""
    service = Service(answer, keep=keep)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": service}))
    if tls:
        # The handshake is the handler's: one that never comes must hold up nobody else.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    service.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
