"""`GET /v1/factors`: every factor held: source, dates, the instant it was known from."""

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response

from footprint.factors import Factor
from footprint.interval import to_us
from footprint.service import answers, described, store_factors
from footprint.service.described import Limit
from footprint.service.state import state_of

router = APIRouter(prefix="/v1", tags=["figures"])


@router.get(
    "/factors",
    summary="Every factor held",
    responses=described.answers("In a fixed order", described.listed("Factor")),
)
def list_factors(
    request: Request,
    *,
    indicator: str | None = None,
    zone: str | None = None,
    subject: str | None = None,
    cursor: str = "",
    limit: Limit = answers.MOST_ITEMS,
) -> Response:
    """Factors, of one indicator, zone or subject where asked for, each version of each; `cursor` is
    `next` of the answer before."""
    answers.check_limit(limit)
    with state_of(request).store.read() as connection:
        held = store_factors.all_factors(connection, zone)
    asked = sorted(_of(held, indicator=indicator, subject=subject), key=_place)
    asked = [factor for factor in asked if _place(factor) > cursor]
    found = [
        {"id": factor.id} | {name: getattr(factor, name) for name in factor.__struct_fields__}
        for factor in asked[:limit]
    ]
    after = _place(asked[limit - 1]) if len(asked) > limit else None
    return answers.json_response({"items": found, "next": after})


def _of(held: Iterable[Factor], *, indicator: str | None, subject: str | None) -> Iterable[Factor]:
    return (
        factor
        for factor in held
        if indicator in (None, factor.indicator) and subject in (None, factor.subject)
    )


def _place(factor: Factor) -> str:
    """Where a version stands in the list: no two stand at one place."""
    return "|".join([*map(str, factor.validity), f"{to_us(factor.known_from):020}"])
