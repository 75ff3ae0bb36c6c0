"""`/v1/ledgers`: which pages the service holds, and their bytes, for anybody to verify.

A ledger that the service never saw has the head seq -1 with the hash of 64 zeros (200, not 404):
an agent asks this before its first push.
"""

from fastapi import APIRouter, Request, Response

from footprint.service import answers, store_pages
from footprint.service.problems import Problem
from footprint.service.state import state_of

router = APIRouter(prefix="/v1/ledgers", tags=["ledgers"])


@router.get("", summary="Heads of every ledger held")
def list_heads(request: Request, cursor: str = "", limit: int = 1000) -> Response:
    """Heads by host and ledger; `cursor` is `next` of the answer before."""
    answers.check_limit(limit)
    host_id, _, ledger_id = cursor.partition("/")
    with state_of(request).store.read() as connection:
        heads = store_pages.heads(connection, (host_id, ledger_id), limit + 1)
    last = heads[:limit][-1] if heads else None
    after = f"{last.host_id}/{last.ledger_id}" if last else None
    return answers.json_response(answers.page_of(heads, limit, after))


@router.get("/{host_id}/{ledger_id}", summary="Head of one ledger")
def get_head(request: Request, host_id: str, ledger_id: str) -> Response:
    """The last page held of a ledger; seq -1 where none is."""
    with state_of(request).store.read() as connection:
        return answers.json_response(store_pages.head(connection, host_id, ledger_id))


@router.get("/{host_id}/{ledger_id}/pages/{seq}", summary="Canonical bytes of one page")
def get_page(request: Request, host_id: str, ledger_id: str, seq: int) -> Response:
    """The bytes as they were hashed: `sha256sum` gives the page's hash."""
    page = None
    if 0 <= seq < 2**53:
        with state_of(request).store.read() as connection:
            page = store_pages.page_body(connection, host_id, ledger_id, seq)
    if page is None:
        raise Problem(404, "not-found", f"page {seq} of ledger {host_id}/{ledger_id} is not held")
    return Response(page, media_type="application/json")
