"""The service as tests use it: listening on a real port, its clock told; and its whole database."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI

from footprint.ledger import Page
from footprint.service.app import create_app
from footprint.service.server import listen
from footprint.service.settings import Settings
from footprint.usage import UsagePage
from tests.pages import Sealed, batch

JSON = {"Content-Type": "application/json"}


class House:
    """The application on `database`; `now` may be moved."""

    def __init__(self, database: Path, now: datetime, **settings: Any) -> None:
        self.database = database
        self.now = now
        self.app = create_app(Settings(database=database, **settings), lambda: self.now)
        self._listening = listening(self.app)

    def __enter__(self) -> Self:
        self.address = self._listening.__enter__()
        self.client = httpx.Client(base_url=self.address, timeout=60)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self._listening.__exit__(None, None, None)

    def post_each(self, bodies: Iterable[bytes]) -> list[httpx.Response]:
        """Push many bodies without a socket between."""

        async def push() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://[::1]") as client:
                return [
                    await client.post("/v1/pages", content=body, headers=JSON) for body in bodies
                ]

        return asyncio.run(push())

    def post(self, pages: Iterable[Sealed[Page]]) -> httpx.Response:
        """Push pages."""
        return self.post_bytes(batch(pages))

    def post_bytes(self, body: bytes, **headers: str) -> httpx.Response:
        """Push a body as it is."""
        return self.client.post("/v1/pages", content=body, headers=JSON | headers)

    def tell(self, pages: Iterable[Sealed[UsagePage]]) -> httpx.Response:
        """Push usage pages."""
        return self.tell_bytes(batch(pages))

    def tell_bytes(self, body: bytes, **headers: str) -> httpx.Response:
        """Push a body of usage as it is."""
        return self.client.post("/v1/usage", content=body, headers=JSON | headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask."""
        return self.client.get(path, headers=headers)

    def put(self, path: str, content: Any) -> httpx.Response:
        """Register."""
        return self.client.put(path, json=content)

    def content(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        return content(self.database)

    def execute(self, sql: str, *values: Any) -> None:
        """Change the database behind the service's back."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(sql, values)


def content(database: Path) -> dict[str, list[Any]]:
    """Every row of every table of a database file."""
    with closing(sqlite3.connect(database)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names
        }


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The address of `app` on a real port."""
    socket = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        socket.close()
