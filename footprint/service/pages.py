"""`POST /v1/pages`: the one way a joule enters the service.

In: `ledger.Batch` of pages of energy. Out: the heads held afterwards, or a problem that carries
them too.
"""

from fastapi import APIRouter, Request, Response

from footprint.service import batches
from footprint.service.kinds import ENERGY
from footprint.service.state import state_of

router = APIRouter(prefix="/v1", tags=["pages"])


@router.post(
    "/pages",
    openapi_extra=batches.openapi("Batch"),
    summary="Take a batch of pages in, exactly once",
)
async def post_pages(request: Request) -> Response:
    """Read, verify, store; every problem carries `heads`."""
    outcome, answer = await batches.post(request, ENERGY)
    state_of(request).tally.count_energy(of.page for of in outcome.pages())
    return answer
