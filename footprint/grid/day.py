"""A day of the grid: what a kilowatt-hour emitted in each of its quarter-hours, in two views.

In: the quarter-hours held of a Paris day, and the factors of each technology as known at an
instant. Out: `GridDay`. The views are never added up, and their difference says nothing of timing:
one counts what is burnt, the other also what it took before. METHOD.md, "The grid by quarter-hour".
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec

from footprint import factors
from footprint.applied import FactorUse
from footprint.factors import ELECTRICITY, Factor, FactorError
from footprint.grid.intensity import Emitted, intensity_ug_per_kwh
from footprint.grid.quarter import TECHNOLOGIES, Nature, Quarter, Technology
from footprint.interval import paris_day, quarter_hours, to_us

VIEWS = ("direct", "life_cycle")
BASES = {"direct": "direct CO2, combustion", "life_cycle": "life-cycle, generation"}
NEEDED: dict[str, tuple[Technology, ...]] = {
    "direct": ("fuel_oil", "coal", "gas", "bioenergy"),
    "life_cycle": TECHNOLOGIES,
}
"""The technologies whose factors a view needs: the direct one of those that burn something."""
_US = 1_000_000


class GridTime(msgspec.Struct, frozen=True):
    """A quarter-hour: mean generation in MW by technology, the operator's own direct rate in g/kWh,
    and the intensities of both views in micrograms per kWh; None where they are not known."""

    start: datetime
    nature: Nature | None
    generation_mw: dict[Technology, int | None]
    published_g_per_kwh: int | None
    direct_ug_per_kwh: int | None
    life_cycle_ug_per_kwh: int | None


class GridDay(msgspec.Struct, frozen=True):
    """All 92, 96 or 100 quarter-hours of a Paris day, as known at `as_of`. `includes` says what the
    views count, `missing` why one of them has no intensity at all (none: it has)."""

    zone: str
    day: date
    as_of: datetime
    includes: dict[str, list[str]]
    missing: dict[str, str]
    quarters: list[GridTime]
    factors: list[FactorUse]


INCLUDES = {
    "direct": ["combustion"],
    "life_cycle": ["combustion", "upstream"],
}
"""Neither has grid losses or imports in it: it is what the zone generates."""


def grid_day(
    zone: str,
    day: date,
    held: Mapping[int, Quarter],
    known: Iterable[Factor],
    as_of: datetime,
) -> GridDay:
    """The day in both views; `held` are its quarter-hours by their start in seconds."""
    all_factors = [*known]
    missing: dict[str, str] = {}
    used: list[FactorUse] = []
    views: dict[str, Emitted] = {}
    for view in VIEWS:
        try:
            found = {
                technology: factors.applicable(
                    all_factors,
                    "gwp",
                    zone,
                    "location",
                    day,
                    as_of=as_of,
                    basis=BASES[view],
                    subject=f"{ELECTRICITY}/{technology}",
                )
                for technology in NEEDED[view]
            }
        except FactorError as error:
            missing[view] = str(error)
        else:
            used += found.values()
            views[view] = {technology: use.value for technology, use in found.items()}
    return GridDay(
        zone=zone,
        day=day,
        as_of=as_of,
        includes=INCLUDES,
        missing=missing,
        quarters=[
            _time(piece.start, held.get(to_us(piece.start) // _US), views)
            for piece in quarter_hours(paris_day(day))
        ],
        factors=used,
    )


def _time(start: datetime, quarter: Quarter | None, views: Mapping[str, Emitted]) -> GridTime:
    if quarter is None:
        return GridTime(start, None, {}, None, None, None)

    def intensity(view: str) -> int | None:
        emitted = views.get(view)
        return None if emitted is None else intensity_ug_per_kwh(quarter.generation_mw, emitted)

    return GridTime(
        start,
        quarter.nature,
        dict(zip(TECHNOLOGIES, quarter.generation_mw, strict=True)),
        quarter.published_g_per_kwh,
        intensity("direct"),
        intensity("life_cycle"),
    )
