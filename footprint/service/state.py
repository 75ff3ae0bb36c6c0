"""What every route works with; the composition root puts it on the application once."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from fastapi import Request

from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.tally import Tally

Clock = Callable[[], datetime]
"""The present as an aware UTC instant."""


class State(msgspec.Struct, frozen=True):
    """Settings, database, clock and counts of one running service."""

    settings: Settings
    store: Store
    clock: Clock
    tally: Tally


def state_of(request: Request) -> State:
    """The state of the application that serves `request`."""
    state: State = request.app.state.footprint
    return state
