"""`/v1/alerts`: alerts of budgets, those that stand and those that are over, and what became of
their messages.

An owner reads those of their projects, and of SIA that are theirs alone. Receivers are not told.
"""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response

from footprint.alert import Told
from footprint.interval import from_us
from footprint.service import answers, callers, described, store_alerts
from footprint.service.budgets_api import own_of
from footprint.service.described import Limit
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.store_alerts import Raised, Sent

router = APIRouter(prefix="/v1", tags=["budgets"])
_decoder = msgspec.json.Decoder(Told)


class MessageInfo(msgspec.Struct, frozen=True):
    """What became of a message: `channel` is mail or webhook; `due` is the hour of its next
    attempt, `said` what hindered the last one."""

    channel: str
    event: str
    made: datetime
    due: datetime
    attempts: int
    sent: datetime | None
    given_up: datetime | None
    said: str


class AlertInfo(msgspec.Struct, frozen=True):
    """An alert. `told`: the figures with which it was raised. `ended`, and by what (`event`:
    cleared, or ended where it is watched no more); None while it stands. `calm`: since when what
    it warns of is so no more."""

    budget: str
    kind: str
    percent: int
    raised: datetime
    calm: datetime | None
    ended: datetime | None
    event: str | None
    told: Told
    messages: list[MessageInfo]


@router.get(
    "/alerts",
    summary="Alerts of budgets",
    responses=described.answers("The newest first", described.listed("AlertInfo")),
)
def list_alerts(
    request: Request, *, standing: bool = False, cursor: str = "", limit: Limit = 100
) -> Response:
    """`standing`: only those that are not over."""
    answers.check_limit(limit)
    before = _read(cursor)
    with state_of(request).store.read() as connection:
        own = own_of(connection, callers.caller_of(request))
        found = store_alerts.alerts(connection, own, before, limit + 1, standing_only=standing)
        items = [_info(one, store_alerts.messages(connection, one)) for one in found]
    last = _cursor(found[limit - 1]) if len(found) > limit else None
    return answers.json_response(answers.page_of(items, limit, last))


def _info(one: Raised, messages: list[Sent]) -> AlertInfo:
    return AlertInfo(
        one.budget,
        one.kind,
        one.percent,
        from_us(one.raised_us),
        from_us(one.calm_us) if one.calm_us and not one.ended_us else None,
        from_us(one.ended_us) if one.ended_us else None,
        one.event or None,
        _decoder.decode(one.content),
        [
            MessageInfo(
                sent.channel,
                sent.event,
                from_us(sent.made_us),
                from_us(sent.due_us),
                sent.attempts,
                from_us(sent.sent_us) if sent.sent_us else None,
                from_us(sent.given_up_us) if sent.given_up_us else None,
                sent.said,
            )
            for sent in messages
        ],
    )


def _cursor(one: Raised) -> str:
    return f"{one.raised_us}:{one.budget}:{one.kind}:{one.percent}"


def _read(cursor: str) -> tuple[int, str, str, int] | None:
    if not cursor:
        return None
    parts = cursor.split(":")
    try:
        raised_us, budget, kind, percent = parts
        found = int(raised_us), budget, kind, int(percent)
    except ValueError:
        found = (-1, "", "", -1)
    if not (0 <= found[0] < 2**63 and 0 <= found[3] < 1000 and "\x00" not in cursor):
        raise Problem(400, "query", "cursor: not one that this list gave")
    return found
