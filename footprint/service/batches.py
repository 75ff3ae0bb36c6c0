"""Batches of pages over HTTP, whatever the pages hold: read, verified, stored, answered.

In: `ledger.Batch` as JSON, at most 32 MiB, in zstd or not. Out: the heads held afterwards, or a
problem that carries them too. Sending the same pages again is success and changes nothing.
"""

import itertools
import logging
from asyncio import wrap_future
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from footprint import ledger
from footprint.service import body, callers, envelopes, ingest
from footprint.service.callers import Caller
from footprint.service.described import response_of
from footprint.service.kinds import Kind
from footprint.service.problems import Problem
from footprint.service.state import State, state_of
from footprint.service.store_chains import P

AT_ONCE_BYTES = 32 * 1024
"""As much is verified before another request gets its turn: a millisecond."""
_decoder = msgspec.json.Decoder(ledger.Batch)
_log = logging.getLogger("footprint.pages")


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch: the heads of its ledgers now, and its pages by what was done."""

    heads: list[ledger.Head]
    accepted: int
    duplicates: int
    quarantined: int


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
    "200": response_of("Every page is held, now or already", "Receipt", "application/json"),
    "400": response_of("The body is malformed; says at which byte or path", "Problem"),
    "401": response_of("The token is missing or wrong", "Problem"),
    "403": response_of("A page is of another host than the token; nothing was stored", "Problem"),
    "409": response_of(
        "hash-mismatch, page-conflict, chain-hole or chain-broken; nothing of the batch was "
        "stored; `heads` says where to resume",
        "Problem",
    ),
    "408": response_of("The body did not arrive in time", "Problem"),
    "413": response_of("More than 32 MiB, as it came or unpacked", "Problem"),
    "415": response_of("Neither JSON nor JSON with Content-Encoding: zstd", "Problem"),
    "429": response_of("Too many requests; `Retry-After` says when to try again", "Problem"),
    "503": response_of("The service is busy; `Retry-After` says when to try again", "Problem"),
}


async def post(request: Request, kind: Kind[P]) -> tuple[ingest.Outcome[P], Response]:
    """Read a batch, verify and store it; every problem carries `heads`."""
    state = state_of(request)
    try:
        raw = await body.read(request, state)
        outcome = await _take(state, callers.caller_of(request), kind, raw)
    except Problem as problem:
        problem.members.setdefault("heads", [])
        _count_refusal(state, problem)
        raise
    _account(state, kind, outcome)
    answer = msgspec.json.encode(_receipt(outcome))
    return outcome, Response(answer, media_type="application/json")


async def _take(state: State, caller: Caller, kind: Kind[P], raw: bytes) -> ingest.Outcome[P]:
    """What became of the batch in `raw`; a `Problem` where nothing of it was stored."""
    keys: set[ingest.Key] = set()
    try:
        if len(raw) <= AT_ONCE_BYTES:
            sheets = opened(raw, kind, keys)
        else:
            sheets = await run_in_threadpool(opened, raw, kind, keys)
        if caller.host_id is not None:
            told_of = _told_of(sheets)
            if not all(map(caller.may_write, told_of)):
                await run_in_threadpool(callers.refuse_hosts, state, caller, told_of)
        return await wrap_future(state.intake.take(kind, sheets))
    except Problem as problem:
        own = sorted(key for key in keys if caller.may_write(key[0]))
        problem.members["heads"] = await run_in_threadpool(_heads, state, kind, own)
        raise


def opened(raw: bytes, kind: Kind[P], keys: set[ingest.Key]) -> ingest.Sheets[P]:
    """The pages in `raw` with every hash recomputed, their hosts and ledgers in `keys`; a `Problem`
    where one is not what it was declared to be."""
    return ingest.open_batch(_decode(raw, kind, keys), kind, keys)


def _heads(state: State, kind: Kind[P], keys: Sequence[ingest.Key]) -> list[ledger.Head]:
    with state.store.read() as connection:
        return ingest.heads(connection, kind, keys)


def _told_of(sheets: ingest.Sheets[P]) -> set[str]:
    """The hosts whose pages a batch holds, or of whose node energy one of them tells."""
    hosts = {host_id for host_id, _ in sheets}
    for sheet in itertools.chain.from_iterable(sheets.values()):
        if isinstance(sheet.content, ledger.Page):
            hosts.update(*(node.host_ids for node in sheet.content.nodes))
    return hosts


def _decode(raw: bytes, kind: Kind[P], keys: set[ingest.Key]) -> ledger.Batch:
    """The batch, else why not: a page that does not have its declared hash before broken JSON."""
    try:
        return body.decode(raw, _decoder)
    except Problem:
        torn = envelopes.cut(raw)
        if torn:
            ingest.open_batch(ledger.Batch(torn), kind, keys)
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


def _receipt(outcome: ingest.Outcome[P]) -> Receipt:
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
