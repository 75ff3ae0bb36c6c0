"""Batches of pages over HTTP, whatever the pages hold: read, verified, stored, answered.

In: `ledger.Batch` as JSON, at most 32 MiB. Out: the heads held afterwards, or a problem that
carries them too. Sending the same pages again is success and changes nothing.
"""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from footprint import ledger
from footprint.service import body, envelopes, ingest
from footprint.service.kinds import Kind
from footprint.service.problems import MEDIA_TYPE, Problem
from footprint.service.state import State, state_of
from footprint.service.store_chains import P

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


def openapi(schema: str) -> dict[str, Any]:
    """What OpenAPI says of a route that takes a batch whose pages `schema` describes."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        },
        "responses": _RESPONSES,
    }


_RESPONSES = {
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
}


async def post(request: Request, take_in: Callable[[State, bytes], Receipt]) -> Response:
    """Read a batch and hand it over; every problem carries `heads`."""
    state = state_of(request)
    try:
        raw = await body.read(request, state.settings)
        answer = await run_in_threadpool(take_in, state, raw)
    except Problem as problem:
        problem.members.setdefault("heads", [])
        _count_refusal(state, problem)
        raise
    return Response(msgspec.json.encode(answer), media_type="application/json")


def take(state: State, kind: Kind[P], raw: bytes) -> ingest.Outcome[P]:
    """Verify and store the batch in `raw`; a `Problem` where nothing of it was stored."""
    keys: set[ingest.Key] = set()
    try:
        sheets = ingest.open_batch(_decode(raw, keys), keys)
        with state.store.write() as connection:
            outcome = ingest.take(connection, kind, sheets, state.clock())
    except Problem as problem:
        with state.store.read() as connection:
            problem.members["heads"] = ingest.heads(connection, kind, sorted(keys))
        raise
    _account(state, kind, outcome)
    return outcome


def _decode(raw: bytes, keys: set[ingest.Key]) -> ledger.Batch:
    """The batch, else why not: a page that does not have its declared hash before broken JSON."""
    try:
        return body.decode(raw, _decoder)
    except Problem:
        torn = envelopes.cut(raw)
        if torn:
            ingest.open_batch(ledger.Batch(torn), keys)
        raise


def _account(state: State, kind: Kind[P], outcome: ingest.Outcome[P]) -> None:
    """Count and log what is stored by now."""
    quarantined = [taken for taken in outcome.taken if taken.page is None]
    for taken in quarantined:
        head = taken.sheet.head
        _log.error(
            "%s %d of ledger %s, host %s is quarantined: %s",
            kind.name,
            head.seq,
            head.ledger_id,
            head.host_id,
            taken.reason,
        )
    state.tally.count_pages("accepted", len(outcome.taken) - len(quarantined))
    state.tally.count_pages("duplicate", outcome.duplicates)
    state.tally.count_pages("quarantined", len(quarantined))


def receipt(outcome: ingest.Outcome[P]) -> Receipt:
    """The answer to a batch that was taken in."""
    quarantined = sum(taken.page is None for taken in outcome.taken)
    accepted = len(outcome.taken) - quarantined
    return Receipt(outcome.heads, accepted, outcome.duplicates, quarantined)


def _count_refusal(state: State, problem: Problem) -> None:
    conflict = problem.kind in ("page-conflict", "chain-broken")
    state.tally.count_pages("conflict" if conflict else "refused", 1)
    # A hole is how a sender learns that the service was restored: nothing is wrong.
    if problem.status == 409 and problem.kind != "chain-hole":
        _log.error("%s: %s", problem.kind, problem.detail)
