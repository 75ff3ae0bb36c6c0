"""`/v1/ledgers`, `/v1/usage/ledgers`: which pages the service holds, and their bytes, to verify.

A ledger that the service never saw has the head seq -1 with the hash of 64 zeros (200, not 404):
an agent asks this before its first push. A ledger that cannot go on (its file was damaged, or set
back to a backup) is followed by one that takes up where the host's last counted page ended.
"""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from footprint.interval import from_us
from footprint.ledger import hash_bytes
from footprint.service import answers, callers, described
from footprint.service.described import Limit
from footprint.service.kinds import ENERGY, USAGE
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.store_chains import Chains

router = APIRouter(prefix="/v1", tags=["ledgers"])
_NEVER_US = 2**62


class LastPage(msgspec.Struct, frozen=True):
    """The newest of a host's pages that count, in whichever ledger: none later begins."""

    host_id: str
    ledger_id: str
    seq: int
    hash: str
    start: datetime
    end: datetime


_HEADS = described.answers("By host and ledger", described.listed("Head"))
_LAST = described.answers("Where and when it is", "LastPage", 404)
_HEAD = described.answers("Seq -1 where the service never saw the ledger", "Head")
_PAGE = described.answers("As it was hashed; one that is quarantined may be no page", {}, 404)


def _add_routes(path: str, of: str, chains: Chains[Any]) -> None:
    def list_heads(request: Request, cursor: str = "", limit: Limit = 1000) -> Response:
        """Heads by host and ledger; `cursor` is `next` of the answer before."""
        answers.check_limit(limit)
        host_id, _, ledger_id = cursor.partition("/")
        with state_of(request).store.read() as connection:
            heads = chains.heads(connection, (host_id, ledger_id), limit + 1)
        last = heads[:limit][-1] if heads else None
        after = f"{last.host_id}/{last.ledger_id}" if last else None
        return answers.json_response(answers.page_of(heads, limit, after))

    def get_head(request: Request, host_id: str, ledger_id: str) -> Response:
        """The last page held of a ledger; seq -1 where none is."""
        callers.check_host(request, host_id)
        with state_of(request).store.read() as connection:
            return answers.json_response(chains.head(connection, host_id, ledger_id))

    def get_last(request: Request, host_id: str) -> Response:
        """The newest accepted page of a host, of all its ledgers: what it covers is covered."""
        callers.check_host(request, host_id)
        with state_of(request).store.read() as connection:
            last = chains.last_before(connection, host_id, _NEVER_US)
            key = (host_id, last.ledger_id, last.seq) if last else (host_id, "", -1)
            body = chains.page_body(connection, *key)
        if last is None or body is None:
            raise Problem(404, "not-found", f"host {host_id}: no page of it counts here")
        start, end = (from_us(us) for us in last.interval_us)
        return answers.json_response(LastPage(*key, hash_bytes(body), start, end))

    def get_page(request: Request, host_id: str, ledger_id: str, seq: int) -> Response:
        """The bytes as they were hashed: `sha256sum` gives the page's hash."""
        callers.check_host(request, host_id)
        page = None
        if 0 <= seq < 2**53:
            with state_of(request).store.read() as connection:
                page = chains.page_body(connection, host_id, ledger_id, seq)
        if page is None:
            raise Problem(
                404, "not-found", f"page {seq} of ledger {host_id}/{ledger_id} is not held"
            )
        return Response(page, media_type="application/json")

    one = f"{path}/{{host_id}}/{{ledger_id}}"
    for route, endpoint, what, told in (
        (path, list_heads, f"Heads of every ledger of {of} held", _HEADS),
        (f"{path}/{{host_id}}", get_last, f"The last page of {of} of a host that counts", _LAST),
        (one, get_head, f"Head of one ledger of {of}", _HEAD),
        (f"{one}/pages/{{seq}}", get_page, f"Canonical bytes of one page of {of}", _PAGE),
    ):
        name = f"{endpoint.__name__} {of}"
        router.add_api_route(
            route, endpoint, name=name, methods=["GET"], summary=what, responses=told
        )


_add_routes("/ledgers", "energy", ENERGY.chains)
_add_routes("/usage/ledgers", "usage", USAGE.chains)
