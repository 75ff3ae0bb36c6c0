"""Runs the service until it is told to stop: its own socket first, so that a taken port is one line
and port 0 shows the real one."""

import signal
import socket
import sys
from types import FrameType

import uvicorn

from footprint import factors
from footprint.interval import paris_date
from footprint.service import store_factors
from footprint.service.app import create_app
from footprint.service.settings import Settings
from footprint.service.state import State


class ListenError(Exception):
    """An address that cannot be listened on; the message says which, why and the remedy."""


class _Server(uvicorn.Server):
    """uvicorn that says its address once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            sys.stdout.write(f"footprint: listening on {_url(sockets[0])}\n")
            sys.stdout.flush()


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean end."""
    listening = listen(settings.host, settings.port)
    try:
        app = create_app(settings)
        _warn_without_factor(app.state.footprint)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        # uvicorn raises the signal again once it has ended: by then it has done its work.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)
        server = _Server(config)
        server.run(sockets=[listening])
    finally:
        listening.close()
    return 0 if server.started else 1


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


def _warn_without_factor(state: State) -> None:
    """One line where no figure of today can be turned into grams; energy is measured all the same,
    and a factor imported later applies to it."""
    now = state.clock()
    with state.store.read() as connection:
        held = store_factors.all_factors(connection)
    try:
        factors.headline(held, state.settings.zone, paris_date(now), now)
    except factors.FactorError as error:
        zone = state.settings.zone
        sys.stderr.write(f"footprint: warning: --zone {zone}: no grams are shown: {error}\n")
        sys.stderr.flush()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
