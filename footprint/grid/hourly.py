"""Energy met by the grid of its own quarter-hour: intensities by site, and energy weighed by them.

In: days of the grid (`grid.day`) by zone, the zone of each site, and energy by quarter-hour. Out:
`Weighed`. Energy of a quarter-hour whose intensity is unknown is weighed by none, and not counted
as weighed. METHOD.md, "By quarter-hour".
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import compress
from operator import mul
from typing import Literal, get_args

import msgspec

from footprint.applied import FactorUse, GridUse
from footprint.facility import spread
from footprint.grid.day import GridDay
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, to_us
from footprint.uncertainty import Error, of_range

GridView = Literal["hourly_direct", "hourly_life_cycle"]
GRID_VIEWS: tuple[GridView, ...] = get_args(GridView)
QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000


class Weighed(msgspec.Struct, frozen=True):
    """Energy times intensity (uJ x ug/kWh), summed over quarter-hours, and the energy (uJ) of those
    whose intensity is known."""

    uj_ug_per_kwh: int
    known_uj: int


Seen = Mapping[GridView, Weighed]
"""Energy in each view of the grid; a view in which none of it is known is left out."""


class _Zone(msgspec.Struct, frozen=True):
    """Micrograms per kWh by the start of quarter-hours (us), in each view; of one that is not in it
    none is known."""

    held: Mapping[GridView, Mapping[int, int]]
    factors: list[FactorUse]
    use: GridUse
    errors: Mapping[GridView, list[Error]]


class _Span(msgspec.Struct, frozen=True):
    """The intensities of quarter-hours in a row, zero where none is known; where one is, and
    whether all are."""

    intensities: list[int]
    known: list[bool]
    whole: bool


class Grid:
    """The intensities that hold at each site."""

    def __init__(
        self, days: Mapping[str, Iterable[GridDay]] | None = None, zones: Mapping[str, str] = {}
    ) -> None:
        """`days` of the grid by zone; `zones` of the sites."""
        self._zones = {zone: _zone(zone, [*found]) for zone, found in (days or {}).items()}
        self._zone_of = {site: zone for site, zone in zones.items() if zone in self._zones}
        self._spans: dict[tuple[str, int, int], dict[GridView, _Span]] = {}

    def weigh(self, site: str, start_us: int, profile: Sequence[int]) -> Seen:
        """Energy at a site, quarter-hour by quarter-hour from an instant on."""
        zone = self._zone_of.get(site)
        if zone is None:
            return {}
        seen: dict[GridView, Weighed] = {}
        for view, span in self._span(zone, start_us, len(profile)).items():
            known_uj = sum(profile if span.whole else compress(profile, span.known))
            if known_uj:
                seen[view] = Weighed(sum(map(mul, profile, span.intensities)), known_uj)
        return seen

    def knows(self, interval: Interval) -> bool:
        """Whether anything may be known of a time."""
        start_us, end_us = to_us(interval.start), to_us(interval.end)
        return any(
            max(held) >= start_us and min(held) < end_us
            for zone in self._zones.values()
            for held in zone.held.values()
        )

    def _span(self, zone: str, start_us: int, quarters: int) -> dict[GridView, _Span]:
        key = (zone, start_us, quarters)
        if key not in self._spans:
            starts = range(start_us, start_us + quarters * QUARTER_US, QUARTER_US)
            found = {}
            for view, held in self._zones[zone].held.items():
                known = [at_us in held for at_us in starts]
                if any(known):
                    found[view] = _Span([held.get(at_us, 0) for at_us in starts], known, all(known))
            self._spans[key] = found
        return self._spans[key]

    def errors(self, site: str, view: GridView) -> list[Error]:
        """What the intensities at a site may be off: the spread of each technology's factor, by
        what that technology emits of the whole over all the days that are held."""
        zone = self._zone_of.get(site)
        return [] if zone is None else self._zones[zone].errors[view]

    def factors(self, sites: Iterable[str]) -> dict[GridView, list[FactorUse]]:
        """What the intensities at `sites` rest on, by view."""
        zones = self._used(sites)
        return {
            view: [
                use
                for zone in zones
                for use in zone.factors
                if view in zone.held and use.basis.startswith(_BASIS[view])
            ]
            for view in GRID_VIEWS
        }

    def uses(self, sites: Iterable[str]) -> list[GridUse]:
        """What is known of the grids of `sites`."""
        return [zone.use for zone in self._used(sites)]

    def _used(self, sites: Iterable[str]) -> list[_Zone]:
        names = {self._zone_of[site] for site in sites if site in self._zone_of}
        return [self._zones[name] for name in sorted(names)]


_BASIS: Mapping[GridView, str] = {
    "hourly_direct": "direct",
    "hourly_life_cycle": "life-cycle",
}


def total(parts: Iterable[Seen]) -> Seen:
    """The sum."""
    found: dict[GridView, Weighed] = {}
    for part in parts:
        for view, one in part.items():
            held = found.get(view, Weighed(0, 0))
            found[view] = Weighed(
                held.uj_ug_per_kwh + one.uj_ug_per_kwh, held.known_uj + one.known_uj
            )
    return found


def _zone(name: str, days: Sequence[GridDay]) -> _Zone:
    found: dict[GridView, dict[int, int]] = {view: {} for view in GRID_VIEWS}
    natures: Counter[str] = Counter()
    for day in days:
        for quarter in day.quarters:
            if quarter.nature is not None:
                natures[quarter.nature] += 1
            told: dict[GridView, int | None] = {
                "hourly_direct": quarter.direct_ug_per_kwh,
                "hourly_life_cycle": quarter.life_cycle_ug_per_kwh,
            }
            for view, intensity in told.items():
                if intensity is not None:
                    found[view][to_us(quarter.start)] = intensity
    uses = {(use.id, use.provisional): use for day in days for use in day.factors}
    return _Zone(
        {view: held for view, held in found.items() if held},
        [uses[key] for key in sorted(uses)],
        GridUse(name, dict(sorted(natures.items())), _digest(days)),
        {view: _errors(days, view) for view in GRID_VIEWS},
    )


def _errors(days: Iterable[GridDay], view: GridView) -> list[Error]:
    uses: dict[str, FactorUse] = {}
    emitted: defaultdict[str, Fraction] = defaultdict(Fraction)
    for day in days:
        for use in day.factors:
            if use.basis.startswith(_BASIS[view]):
                technology = use.subject.rpartition("/")[2]
                told = [quarter.generation_mw for quarter in day.quarters]
                generated_mw = sum(
                    mw for one in told for name, mw in one.items() if name == technology and mw
                )
                uses[use.id] = use
                emitted[use.id] += max(0, generated_mw) * Fraction(use.value)
    whole = sum(emitted.values())
    found = []
    for name, use in uses.items():
        own = of_range("factor", name, use.value, spread(use), use.source)
        part = emitted[name] / whole if whole else Fraction(0)
        if part:
            found.append(msgspec.structs.replace(own, down=own.down * part, up=own.up * part))
    return found


def _digest(days: Iterable[GridDay]) -> str:
    """SHA-256 over the start and the generation of each quarter-hour that is known."""
    told = [
        (to_us(quarter.start), quarter.generation_mw)
        for day in days
        for quarter in day.quarters
        if quarter.nature is not None
    ]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()
