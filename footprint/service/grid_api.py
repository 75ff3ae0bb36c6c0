"""`GET /v1/grid/{day}`: what a kilowatt-hour emitted in each quarter-hour of a day, for anyone."""

import re
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from footprint.grid.day import grid_day
from footprint.interval import check_day, paris_day, to_us
from footprint.service import answers, described, store_factors, store_grid
from footprint.service.problems import Problem
from footprint.service.state import state_of

router = APIRouter(prefix="/v1", tags=["figures"])
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Day = Annotated[
    str,
    Path(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-02-01"]}),
]


@router.get(
    "/grid/{day}",
    summary="The grid's intensity by quarter-hour",
    responses=described.answers("The day's quarter-hours, in order", "GridDay"),
)
def get_day(request: Request, day: Day, zone: str | None = None) -> Response:
    """A day `YYYY-MM-DD` (Europe/Paris) of a zone's grid (the service's own unless another is
    asked for): direct and life-cycle intensity, as known now."""
    state = state_of(request)
    try:
        if not _DAY.fullmatch(day):
            raise ValueError
        asked = check_day(date.fromisoformat(day))
    except ValueError:
        raise Problem(400, "query", f"day: {day[:40]!r} is not a day; write YYYY-MM-DD") from None
    of, interval, now = zone or state.settings.zone, paris_day(asked), state.clock()
    span = (to_us(interval.start), to_us(interval.end))
    with state.store.read() as connection:
        held = store_grid.held_quarters(connection, of, span, to_us(now))
        known = store_factors.all_factors(connection, of)
    return answers.json_response(grid_day(of, asked, held, known, now))
