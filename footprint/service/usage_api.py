"""`POST /v1/usage`: who asked shared servers for what, told by gateways' readers or anything else.

In: `ledger.Batch` of usage pages (`footprint.usage`). Out: as `POST /v1/pages`. A page with the
interval of one that the same ledger told before replaces it, a whole day also one of another
ledger of its host; one that overlaps otherwise is kept and left out.
"""

from fastapi import APIRouter, Request, Response

from footprint.service import batches
from footprint.service.kinds import USAGE

router = APIRouter(prefix="/v1", tags=["usage"])


@router.post(
    "/usage",
    openapi_extra=batches.openapi("UsageBatch"),
    summary="Take a batch of usage pages in, exactly once",
)
async def post_usage(request: Request) -> Response:
    """Read, verify, store; every problem carries `heads`."""
    _, answer = await batches.post(request, USAGE)
    return answer
