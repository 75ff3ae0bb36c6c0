"""`POST /v1/pages`: the one way a joule enters the service.

In: `ledger.Batch` of pages of energy. Out: the heads held afterwards, or a problem that carries
them too.
"""

from fastapi import APIRouter, Request, Response

from footprint.service import batches
from footprint.service.kinds import ENERGY
from footprint.service.state import State

router = APIRouter(prefix="/v1", tags=["pages"])


@router.post(
    "/pages",
    openapi_extra=batches.openapi("Batch"),
    summary="Take a batch of pages in, exactly once",
)
async def post_pages(request: Request) -> Response:
    """Read, verify, store; every problem carries `heads`."""
    return await batches.post(request, take)


def take(state: State, raw: bytes) -> batches.Receipt:
    """Verify and store the batch in `raw`; a `Problem` where nothing of it was stored."""
    outcome = batches.take(state, ENERGY, raw)
    state.tally.count_energy(outcome.pages())
    return batches.receipt(outcome)
