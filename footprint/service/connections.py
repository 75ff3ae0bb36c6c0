"""Connections that are not held open for nothing: uvicorn's protocol with a deadline for each wait.

uvicorn itself waits for ever for the rest of a request's head, and for a client that does not read
its answer. Here the head has to be there `head_seconds` after the connection or the last answer,
and a full send buffer has to drain within `stall_seconds`. There are so many connections, in all
and of an address; where all are taken, the one that has waited longest without asking anything
goes.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from footprint.service import guard, limits
from footprint.service.addresses import is_loopback, is_proxy
from footprint.service.problems import Problem
from footprint.service.settings import Settings
from footprint.service.tally import Tally

RETRY_SECONDS = 5


class Gate:
    """The connections of one server: who may come in, and who waits without asking."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self.settings = settings
        self.tally = tally
        self._of_address = limits.AtOnce(settings.connections_per_address)
        self._open: dict[Connection, str | None] = {}
        self._waiting: dict[Connection, None] = {}

    def enter(self, connection: "Connection", address: str) -> Problem | None:
        """Let a connection in, or say why not. The proxy's and this machine's are of no address."""
        trusted = is_loopback(address) or is_proxy(address, self.settings.proxies)
        key = None if trusted else limits.sender(address)
        if key is not None and not self._of_address.enter(key):
            return guard.too_many("connections from this address", RETRY_SECONDS)
        self._open[connection] = key
        if len(self._open) > self.settings.connections:
            return self._make_room()
        return None

    def leave(self, connection: "Connection") -> None:
        """A connection is closed."""
        self.asks(connection)
        key = self._open.pop(connection, None)
        if key is not None:
            self._of_address.leave(key)

    def waits(self, connection: "Connection") -> None:
        """A connection asks nothing: from now on its time runs."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def asks(self, connection: "Connection") -> None:
        """A connection's request is here whole, but for its body."""
        self._waiting.pop(connection, None)

    def _make_room(self) -> Problem | None:
        """Close the connection that has waited longest."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return guard.busy()
        self.tally.count_refused("connections")
        oldest.drop()
        return None


class Connection(H11Protocol):
    """One connection, of which each wait has an end. h11 bounds a head to 16 KiB; httptools, which
    uvicorn prefers where it finds it, does not."""

    def __init__(self, *arguments: Any, gate: Gate, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._gate = gate
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._begun = False
        self._half_closed = False
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in, or refuse it in one answer."""
        super().connection_made(transport)
        refusal = self._gate.enter(self, self.client[0] if self.client else "")
        if refusal is None:
            self._await_head()
        else:
            self._gate.tally.count_refused("connections")
            self._end_with(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        for timer in self._timers.values():
            timer.cancel()
        self._gate.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or of a body."""
        self._begun = True
        super().data_received(data)
        self._look()
        if self._answered_early():
            self._discarded_bytes += len(data)
            if self._discarded_bytes > self._gate.settings.body_limit_bytes:
                self.flow.pause_reading()  # until it is dropped; its sender has its answer

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client says no more; it may be waiting for the answer to a whole request."""
        self._half_closed = self.scheme == "http" and self._serving() and not self.cycle.more_body
        return self._half_closed

    def on_response_complete(self) -> None:
        """An answer is written: the next head may come, or is here already."""
        super().on_response_complete()
        if self._half_closed:
            self.transport.close()
        if self._serving():
            return
        self._begun, self._discarded_bytes = False, 0
        self._await_head()

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is made."""
        super().pause_writing()
        self._set("stall", self._gate.settings.stall_seconds, self._stalled)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._cancel("stall")

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP, in the shape of every other."""
        if self._serving():
            self.transport.close()  # in the middle of an answer nothing else can be said
        else:
            self._end_with(Problem(400, "malformed", msg))

    def drop(self) -> None:
        """Close it without a word."""
        self.transport.abort()

    def _answered_early(self) -> bool:
        """Whether the rest of a request comes in whose answer is out."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        if self._serving():
            self._cancel("head")
            self._gate.asks(self)

    def _await_head(self) -> None:
        self._gate.waits(self)
        self._set("head", self._gate.settings.head_seconds, self._no_head)

    def _no_head(self) -> None:
        if not self._begun or self.transport.is_closing() or self._answered_early():
            self.drop()
            return
        self._gate.tally.count_refused("slow_head")
        seconds = self._gate.settings.head_seconds
        self._end_with(Problem(408, "timeout", f"no whole request within {seconds:g} s"))

    def _stalled(self) -> None:
        self._gate.tally.count_refused("stalled")
        self.drop()

    def _end_with(self, problem: Problem) -> None:
        """Answer and close; a client that takes neither is dropped."""
        self._set("head", self._gate.settings.stall_seconds, self.drop)
        self.transport.write(_raw(problem.response(), secure=self.scheme == "https"))
        self.transport.close()

    def _set(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        self._cancel(name)
        self._timers[name] = self.loop.call_later(seconds, then)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _raw(response: Response, *, secure: bool) -> bytes:
    """A response as bytes, for a connection that ends with it."""
    headers = [*response.raw_headers, *guard.HEADERS, (b"connection", b"close")]
    if secure:
        headers.append(guard.STRICT_TRANSPORT)
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    first = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}\r\n"
    return first.encode() + lines + b"\r\n" + bytes(response.body)
