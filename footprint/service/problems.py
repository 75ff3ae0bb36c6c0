"""Every error a client sees, in one shape: RFC 9457 problem details.

    Problem                     status  type (urn:footprint:problem:...)
    |- bad request              400     malformed, query
    |- unauthorized             401     unauthorized
    |- forbidden                403     other-site, other-host, forbidden
    |- misdirected              421     misdirected
    |- not found                404     not-found
    |- timeout                  408     timeout
    |- conflict                 409     hash-mismatch, page-conflict, chain-hole, chain-broken,
    |                                   known-host
    |- too large                413     too-large
    |- media type               415     media-type
    |- changed meanwhile        412     changed
    |- unprocessable            422     unprocessable
    |- condition                428     condition
    |- too many                 429     too-many
    `- ours                     500/503 internal, unavailable, busy

`title` is constant for a type; `detail` says what, where and the remedy; no traceback leaves.
"""

import logging
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from footprint.service import damage
from footprint.service.errors import one_line
from footprint.service.place import Place

MEDIA_TYPE = "application/problem+json"
ACCEPTED_CODING = "zstd"
TITLES = {
    "malformed": "The body cannot be decoded",
    "query": "A parameter cannot be used",
    "unauthorized": "A token is needed",
    "other-site": "Another site's page asks",
    "other-host": "The pages are another host's",
    "forbidden": "This token may not do that",
    "known-host": "The host is known already",
    "too-many": "Too many requests",
    "busy": "The service serves as many as it may",
    "misdirected": "This is not the service of that host",
    "not-found": "There is nothing here",
    "method": "This method is not allowed here",
    "timeout": "The request took too long",
    "hash-mismatch": "A page's bytes do not have the hash declared",
    "page-conflict": "Another page is held under this number",
    "chain-hole": "Pages are missing before this one",
    "chain-broken": "A page does not follow from the page held before it",
    "too-large": "The body is too large",
    "media-type": "The body is neither JSON nor JSON in zstd",
    "changed": "It was changed meanwhile",
    "condition": "A condition is needed",
    "unprocessable": "The content cannot be used",
    "internal": "The service failed",
    "unavailable": "The service is not ready",
    "http": "The request cannot be served",
}
_TYPE_OF_STATUS = {404: "not-found", 405: "method"}
RETRY_SECONDS = 5
_log = logging.getLogger("footprint")


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """What to answer instead of the resource. `members` are further members of the body; of them
    `retry_after_seconds` goes into the header too."""

    def __init__(self, status: int, kind: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.members = members

    def response(self) -> Response:
        """The problem as a response."""
        body = {
            "type": f"urn:footprint:problem:{self.kind}",
            "title": TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.status == 503 or "retry_after_seconds" in self.members:
            seconds = self.members.get("retry_after_seconds", RETRY_SECONDS)
            headers["Retry-After"] = str(seconds)
        if self.status == 415:
            headers["Accept-Encoding"] = ACCEPTED_CODING
        return Response(msgspec.json.encode(body), self.status, headers, MEDIA_TYPE)


def install(app: FastAPI, database: Place) -> None:
    """Make every error of `app` a problem; `database` is named where it fails."""

    async def internal(request: Request, error: Exception) -> Response:
        return _internal(request, error, database)

    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, internal)
    # Starlette raises again what only the handler above took, and the server logs it in full; a
    # damaged database would fill the log with one traceback a request.
    for unreadable in damage.OF_SQLITE:
        app.add_exception_handler(unreadable, internal)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return error.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    kind = _TYPE_OF_STATUS.get(error.status_code, "http")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    response = Problem(error.status_code, kind, detail).response()
    response.headers.update(error.headers or {})
    return response


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first = error.errors()[0]
    where = " ".join(str(step) for step in first["loc"])
    return Problem(400, "query", f"{where}: {first['msg']}").response()


def _internal(request: Request, error: Exception, database: Place) -> Response:
    path = one_line(request.url.path)
    cause = damage.explain(database, error)
    _log.error("footprint: %s %s failed: %s", request.method, path, cause)
    if damage.is_passing(error):
        return Problem(503, "unavailable", "the database cannot be used now; send again").response()
    return Problem(
        500, "internal", "the service's log has the cause; nothing was stored"
    ).response()
