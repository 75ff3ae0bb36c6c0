"""Servers that speak as engines and kubelets do: on a Unix socket, and by TLS on loopback.

The bodies have the documented form (Docker Engine API, ContainerList; Kubernetes, PodList), with
the fields that must never be kept.
"""

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Reply = Callable[[str, str], tuple[int, Any]]
"""From path and Authorization to status and body."""


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP over a Unix socket."""

    daemon_threads = True


def container(number: str, labels: dict[str, str] | None) -> dict[str, Any]:
    """One element of `GET /containers/json`."""
    return {
        "Id": number,
        "Names": ["/brave_turing"],
        "Image": "registry.example/model:1",
        "ImageID": "sha256:" + "0" * 64,
        "Command": "serve --secret",
        "Created": 1_795_000_000,
        "State": "running",
        "Status": "Up 2 hours",
        "Ports": [],
        "Labels": labels,
        "NetworkSettings": {"Networks": {}},
        "Mounts": [],
    }


def pod(uid: str, labels: dict[str, str]) -> dict[str, Any]:
    """One element of the items of `GET /pods`."""
    return {
        "metadata": {
            "name": "chat-7d9f",
            "namespace": "ia",
            "uid": uid,
            "labels": labels,
            "annotations": {"kubernetes.io/config.source": "api"},
        },
        "spec": {"containers": [{"name": "c", "env": [{"name": "TOKEN", "value": "secret"}]}]},
        "status": {"phase": "Running"},
    }


def pods(*items: dict[str, Any]) -> dict[str, Any]:
    """A PodList."""
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(items) or None}


def _handler(reply: Reply) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = reply(self.path, self.headers.get("Authorization", ""))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def address_string(self) -> str:
            return "-"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def engine(path: Path, reply: Reply) -> Iterator[None]:
    """An engine's socket."""
    with UnixServer(str(path), _handler(reply)) as server:
        yield from _serving(server)
    path.unlink()


@contextlib.contextmanager
def dripping(path: Path, drop: bytes = b"x", every_seconds: float = 0.05) -> Iterator[None]:
    """A socket whose answer begins well and never ends: a piece of it now and then."""
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\nX-Slow: ")
                while not ended.wait(every_seconds):
                    self.request.sendall(drop)

    with UnixServer(str(path), Handler) as server:
        try:
            yield from _serving(server)
        finally:
            ended.set()
    path.unlink()


@contextlib.contextmanager
def kubelet(context: ssl.SSLContext, reply: Reply) -> Iterator[str]:
    """A kubelet; its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(reply)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        for _ in _serving(server):
            yield f"https://127.0.0.1:{server.server_port}"


def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
