"""One HTTP exchange with a deadline over the whole of it, headers and body.

`http.client` and its sockets limit the wait for each piece, so that a server that sends a byte a
second is waited for without end. Here each piece may take what is left until the deadline.

In: a connection, a path, headers, an instant of `time.monotonic()`. Out: status and body, of at
most so many bytes. Looking a name up is the system's and has the system's limits; a TLS handshake
may take as long again as connecting may.
"""

import contextlib
import io
import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any


class _Piecewise(io.RawIOBase):
    """What a socket receives until `deadline`."""

    def __init__(self, received: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket = received
        self._raw = received.makefile("rb", buffering=0)  # keeps a closed connection's rest
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Source:
    """A socket as `HTTPResponse` wants it: something that makes a file."""

    def __init__(self, received: socket.socket, deadline: float) -> None:
        self._raw = _Piecewise(received, deadline)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw)


def left(deadline: float) -> float:
    """Seconds until `deadline`. Raises TimeoutError where none are left."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def get(
    connection: HTTPConnection,
    path: str,
    headers: Mapping[str, str],
    deadline: float,
    max_bytes: int,
) -> tuple[int, bytes]:
    """Status and body of a GET; a longer body is cut at `max_bytes`, and the next request
    connects anew. Raises OSError (TimeoutError past the deadline) and HTTPException."""

    def answer(received: socket.socket, *arguments: Any, **named: Any) -> HTTPResponse:
        source: Any = _Source(received, deadline)
        return HTTPResponse(source, *arguments, **named)

    connection.response_class = answer  # type: ignore[assignment]
    connection.timeout = left(deadline)
    if not connection.sock:
        connection.connect()
    connection.sock.settimeout(left(deadline))
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    with contextlib.closing(response):
        body = response.read(max_bytes)
    if len(body) >= max_bytes:
        connection.close()  # what it still sends is no answer to the next request
    return response.status, body
