"""The composition root of the service: everything is made and wired here, in one function."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from footprint import __version__
from footprint.portal.render import STATIC_DIRECTORY
from footprint.service import (
    accounts_api,
    alerts_api,
    budgets_api,
    callers,
    closings_api,
    efficiency_api,
    enrolments,
    factors_api,
    grid_api,
    health,
    home,
    hosts_api,
    ledgers,
    metrics_api,
    openapi,
    pages,
    portfolio_api,
    problems,
    registry,
    roles,
    sign_in,
    statements,
    trends_api,
    usage_api,
)
from footprint.service.audit import Audit
from footprint.service.clock import Clock, utc_now
from footprint.service.errors import SettingError
from footprint.service.housekeeping import Housekeeper
from footprint.service.intake import Intake
from footprint.service.limits import OfTokens
from footprint.service.month_cache import MonthCache
from footprint.service.persons import Persons
from footprint.service.rollups import Refresher
from footprint.service.sending import Courier
from footprint.service.settings import Settings
from footprint.service.state import State
from footprint.service.store import open_store
from footprint.service.tally import Tally
from footprint.service.watching import Watcher

if TYPE_CHECKING:
    from footprint.service.oidc import Provider

ROUTERS = (
    pages.router,
    usage_api.router,
    ledgers.router,
    registry.router,
    enrolments.router,
    factors_api.router,
    grid_api.router,
    statements.router,
    portfolio_api.router,
    trends_api.router,
    budgets_api.router,
    closings_api.router,
    alerts_api.router,
    hosts_api.router,
    efficiency_api.router,
    metrics_api.router,
    health.router,
    home.router,
    accounts_api.router,
    sign_in.router,
)


def create_app(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """The service on the database of `settings`, migrated. Raises StoreError."""
    store = open_store(settings.database, create=True, migrate=True, now=clock())

    intake = Intake(store, clock)
    refresher = Refresher(store)
    housekeeper = Housekeeper(store, settings, clock)
    months = MonthCache()
    watcher = Watcher(store, settings, clock, months)
    courier = Courier(store, settings, clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        intake.start()
        refresher.start()
        housekeeper.start()
        watcher.start()
        courier.start()
        yield
        intake.stop()
        watcher.stop()
        courier.stop()
        housekeeper.stop()
        refresher.stop()
        store.close()

    # The interactive documentation would load scripts from elsewhere; /openapi.json stays.
    app = FastAPI(
        title="footprint",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    limits = OfTokens(settings, monotonic)
    audit = Audit(store, clock, settings.audit_days)
    app.state.footprint = State(
        settings,
        store,
        intake,
        clock,
        Tally(),
        months,
        limits,
        audit,
        Persons(store),
        _provider(settings),
        watcher,
        courier,
    )
    problems.install(app, settings.database)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(callers.admit)])
    app.mount("/static", StaticFiles(directory=STATIC_DIRECTORY), name="static")
    sign_in.install(app)
    openapi.install(app)
    roles.check(route for router in ROUTERS for route in router.routes)
    return app


def _provider(settings: Settings) -> "Provider | None":
    """Where people sign in. Raises SettingError where the extra is not installed."""
    if settings.provider is None:
        return None
    try:
        from footprint.service.oidc import Provider  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SettingError(
            f"--oidc-issuer: {error.name} is missing: pip install 'footprint[oidc]'"
        ) from None
    return Provider(settings.provider)
