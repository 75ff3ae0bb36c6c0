"""`/` and `/static`: the first page and its style sheet; `/method`: the method in words."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from footprint.portal.render import overview_html
from footprint.service import callers, html, overviews, rollups
from footprint.service.state import state_of

router = APIRouter(tags=["pages for people"], include_in_schema=False)


@router.get("/")
def home(request: Request, lang: str | None = None) -> Response:
    """The first page, French by default; an owner's is that of their projects."""
    if callers.own_of(request) is not None:
        return RedirectResponse("/account", 303)
    state = state_of(request)
    chosen = html.language(request, lang)
    with rollups.figures(state.store) as connection:
        overview = overviews.overview(connection, state.settings.zone, state.clock())
    return html.page(overview_html(overview, chosen).encode(), chosen)


@router.get("/method")
def method() -> Response:
    """METHOD.md as it is written."""
    text = files("footprint").joinpath("METHOD.md").read_text(encoding="utf-8")
    headers = {**html.NO_SNIFF, "Content-Language": "en"}
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)
