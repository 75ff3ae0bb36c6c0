"""One question to a gateway or a server: bounded in time and size, and never an echo of its answer.

In: a URL, a token. Out: the body of the answer, or why there is none: `unreachable` where nobody
answered, `unreadable` where what came is no such thing. The reason is in our own words, because
an answer may hold names.
"""

import http.client
import time
from urllib.parse import urlsplit

from exporters import push, timed_http
from exporters.gateway.dialects import MOST_BYTES
from exporters.gateway.settings import PATHS
from footprint.usage import Cause

TIMEOUT_SECONDS = 10.0
_MOVED = {301, 302, 307, 308}


class UnreadError(Exception):
    """There is no answer to use; `cause` is what a page tells."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause: Cause = cause


class Source:
    """Where one endpoint tells its usage."""

    def __init__(self, kind: str, url: str, token_file: str | None) -> None:
        """Raises SettingsError: of a token that cannot be read."""
        self._scheme, self._host, self._port, path = push.split_url(url, "url")
        self._path = path if urlsplit(url).path.strip("/") else path + PATHS.get(kind, "/metrics")
        token = push.read_token(token_file)
        self._headers = {"Accept": "text/plain;version=0.0.4, application/json;q=0.9"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        address = f"[{self._host}]" if ":" in self._host else self._host
        port = f":{self._port}" if self._port else ""
        self.name = f"{address}{port}{self._path}"

    def get(self, query: str = "", seconds: float = TIMEOUT_SECONDS) -> bytes:
        """The body of a 200. Raises UnreadError."""
        status, body = self._ask(query, seconds)
        if status in _MOVED and not self._path.endswith("/"):  # LiteLLM's /metrics is a folder
            self._path += "/"
            status, body = self._ask(query, seconds)
        if status != http.client.OK:
            raise UnreadError("unreadable", f"it answers {status}")
        if len(body) >= MOST_BYTES:
            raise UnreadError("unreadable", f"its answer has more than {MOST_BYTES >> 20} MiB")
        return body

    def _ask(self, query: str, seconds: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        connection = push.connect(self._scheme, self._host, self._port)
        try:
            path = f"{self._path}?{query}" if query else self._path
            return timed_http.get(connection, path, self._headers, deadline, MOST_BYTES)
        except OSError as error:
            raise UnreadError("unreachable", _why(error)) from None
        except http.client.HTTPException as error:
            raise UnreadError("unreadable", f"no HTTP ({type(error).__name__})") from None
        finally:
            connection.close()


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no whole answer in time"
    return error.strerror or type(error).__name__
