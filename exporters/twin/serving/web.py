"""/metrics of the simulated gateway and servers, over HTTP on loopback.

In: a pair of them, whose time moves while `turn` is held. Out: an address with `/litellm/metrics`
and `/<server>/metrics`. What is not up answers nothing.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import msgspec

from exporters.twin.serving import speaking
from exporters.twin.serving.counters import Pair
from exporters.twin.serving.plan import MODELS
from exporters.twin.serving.speaking import Style


class Site(msgspec.Struct):
    """Where it answers, and how often it did; `style` may change while it runs."""

    pair: Pair
    style: Style
    turn: Any
    """A lock: nothing is shown while the pair changes."""
    url: str = ""
    served: int = 0

    def endpoint(self, name: str) -> str:
        """The address of `litellm` or of a server."""
        return f"{self.url}/{name}/metrics"

    def text(self, path: str) -> str | None:
        """What a path shows; None: nothing is there, or it does not answer."""
        name = path.strip("/").removesuffix("/metrics")
        if name not in self.pair.up:
            return None
        self.served += 1
        if name == "litellm":
            return speaking.litellm(self.pair, self.style)
        place = [model.server for model in MODELS].index(name)
        return speaking.vllm(self.pair, place, self.style)


class _Handler(BaseHTTPRequestHandler):
    timeout = 30
    site: ClassVar[Site]

    def do_GET(self) -> None:
        with self.site.turn:
            text = self.site.text(self.path)
        if text is None:
            return  # the connection is closed without an answer
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing of each request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(pair: Pair, style: Style | None = None) -> Iterator[Site]:
    """The pair on a free port until the end of the block."""
    site = Site(pair, style or Style(), threading.Lock())
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
