"""`POST /v1/enrolments`, `POST /v1/tokens/rotate`: how a host comes by its token, and by the next.

In: a one-time code, or the token in use. Out: a token, told once. Whoever has no right one learns
neither whether it existed nor what was wrong with it.
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from footprint.interval import to_us
from footprint.ledger import Code
from footprint.service import access, answers, body, callers
from footprint.service.described import OF_WRITING, problem, response_of
from footprint.service.problems import Problem
from footprint.service.state import State, state_of

router = APIRouter(prefix="/v1", tags=["access"])
LIMIT_BYTES = 4096


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host gives for its token: the operator's code, its own code, and a digest of what its
    hardware is."""

    code: Annotated[str, msgspec.Meta(max_length=200)]
    host_id: Code
    fingerprint: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32,64}\Z")]


class Issued(msgspec.Struct, frozen=True):
    """A token, told this once, and the host that it is bound to."""

    token: str
    host_id: str


class Mine(msgspec.Struct, frozen=True):
    """The public part of a valid token, and the host that it is bound to."""

    token_id: str
    host_id: str


_decoder = msgspec.json.Decoder(Enrolment)
_ISSUED = {
    "201": response_of("The token, told this once", "Issued", "application/json"),
    "401": response_of("The code or token is wrong, used, expired or revoked", "Problem"),
    "403": response_of("Not a host's token, or another site's page asks", "Problem"),
    "429": response_of("Too many requests; `Retry-After` says when to try again", "Problem"),
}
_MINE = {
    "200": response_of("The token is valid", "Mine", "application/json"),
    **{status: _ISSUED[status] for status in ("401", "403", "429")},
}


_ENROLLED = {
    **{str(status): problem(status) for status in OF_WRITING},
    **_ISSUED,
    "409": response_of("The host is known: it needs a code of its own", "Problem"),
}
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Enrolment"}}},
}


@router.post(
    "/enrolments",
    status_code=201,
    openapi_extra={"requestBody": _BODY, "responses": _ENROLLED},
    summary="Exchange a one-time code for a host's token",
)
async def post_enrolment(request: Request) -> Response:
    """The code is the right to ask; it is used up."""
    state = state_of(request)
    asked = body.decode(await body.read(request, state, LIMIT_BYTES), _decoder)
    try:
        issued = await run_in_threadpool(_enrol, state, asked)
    except access.Refused as refused:
        raise await run_in_threadpool(_refuse, request, asked, refused) from None
    return _answer(issued)


def _enrol(state: State, asked: Enrolment) -> Issued:
    with state.store.write() as connection:
        made, code_id = access.enrol(
            connection, asked.code, asked.host_id, asked.fingerprint, to_us(state.clock())
        )
        state.audit.record(connection, code_id, f"enrol as {made.id}", asked.host_id)
    return Issued(made.text, asked.host_id)


def _refuse(request: Request, asked: Enrolment, refused: access.Refused) -> Problem:
    state = state_of(request)
    if refused.actor != "nobody":  # of guesses there is no end: they are counted
        state.audit.refused(refused.actor, "enrol", asked.host_id, refused.reason)
    if refused.kind == "known-host":
        return Problem(
            409,
            "known-host",
            f"host {asked.host_id} has pages or had a token: ask for a code of its own "
            "(footprint access code --host)",
        )
    return callers.refusal(
        request, state, "the code is wrong, used, expired or another host's; ask for another"
    )


@router.post(
    "/tokens/rotate",
    status_code=201,
    openapi_extra={"responses": _ISSUED},
    summary="The next token of the host whose token this is",
)
async def post_rotation(request: Request) -> Response:
    """The old one is revoked when the new one is first used."""
    state = state_of(request)
    caller = callers.caller_of(request)
    if caller.host_id is None:
        raise Problem(403, "forbidden", "only a host's token is replaced like this")
    issued = await run_in_threadpool(_rotate, state, caller, caller.host_id)
    if issued is None:
        raise callers.refusal(request, state, "the token was revoked meanwhile")
    return _answer(issued)


@router.get(
    "/tokens/mine",
    openapi_extra={"responses": _MINE},
    summary="The host whose token this is; a new token is in use from then on",
)
async def get_mine(request: Request) -> Response:
    """For a host that has just kept its token; the host's older ones are revoked."""
    caller = callers.caller_of(request)
    if caller.host_id is None:
        raise Problem(403, "forbidden", "only a host's token is one's own")
    response = answers.json_response(Mine(caller.id, caller.host_id))
    response.headers["Cache-Control"] = "no-store"
    return response


def _rotate(state: State, caller: callers.Caller, host_id: str) -> Issued | None:
    with state.store.write() as connection:
        made = access.rotate(connection, caller.id, to_us(state.clock()))
        if made is None:
            return None
        state.audit.record(connection, caller.id, f"rotate to {made.id}", host_id)
    return Issued(made.text, host_id)


def _answer(issued: Issued) -> Response:
    response = answers.json_response(issued, 201)
    response.headers["Cache-Control"] = "no-store"
    return response
