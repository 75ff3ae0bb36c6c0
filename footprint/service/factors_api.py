"""`GET /v1/factors`: every factor held: source, dates, the instant it was known from."""

from fastapi import APIRouter, Request, Response

from footprint.service import answers, described, store_factors
from footprint.service.state import state_of

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get(
    "/factors",
    summary="Every factor held",
    responses=described.answers("All at once", described.listed("Factor")),
)
def list_factors(
    request: Request, indicator: str | None = None, zone: str | None = None
) -> Response:
    """Factors, of one indicator or zone where asked for; few enough for one answer."""
    with state_of(request).store.read() as connection:
        found = [
            {"id": factor.id} | {name: getattr(factor, name) for name in factor.__struct_fields__}
            for factor in store_factors.all_factors(connection)
            if indicator in (None, factor.indicator) and zone in (None, factor.zone)
        ]
    return answers.json_response({"items": found, "next": None})
