"""What stands before every route: limits by address, requests that two servers may read in two
ways, and the headers that every answer carries.

In: a request. Out: the application's answer or a problem, with these headers. What one address may
ask is bounded here, what one token may ask where the token is known (`access`).
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footprint.portal.render import CONTENT_SECURITY_POLICY
from footprint.service import limits
from footprint.service.problems import Problem
from footprint.service.settings import Settings
from footprint.service.tally import Tally

HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""On every answer that does not bring its own."""
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Under TLS: a year, and the host alone: what else it has is not ours to say."""
MOST_HEAD_BYTES = 16 * 1024
"""Request line and headers."""
_ALL = "all"


class Guard:
    """An application that is asked no more than it can bear."""

    def __init__(self, app: ASGIApp, settings: Settings, tally: Tally) -> None:
        self._app = app
        self._tally = tally
        per_second = settings.requests_per_second_per_address
        self._rate = limits.Rate(per_second, per_second * limits.BURST_SECONDS, monotonic)
        self._of_all = limits.AtOnce(settings.requests_at_once)
        self._of_address = limits.AtOnce(settings.requests_at_once_per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(scope, send)
        if scope["method"] == "HEAD":  # RFC 9110, 9.3.2; uvicorn leaves the body out
            scope = {**scope, "method": "GET"}
        with self._room(address_of(scope)) as no_room:
            problem = no_room or _too_long(scope) or _ambiguous(scope) or _unspeakable(scope)
            if problem is None:
                await self._app(scope, receive, send)
            else:
                await problem.response()(scope, receive, send)

    @contextmanager
    def _room(self, address: str | None) -> Iterator[Problem | None]:
        wait = self._rate.take(address) if address else None
        if wait is not None:
            self._tally.count_refused("rate")
            yield too_many("requests from this address", wait)
            return
        with self._of_address.room(address) as of_address, self._of_all.room(_ALL) as of_all:
            if of_address and of_all:
                yield None
                return
            self._tally.count_refused("at_once")
            yield busy() if of_address else too_many("requests at once from this address", 1)


def address_of(scope: Scope) -> str | None:
    """The sender of a request, as the proxy tells it where it is believed; None for a program of
    this machine."""
    client = scope.get("client")
    address = str(client[0]) if client else limits.UNKNOWN
    try:
        return None if ipaddress.ip_address(address).is_loopback else limits.sender(address)
    except ValueError:
        return limits.UNKNOWN


def too_many(what: str, wait_seconds: int) -> Problem:
    """The 429 that says when to come back."""
    return Problem(
        429,
        "too-many",
        f"too many {what}; try again in {wait_seconds} s",
        retry_after_seconds=wait_seconds,
    )


def busy() -> Problem:
    """The 503 of a service that serves as many as it may."""
    return Problem(
        503, "busy", "too many requests at once; try again in 2 s", retry_after_seconds=2
    )


def _too_long(scope: Scope) -> Problem | None:
    """A head that came in one piece; of one that comes in parts h11 keeps no more than that."""
    head_bytes = len(scope["raw_path"]) + len(scope["query_string"])
    head_bytes += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if head_bytes <= MOST_HEAD_BYTES:
        return None
    return Problem(400, "malformed", f"a head of more than {MOST_HEAD_BYTES} bytes")


def _ambiguous(scope: Scope) -> Problem | None:
    """A length beside a transfer coding, or several lengths: a proxy before this service may see
    other requests than it does (RFC 9112, 6.3 and 11.2)."""
    lengths = sum(name == b"content-length" for name, _ in scope["headers"])
    coded = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    if lengths + coded < 2:
        return None
    return Problem(400, "malformed", "send one Content-Length, or Transfer-Encoding: chunked alone")


def _unspeakable(scope: Scope) -> Problem | None:
    """NUL, which is in no code and no date, and which PostgreSQL refuses to compare with any."""
    if "\0" not in scope["path"] and b"%00" not in scope["query_string"]:
        return None
    return Problem(400, "query", "the address holds NUL")


def _with_headers(scope: Scope, send: Send) -> Send:
    extra = (*HEADERS, STRICT_TRANSPORT) if scope.get("scheme") == "https" else HEADERS

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            message["headers"] = [
                *message.get("headers", ()),
                *(header for header in extra if header[0] not in given),
            ]
        await send(message)

    return wrapped
