"""Serves rendered pages on 127.0.0.1 under the headers the service sends, for a real browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from footprint.portal.render import CONTENT_SECURITY_POLICY, STATIC_DIRECTORY

TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


@contextmanager
def site(pages: dict[str, str]) -> Iterator[str]:
    """The address under which `pages` (path to HTML) and the portal's static files are served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in pages:
                self._answer("text/html; charset=utf-8", pages[path].encode())
            elif path.startswith("/static/") and "/" not in path[8:]:
                suffix = path.rpartition(".")[2]
                self._answer(TYPES[suffix], (STATIC_DIRECTORY / path[8:]).read_bytes())
            else:
                self.send_error(404)

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet: the tests look at what the browser says."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
