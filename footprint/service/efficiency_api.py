"""`GET /v1/servers/{code}/efficiency`: a month of one shared server, and of who used it.

The same structs as in the statement: shares with their range, energy and gases by token, request
and unit, joules by load, the gateways' own estimates.
"""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response

from footprint.interval import month_of
from footprint.service import answers, described, statements, subjects
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.statement import SharedServer

router = APIRouter(prefix="/v1", tags=["figures"])


class ServerMonth(msgspec.Struct, frozen=True):
    """A server's part of a month's statement."""

    month: str
    as_of: datetime
    closed: bool
    server: SharedServer


@router.get(
    "/servers/{code}/efficiency",
    summary="What a shared server's energy was for",
    responses=described.answers("Its month", "ServerMonth", 404),
)
def get_efficiency(request: Request, code: described.Code, month: str | None = None) -> Response:
    """The server in the statement of a month `YYYY-MM` (Europe/Paris), by default the present."""
    state = state_of(request)
    asked = subjects.Asked(month or month_of(state.clock()))
    statement = statements.made(state, asked)
    found = next((one for one in statement.servers if one.code == code), None)
    if found is None:
        raise Problem(
            404,
            "not-found",
            f"servers: {code!r} has neither energy nor usage in {statement.month}, or is not "
            "registered as a shared server; see /v1/servers",
        )
    return answers.json_response(
        ServerMonth(statement.month, statement.as_of, statement.closed, found)
    )
