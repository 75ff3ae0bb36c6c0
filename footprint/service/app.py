"""The composition root of the service: everything is made and wired here, in one function."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from footprint import __version__
from footprint.service import health, ledgers, openapi, pages, problems
from footprint.service.settings import Settings
from footprint.service.state import Clock, State
from footprint.service.store import open_store
from footprint.service.tally import Tally

ROUTERS = (pages.router, ledgers.router, health.router)


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def create_app(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """The service on the database of `settings`, migrated. Raises StoreError."""
    store = open_store(settings.database, create=True, migrate=True)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    # The interactive documentation would load scripts from elsewhere; /openapi.json stays.
    app = FastAPI(
        title="footprint",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.footprint = State(settings, store, clock, Tally())
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    return app
