"""`/v1/closings`: months that are closed; `/v1/publications`: those that everybody may read.

A month is closed and published once, by `PUT`; again, it stays as it is. What is published never
changes: its `ETag` is its hash.
"""

from typing import Literal, NoReturn

import msgspec
from fastapi import APIRouter, Request, Response

from footprint import __version__, published_file
from footprint.portal import publication_pages
from footprint.service import (
    answers,
    callers,
    closing,
    described,
    html,
    publication_csv,
    store_closings,
)
from footprint.service.closing import Work
from footprint.service.described import Month
from footprint.service.formats import MEDIA_TYPES
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.store_closings import Closed
from footprint.service.subjects import ReportError

router = APIRouter(prefix="/v1", tags=["publications"])
CACHED_SECONDS = 3600
Form = Literal["json", "csv", "html"]
_FILE = described.answers(
    "The file, as it was made when the month was closed",
    "Sealed",
    404,
    csv="text/csv",
    html="text/html",
)


class Shown(msgspec.Struct, frozen=True):
    """As what a file is shown: language and `alone` matter to HTML only."""

    form: Form
    lang: str
    alone: bool


class PublishedInfo(msgspec.Struct, frozen=True):
    """A published month: its number among closed months, the hash of its file, and since when
    everybody may read it."""

    month: str
    number: int
    hash: str
    published: str


@router.get(
    "/closings",
    summary="The months that are closed",
    responses=described.answers("In the order of closing", described.listed("Closed")),
)
def list_closings(request: Request) -> Response:
    """All of them."""
    with state_of(request).store.read() as connection:
        found = store_closings.months(connection)
    return answers.json_response(answers.page_of(found, len(found), None))


@router.get("/closings/{month}", summary="A closed month, published or not", responses=_FILE)
def get_closing(
    request: Request,
    month: Month,
    *,
    format: Form = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
    alone: bool = False,
) -> Response:
    """Its file. `alone`: as HTML, one file to keep, with its style inside."""
    with state_of(request).store.read() as connection:
        closed = store_closings.of(connection, month)
        if closed is None:
            raise _unknown(month)
        content = store_closings.file(connection, month)
    return _file(content, closed, Shown(format, html.language(request, lang), alone))


@router.get(
    "/closings/{month}/preview",
    summary="What a month would be closed with now",
    responses=described.answers("Nothing is stored", "Publication", 404, 422),
)
def get_preview(request: Request, month: Month) -> Response:
    """Of any month that has begun, closed or not."""
    try:
        made = closing.preview(_work(request), month)
    except ReportError as error:
        _refuse(error)
    return answers.json_response(made.publication)


@router.put(
    "/closings/{month}",
    summary="Close a month that has ended",
    responses=described.answers("As it is closed", "Closed", 401, 403, 422),
)
def put_closing(request: Request, month: Month) -> Response:
    """Nothing is needed in the body. What was closed stays as it is."""
    try:
        return answers.json_response(closing.close(_work(request), month))
    except ReportError as error:
        _refuse(error)


@router.get(
    "/publications",
    summary="The months that everybody may read",
    responses=described.answers(
        "The newest first", described.listed("PublishedInfo"), html="text/html"
    ),
)
def list_publications(
    request: Request,
    *,
    format: Literal["json", "html"] = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
) -> Response:
    """All of them."""
    with state_of(request).store.read() as connection:
        months = store_closings.months(connection)
    found = [
        PublishedInfo(one.month, one.number, one.hash, one.published.isoformat())
        for one in sorted(months, key=lambda one: one.month, reverse=True)
        if one.published is not None
    ]
    if format == "html":
        language = html.language(request, lang)
        named = [(one.month, one.number) for one in found]
        return html.page(publication_pages.publications_html(named, language).encode(), language)
    return answers.json_response(answers.page_of(found, len(found), None))


@router.get(
    "/publications/{month}",
    summary="A published month",
    responses=_FILE | {304: {"description": "It is the one of `If-None-Match`"}},
)
def get_publication(
    request: Request,
    month: Month,
    *,
    format: Form = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
    alone: bool = False,
) -> Response:
    """Its file, which `footprint verify` checks. It may be kept by whoever passes it on. `alone`:
    as HTML, one file to keep, with its style inside."""
    shown = Shown(format, html.language(request, lang), alone)
    with state_of(request).store.read() as connection:
        closed = store_closings.of(connection, month)
        if closed is None or closed.published is None:
            raise Problem(404, "not-found", f"publications: {month!r} is not published")
        if request.headers.get("if-none-match") == _etag(closed, shown):
            return _public(Response(status_code=304), closed, shown)
        content = store_closings.file(connection, month)
    return _public(_file(content, closed, shown), closed, shown)


@router.put(
    "/publications/{month}",
    summary="Publish a month that is closed",
    responses=described.answers("As it is published", "Closed", 401, 403, 404, 422),
)
def put_publication(request: Request, month: Month) -> Response:
    """Nothing is needed in the body. What is published stays published."""
    try:
        return answers.json_response(closing.publish(_work(request), month))
    except ReportError as error:
        _refuse(error)


def _work(request: Request) -> Work:
    state, caller = state_of(request), callers.caller_of(request)
    return Work(
        state.store,
        state.clock,
        state.settings.zone,
        caller.id,
        lambda connection, action, closed: state.audit.record(
            connection, caller.id, action, after=closed
        ),
    )


def _file(content: bytes, closed: Closed, shown: Shown) -> Response:
    if shown.form == "html":
        file = published_file.decoded(content)
        made = publication_pages.publication_html(file, shown.lang, alone=shown.alone).encode()
        return (html.file if shown.alone else html.page)(made, shown.lang)
    name = f"footprint-{closed.month}-{closed.number}.{shown.form}"
    headers = {**html.NO_SNIFF, "Content-Disposition": f'inline; filename="{name}"'}
    if shown.form == "csv":
        content = publication_csv.publication_csv(published_file.decoded(content)).encode()
    return Response(content, media_type=MEDIA_TYPES[shown.form], headers=headers)


def _public(response: Response, closed: Closed, shown: Shown) -> Response:
    response.headers["ETag"] = _etag(closed, shown)
    response.headers["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
    return response


def _etag(closed: Closed, shown: Shown) -> str:
    """Of the file its hash; of what is made of it the version too that made it."""
    made = f"-{shown.form}-{shown.lang}-{int(shown.alone)}-{__version__}"
    return f'"{closed.hash}{made if shown.form != "json" else ""}"'


def _unknown(month: str) -> Problem:
    return Problem(404, "not-found", f"closings: {month!r} is not closed")


def _refuse(error: ReportError) -> NoReturn:
    status, kind = (404, "not-found") if error.unknown else (422, "unprocessable")
    raise Problem(status, kind, str(error)) from error
