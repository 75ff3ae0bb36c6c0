"""What every route works with; the composition root puts it on the application once."""

from typing import TYPE_CHECKING

import msgspec
from fastapi import Request

from footprint.service.audit import Audit
from footprint.service.clock import Clock
from footprint.service.intake import Intake
from footprint.service.limits import OfTokens
from footprint.service.month_cache import MonthCache
from footprint.service.persons import Persons
from footprint.service.sending import Courier
from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.tally import Tally
from footprint.service.watching import Watcher

if TYPE_CHECKING:
    from footprint.service.oidc import Provider


class State(msgspec.Struct, frozen=True):
    """Settings, database, clock, counts and the present month of one running service; what its
    callers may still ask, the log of what they changed, whether anybody has an account,
    where people sign in, and who looks at budgets and sends what is to be told."""

    settings: Settings
    store: Store
    intake: Intake
    clock: Clock
    tally: Tally
    months: MonthCache
    limits: OfTokens
    audit: Audit
    persons: Persons
    provider: "Provider | None"
    watcher: Watcher
    courier: Courier


def state_of(request: Request) -> State:
    """The state of the application that serves `request`."""
    state: State = request.app.state.footprint
    return state
