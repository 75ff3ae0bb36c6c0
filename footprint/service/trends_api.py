"""`GET /v1/trend`: months side by side, as stated and at one factor that does not change."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from footprint.service import callers, described, html, rollups, scopes, subjects, trends
from footprint.service.formats import MEDIA_TYPES
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.trend_formats import render

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get(
    "/trend",
    summary="Months side by side, also at a constant factor",
    responses=described.answers(
        "The months in the format asked for", "Trend", 404, csv="text/csv", html="text/html"
    ),
)
def get_trend(
    request: Request,
    *,
    to: described.AskedMonth | None = None,
    months: int = trends.USUAL_MONTHS,
    project: str | None = None,
    sia: str | None = None,
    factor_of: described.AskedMonth | None = None,
    format: Literal["json", "csv", "html"] = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
) -> Response:
    """So many months up to `to` (the present one), of everything, a project or a SIA; at the
    headline factor of the month `factor_of` (the last)."""
    language = html.language(request, lang)
    state = state_of(request)
    asked = trends.Asked(to, months, project, sia, factor_of)
    try:
        with rollups.figures(state.store) as connection:
            scopes.check(connection, callers.own_of(request), project, sia)
            found = trends.trend(
                connection, asked, state.settings.zone, state.clock(), kept=state.months.common
            )
    except subjects.ReportError as error:
        status, kind = (404, "not-found") if error.unknown else (400, "query")
        raise Problem(status, kind, str(error)) from error
    content = render(found, format, language)
    if format == "html":
        return html.page(content, language)
    return Response(content, media_type=MEDIA_TYPES[format], headers=html.NO_SNIFF)
