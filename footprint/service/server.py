"""Runs the service until it is told to stop: its own socket first, so that a taken port is one line
and port 0 shows the real one."""

import gc
import resource
import signal
import socket
import sys
from functools import partial
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI

from footprint import factors
from footprint.interval import paris_date
from footprint.service import store_factors, tls
from footprint.service.app import create_app
from footprint.service.connections import Connection, Gate
from footprint.service.guard import Guard
from footprint.service.settings import Settings
from footprint.service.state import State

OTHER_FILES = 200
"""Files that the service needs open besides its connections."""


class ListenError(Exception):
    """An address that cannot be listened on; the message says which, why and the remedy."""


class _Server(uvicorn.Server):
    """uvicorn that says its address once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            url = _url(sockets[0], secure=self.config.is_ssl)
            sys.stdout.write(f"footprint: listening on {url}\n")
            sys.stdout.flush()


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean end."""
    settings = _allow_connections(settings)
    listening = listen(settings.host, settings.port)
    try:
        app = create_app(settings)
        _leave_alone_what_stays()
        _warn_without_factor(app.state.footprint)
        config = configuration(app)
        # uvicorn raises the signal again once it has ended: by then it has done its work.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)
        server = _Server(config)
        server.run(sockets=[listening])
    finally:
        listening.close()
    return 0 if server.started else 1


def _leave_alone_what_stays() -> None:
    """Have the garbage collector pass over the program itself, and look at the pages of a batch,
    which hold no cycles, less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def configuration(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves `app`: guarded, with an end to each wait, believing no proxy but those
    named. Nothing of it is read from the environment."""
    state: State = app.state.footprint
    settings, tally = state.settings, state.tally
    protocol: Any = partial(Connection, gate=Gate(settings, tally))
    context = tls.context(settings)
    return uvicorn.Config(
        Guard(app, settings, tally),
        http=protocol,
        ws="none",
        interface="asgi3",
        workers=1,
        # A line for each request that is none would let anyone fill the log.
        log_level="error",
        access_log=False,
        server_header=False,
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=10,
    )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, or ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named: 40 ms an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ListenError(
            f"--listen {host}:{port}: {reason}; stop what listens there or choose another port"
        ) from error
    return listening


def _allow_connections(settings: Settings) -> Settings:
    """Let this process open as many files as its connections need, else take fewer of these."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.connections + OTHER_FILES
    if resource.RLIM_INFINITY in (soft, hard) or soft >= needed:
        return settings
    most = min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        most = soft
    fewer = min(settings.connections, max(most - OTHER_FILES, 10))
    return msgspec.structs.replace(settings, connections=fewer)


def _warn_without_factor(state: State) -> None:
    """One line where no figure of today can be turned into grams; energy is measured all the same,
    and a factor imported later applies to it."""
    now = state.clock()
    with state.store.read() as connection:
        held = store_factors.all_factors(connection, state.settings.zone)
    try:
        factors.headline(held, state.settings.zone, paris_date(now), now)
    except factors.FactorError as error:
        zone = state.settings.zone
        sys.stderr.write(f"footprint: warning: --zone {zone}: no grams are shown: {error}\n")
        sys.stderr.flush()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _url(listening: socket.socket, *, secure: bool) -> str:
    host, port = listening.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
