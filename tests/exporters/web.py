"""A small real HTTP server on loopback that answers pages as it is told to, also badly."""

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import zstandard

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
        self.now: Callable[[], float] | None = None
        """Its clock, in seconds since 1970: pages that end 15 minutes later are kept out."""
        self.kept_out: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self.more: dict[str, str] = {}
        """Headers of the scripted answers."""
        self.unpacks = True

    @property
    def head(self) -> Head:
        """The last page held of the ledger."""
        own = self.own()
        last = hash_bytes(own[-1]) if own else GENESIS
        return Head(HOST, self.ledger_id, len(own) - 1, last)

    def own(self) -> list[bytes]:
        """The pages held of the ledger that was written last."""
        return [body for body in self.bodies if self.ledger_id.encode() in body[:200]]

    def take(self, body: bytes) -> tuple[int, bytes]:
        """Insert the pages that follow what is held, as the service does; the answer."""
        pages = msgspec.json.decode(body, type=Batch).pages
        self.batches.append(len(pages))
        held = [hash_bytes(known) for known in self.bodies]
        fresh = [bytes(page.page) for page in pages if page.hash not in held]
        status = 200
        if fresh:
            self.ledger_id = json.loads(fresh[0])["ledger_id"]
        if fresh and json.loads(fresh[0])["seq"] != len(self.own()):
            status = 409
        else:
            self.bodies.extend(fresh)
        late = [page for page in fresh if self.now and _end(page) > self.now() + 900]
        self.kept_out.update(map(hash_bytes, late))
        return status, self.answer(quarantined=len(late))

    def last(self) -> dict[str, Any] | None:
        """The newest page that counts, as the service tells it."""
        counted = [
            json.loads(body) for body in self.bodies if hash_bytes(body) not in self.kept_out
        ]
        if not counted:
            return None
        page = max(counted, key=lambda one: one["start"])
        body = next(one for one in self.bodies if json.loads(one) == page)
        return {
            **{name: page[name] for name in ("host_id", "ledger_id", "seq", "start", "end")},
            "hash": hash_bytes(body),
        }

    def decoded(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Every page held, with what it says."""
        return [(body, json.loads(body)) for body in self.bodies]

    def answer(self, **more: Any) -> bytes:
        """The heads as the service tells them."""
        return msgspec.json.encode({"heads": [self.head], **more})


def _end(body: bytes) -> float:
    return datetime.fromisoformat(json.loads(body)["end"]).timestamp()


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
        web.headers.append(dict(self.headers))
        if self.command == "GET":
            self._tell()
            return
        if self.headers.get("Content-Encoding") == "zstd":
            if not web.unpacks:
                self._send(415, b"{}")
                return
            body = zstandard.ZstdDecompressor().decompress(body)
        step = web.script.pop(0) if web.script else None
        if step == "hang up":
            self.close_connection = True
            return
        if step == "take and hang up":
            web.take(body)
            self.close_connection = True
            return
        self._send(*(web.take(body) if step is None else step), web.more if step else {})

    def _tell(self) -> None:
        web, parts = self.web, self.path.split("/")[3:]
        if len(parts) == 1:
            last = web.last()
            self._send(200 if last else 404, msgspec.json.encode(last))
        elif len(parts) == 4:
            pages = {(one["ledger_id"], one["seq"]): body for body, one in web.decoded()}
            self._send(200, pages[parts[1], int(parts[3])])
        else:
            self._send(200, msgspec.json.encode(web.head))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's own clock."""
        return super().date_time_string(int(self.web.now()) if self.web.now else timestamp)

    def _send(self, status: int, body: bytes, more: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
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
