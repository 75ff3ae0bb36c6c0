"""What every route works with; the composition root puts it on the application once."""

import msgspec
from fastapi import Request

from footprint.service.clock import Clock
from footprint.service.month_cache import MonthCache
from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.tally import Tally


class State(msgspec.Struct, frozen=True):
    """Settings, database, clock, counts and the present month of one running service."""

    settings: Settings
    store: Store
    clock: Clock
    tally: Tally
    months: MonthCache


def state_of(request: Request) -> State:
    """The state of the application that serves `request`."""
    state: State = request.app.state.footprint
    return state
