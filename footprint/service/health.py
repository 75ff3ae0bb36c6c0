"""`/livez`, `/readyz`, `/version`: for probes and people; no figure is behind them."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DatabaseError

from footprint import METHOD_VERSION, __version__
from footprint.service import answers, described, store_pages
from footprint.service.problems import Problem
from footprint.service.state import state_of

router = APIRouter(tags=["health"])
_TEXT = {"type": "string"}
_WELL = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}}
_VERSIONS = {
    "type": "object",
    "required": ["version", "method"],
    "properties": {"version": _TEXT, "method": _TEXT},
}


@router.get(
    "/livez",
    summary="The process answers",
    responses=described.answers("It does", _WELL),
)
def livez() -> Response:
    """200 as long as the process runs."""
    return answers.json_response({"status": "ok"})


@router.get(
    "/readyz",
    summary="The database answers",
    responses=described.answers("It does", _WELL),
)
def readyz(request: Request) -> Response:
    """200 where the database can be read, else 503."""
    try:
        with state_of(request).store.read() as connection:
            store_pages.CHAINS.heads(connection, limit=1)
    except DatabaseError as error:
        raise Problem(503, "unavailable", "the database cannot be read") from error
    return answers.json_response({"status": "ok"})


@router.get(
    "/version",
    summary="Version of the service and its method",
    responses=described.answers("As released", _VERSIONS),
)
def version() -> Response:
    """Versions of the program and the method."""
    return answers.json_response({"version": __version__, "method": METHOD_VERSION})
