"""`/v1/ledgers`, `/v1/usage/ledgers`: which pages the service holds, and their bytes, to verify.

A ledger that the service never saw has the head seq -1 with the hash of 64 zeros (200, not 404):
an agent asks this before its first push.
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from footprint.service import answers
from footprint.service.kinds import ENERGY, USAGE
from footprint.service.problems import Problem
from footprint.service.state import state_of
from footprint.service.store_chains import Chains

router = APIRouter(prefix="/v1", tags=["ledgers"])


def _add_routes(path: str, of: str, chains: Chains[Any]) -> None:
    def list_heads(request: Request, cursor: str = "", limit: int = 1000) -> Response:
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
        with state_of(request).store.read() as connection:
            return answers.json_response(chains.head(connection, host_id, ledger_id))

    def get_page(request: Request, host_id: str, ledger_id: str, seq: int) -> Response:
        """The bytes as they were hashed: `sha256sum` gives the page's hash."""
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
    for route, endpoint, what in (
        (path, list_heads, f"Heads of every ledger of {of} held"),
        (one, get_head, f"Head of one ledger of {of}"),
        (f"{one}/pages/{{seq}}", get_page, f"Canonical bytes of one page of {of}"),
    ):
        name = f"{endpoint.__name__} {of}"
        router.add_api_route(route, endpoint, name=name, methods=["GET"], summary=what)


_add_routes("/ledgers", "energy", ENERGY.chains)
_add_routes("/usage/ledgers", "usage", USAGE.chains)
