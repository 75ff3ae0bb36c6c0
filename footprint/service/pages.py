"""`POST /v1/pages`: the one way a joule enters the service.

In: `ledger.Batch` as JSON, at most 32 MiB. Out: the heads held afterwards, or a problem that
carries them too. Sending the same pages again is success and changes nothing.
"""

import logging
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from footprint import ledger
from footprint.service import body, envelopes, ingest
from footprint.service.problems import MEDIA_TYPE, Problem
from footprint.service.state import State, state_of

router = APIRouter(prefix="/v1", tags=["pages"])
_decoder = msgspec.json.Decoder(ledger.Batch)
_log = logging.getLogger("footprint.pages")


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch: the heads of its ledgers now, and its pages by what was done."""

    heads: list[ledger.Head]
    accepted: int
    duplicates: int
    quarantined: int


def _response(description: str, schema: str, media_type: str = MEDIA_TYPE) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {media_type: {"schema": reference}}}


OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
    },
    "responses": {
        "200": _response("Every page is held, now or already", "Receipt", "application/json"),
        "400": _response("The body is malformed; says at which byte or path", "Problem"),
        "401": _response("The token is missing or wrong", "Problem"),
        "409": _response(
            "hash-mismatch, page-conflict, chain-hole or chain-broken; nothing of the batch was "
            "stored; `heads` says where to resume",
            "Problem",
        ),
        "413": _response("More than 32 MiB", "Problem"),
        "415": _response("Not JSON", "Problem"),
    },
}


@router.post("/pages", openapi_extra=OPENAPI, summary="Take a batch of pages in, exactly once")
async def post_pages(request: Request) -> Response:
    """Read, verify, store; every problem carries `heads`."""
    state = state_of(request)
    try:
        raw = await body.read(request, state.settings)
        receipt = await run_in_threadpool(take, state, raw)
    except Problem as problem:
        problem.members.setdefault("heads", [])
        _count_refusal(state, problem)
        raise
    return Response(msgspec.json.encode(receipt), media_type="application/json")


def take(state: State, raw: bytes) -> Receipt:
    """Verify and store the batch in `raw`; a `Problem` where nothing of it was stored."""
    keys: set[ingest.Key] = set()
    try:
        sheets = ingest.open_batch(_decode(raw, keys), keys)
        with state.store.write() as connection:
            outcome = ingest.take(connection, sheets, state.clock())
    except Problem as problem:
        with state.store.read() as connection:
            problem.members["heads"] = ingest.heads(connection, sorted(keys))
        raise
    return _account(state, outcome)


def _decode(raw: bytes, keys: set[ingest.Key]) -> ledger.Batch:
    """The batch, else why not: a page that does not have its declared hash before broken JSON."""
    try:
        return body.decode(raw, _decoder)
    except Problem:
        torn = envelopes.cut(raw)
        if torn:
            ingest.open_batch(ledger.Batch(torn), keys)
        raise


def _account(state: State, outcome: ingest.Outcome) -> Receipt:
    """Count and log what is stored by now."""
    quarantined = [taken for taken in outcome.taken if taken.page is None]
    accepted = len(outcome.taken) - len(quarantined)
    for taken in quarantined:
        head = taken.sheet.head
        _log.error(
            "page %d of ledger %s, host %s is quarantined: %s",
            head.seq,
            head.ledger_id,
            head.host_id,
            taken.reason,
        )
    state.tally.count_pages("accepted", accepted)
    state.tally.count_pages("duplicate", outcome.duplicates)
    state.tally.count_pages("quarantined", len(quarantined))
    state.tally.count_energy(taken.page for taken in outcome.taken if taken.page)
    return Receipt(outcome.heads, accepted, outcome.duplicates, len(quarantined))


def _count_refusal(state: State, problem: Problem) -> None:
    conflict = problem.kind in ("page-conflict", "chain-broken")
    state.tally.count_pages("conflict" if conflict else "refused", 1)
    # A hole is how a sender learns that the service was restored: nothing is wrong.
    if problem.status == 409 and problem.kind != "chain-hole":
        _log.error("%s: %s", problem.kind, problem.detail)
