"""`GET /v1/statements/{month}` and `GET /v1/overview`: the figures, for machines and people.

The same structs feed JSON, CSV and HTML. A wrong month, project or SIA is a 400 or 404 that says
so; of a zone without any factor greenhouse gases are unknown, and the zone is named.
"""

from typing import Literal

from fastapi import APIRouter, Request, Response

from footprint.service import (
    answers,
    callers,
    described,
    formats,
    html,
    overviews,
    reports,
    rollups,
    scopes,
    subjects,
)
from footprint.service.problems import Problem
from footprint.service.state import State, state_of
from footprint.statement import Statement

router = APIRouter(prefix="/v1", tags=["figures"])


_MADE = described.answers(
    "The statement in the format asked for", "Statement", 404, csv="text/csv", html="text/html"
)


@router.get("/statements/{month}", summary="A month's figures so far", responses=_MADE)
def get_statement(
    request: Request,
    month: described.Month,
    *,
    project: str | None = None,
    sia: str | None = None,
    format: Literal["json", "csv", "html"] = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
    alone: bool = False,
) -> Response:
    """The statement of a month `YYYY-MM` (Europe/Paris): of everything, a project or a SIA.

    `alone`: as HTML, one file to keep, with its style inside.
    """
    language = html.language(request, lang)
    asked = subjects.Asked(month, project, sia)
    statement = made(state_of(request), asked, callers.own_of(request))
    content = formats.render(statement, format, language, alone=alone)
    if format == "html":
        return html.file(content, language) if alone else html.page(content, language)
    return Response(content, media_type=formats.MEDIA_TYPES[format], headers=html.NO_SNIFF)


def made(state: State, asked: subjects.Asked, own: frozenset[str] | None = None) -> Statement:
    """The statement as of now, held to the projects `own`; a `Problem` where it cannot be made."""
    try:
        with rollups.settled(state.store, state.clock) as (connection, now):
            scopes.check(connection, own, asked.project, asked.sia)
            return reports.statement(connection, asked, state.settings.zone, now, rolled=True)
    except subjects.ReportError as error:
        status, kind = (404, "not-found") if error.unknown else (400, "query")
        raise Problem(status, kind, str(error)) from error


@router.get(
    "/overview",
    summary="What is measured now, and since midnight in Paris",
    responses=described.answers("What the first page shows", "Overview"),
)
def get_overview(request: Request) -> Response:
    """The overview that the first page shows."""
    state = state_of(request)
    with rollups.figures(state.store) as connection:
        return answers.json_response(
            overviews.overview(connection, state.settings.zone, state.clock())
        )
