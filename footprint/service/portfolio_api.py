"""`GET /v1/months/{month}`: a month by project, for whoever follows all of them."""

from fastapi import APIRouter, Request, Response

from footprint.service import answers, described, portfolio, rollups, subjects
from footprint.service.problems import Problem
from footprint.service.state import state_of

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get(
    "/months/{month}",
    summary="A month by project",
    responses=described.answers("The month so far", "Portfolio"),
)
def get_month(request: Request, month: described.Month) -> Response:
    """Energies and emissions of every project in a month `YYYY-MM` (Europe/Paris), so far."""
    state = state_of(request)
    try:
        with rollups.figures(state.store) as connection:
            found = portfolio.portfolio(connection, month, state.settings.zone, state.clock())
    except subjects.ReportError as error:
        raise Problem(400, "query", str(error)) from error
    return answers.json_response(found)
