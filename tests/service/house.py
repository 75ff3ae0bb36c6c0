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
import psycopg
import uvicorn
from fastapi import FastAPI

from footprint.ledger import Page
from footprint.service import rollups
from footprint.service.app import create_app
from footprint.service.place import Place, Server
from footprint.service.server import configuration, listen
from footprint.service.settings import Settings
from footprint.usage import UsagePage
from tests.pages import Sealed, batch

JSON = {"Content-Type": "application/json"}
KEPT = httpx.Limits(keepalive_expiry=1)
"""An idle connection is given up long before the service closes it, after 5 s as httpx would: a
request sent at that moment would find it closed."""


class House:
    """The application on `database`; `now` may be moved."""

    def __init__(self, database: Place, now: datetime, **settings: Any) -> None:
        self.database = database
        self.now = now
        self.app = create_app(Settings(database=database, **settings), lambda: self.now)
        self._listening = listening(self.app, settings.get("port", 0))

    def __enter__(self) -> Self:
        self.address = self._listening.__enter__()
        self.client = httpx.Client(base_url=self.address, timeout=60, limits=KEPT)
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
        """Every row of every table, once all that has marks is summed: asking does that too."""
        rollups.refresh(self.app.state.footprint.store)
        return content(self.database)

    def copy(self) -> Place:
        """A copy of the database as it is now, as from a backup."""
        if isinstance(self.database, Path):
            copy = self.database.with_name("copy.db")
            self.execute("VACUUM INTO ?", str(copy))
            return copy
        self.app.state.footprint.store.close()  # its idle connections, which would be in the way
        server, _, name = self.database.url.rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
        return Server(f"{server}/{name}_copy")

    def execute(self, sql: str, *values: Any) -> None:
        """Change the database behind the service's back."""
        with connected(self.database) as connection:
            if not isinstance(self.database, Path):
                sql = sql.replace("?", "%s")
            connection.execute(sql, values)
            connection.commit()


@contextmanager
def connected(database: Place) -> Iterator[Any]:
    """The database itself, by its own driver."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as connection:
            yield connection
    else:
        with psycopg.connect(database.url) as served:
            yield served


_TABLES = {
    Path: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
    Server: "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
    "AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname",
}


def content(database: Place) -> dict[str, list[Any]]:
    """Every row of every table of a database."""
    query = _TABLES[Server if isinstance(database, Server) else Path]
    with connected(database) as connection:
        names = [name for (name,) in connection.execute(query).fetchall()]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for name in names
        }


@contextmanager
def listening(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The address of `app` on a real port."""
    socket = listen("127.0.0.1", port)
    server = uvicorn.Server(configuration(app))
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
