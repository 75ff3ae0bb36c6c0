"""Bytes on a socket, for what a well-behaved HTTP client does not send."""

import contextlib
import socket
from collections.abc import Iterator

from tests.service.house import House

POST = (
    b"POST /v1/pages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n"
)
"""The beginning of the head of a request whose body is announced."""


def address(house: House) -> tuple[str, int]:
    """Where a service listens."""
    url = house.client.base_url
    return url.host, url.port or 0


@contextlib.contextmanager
def connected(house: House, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection from an address of this machine."""
    with socket.create_connection(address(house), 60, source_address=(source, 0)) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def ask(house: House, request: bytes) -> bytes:
    """What a request is answered, until the service closes the connection."""
    with connected(house) as connection:
        connection.sendall(request)
        return all_of(connection)
