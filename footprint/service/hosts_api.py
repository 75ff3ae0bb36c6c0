"""`GET /v1/hosts`: a month host by host, so that a figure can be followed to where it was metered.

The sums of all hosts are those of the month's statement before shared servers are divided.
"""

from fastapi import APIRouter, Request, Response

from footprint.interval import paris_month, to_us
from footprint.service import answers, described, store_archived, store_hosts, subjects
from footprint.service.described import AskedMonth, Limit
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.store_facts import Window

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get(
    "/hosts",
    summary="A month's energy and pages, host by host",
    responses=described.answers("In the order of their codes", described.listed("HostMonth")),
)
def list_hosts(
    request: Request, month: AskedMonth, cursor: str = "", limit: Limit = 100
) -> Response:
    """Hosts in the order of their codes, for a month `YYYY-MM` (Europe/Paris); `cursor` is `next`
    of the answer before."""
    answers.check_limit(limit)
    state = state_of(request)
    try:
        interval = paris_month(month)
    except ValueError as error:
        raise Problem(400, "query", str(error)) from error
    with state.store.read() as connection:
        if store_archived.facts(connection, month) is not None:
            raise Problem(400, "query", subjects.left_words(connection, month))
        window = Window(interval, to_us(state.clock()))
        found = store_hosts.months(connection, window, cursor, limit + 1)
    after = found[limit - 1].host_id if len(found) > limit else None
    return answers.json_response(answers.page_of(found, limit, after))
