"""Which factor applies: dated, sourced, known from an instant on; never of mixed bases.

In: the factors held (`factor_table` reads them from a table). Out: `FactorUse`, the factor with
everything needed to dispute it. METHOD.md, "Emissions", has the words.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import msgspec

from footprint.applied import FactorUse
from footprint.interval import Interval, paris_midnight

Method = Literal["location", "market"]
METHODS = ("location", "market")
INDICATORS = ("gwp", "adpe", "water", "primary_energy", "pue")
UNITS = {
    "adpe": "kgSbeq/kWh",
    "water": "L/kWh",
    "primary_energy": "MJ/kWh",
    "pue": "kWh/kWh",
}
"""The one unit that a factor of each indicator but gwp may have; of `pue`: what a site uses over
what its IT uses (ISO/IEC 30134-2)."""
HARDWARE = "hardware/"
"""How subjects begin that are parts of hardware: what making one of them causes."""
UNITS_OF_HARDWARE = {
    "gwp": "kgCO2e/part",
    "adpe": "kgSbeq/part",
    "primary_energy": "MJ/part",
}
LEAST_PUE, MOST_PUE = Decimal(1), Decimal(10)
"""A site uses at least what its IT does; beyond ten, a unit or comma is wrong."""
ELECTRICITY = "electricity"
"""What most factors are of: a kilowatt-hour of a zone's mix. Of a technology of it:
`electricity/nuclear` and so on."""
Resolution = Literal["year", "month", "day", "hour", "quarter-hour"]
RESOLUTIONS = ("year", "month", "day", "hour", "quarter-hour")
HEADLINE = ("gwp", "location")
HEADLINE_BASIS = "life-cycle, consumption mix"
"""What a regulatory balance of emissions must use in France (ADEME, BEGES: "mix de consommation -
moyen"). Direct factors are about half of it: the two are never mixed."""
RESIDUAL_BASIS = "direct CO2, residual mix"
"""What stands, by what is bought, for electricity of which nobody holds a guarantee of origin."""
GWP_UNIT = "gCO2e/kWh"
DIRECT_UNIT = "gCO2/kWh"
"""Of direct factors alone: carbon dioxide, without the other gases."""
LARGEST = Decimal(100_000)
SMALLEST = Decimal("1e-20")
"""A factor beyond these is a mistake: the dirtiest electricity emits some 1200 g/kWh, the smallest
factor shipped is 5e-8."""


class FactorError(LookupError):
    """No factor applies, or a table of factors cannot be used; the message says what to do."""


class Factor(msgspec.Struct, frozen=True):
    """A factor as published: `value` in `unit` of `subject` over Paris days [valid_from, valid_to).

    Its uncertainty is `uncertainty_percent` either way, or lies from `low` to `high`, or is not
    stated (all three None). `parts` are what the source says that the value is made of, in its
    unit; `resolution` is the time over which the source takes the mean.
    """

    indicator: str
    zone: str
    value: Decimal
    unit: str
    valid_from: date
    valid_to: date | None
    basis: str
    method: Method
    uncertainty_percent: Decimal | None
    source: str
    published: str
    known_from: datetime
    subject: str = ELECTRICITY
    low: Decimal | None = None
    high: Decimal | None = None
    resolution: Resolution = "year"
    licence: str = ""
    parts: dict[str, Decimal] = {}

    @property
    def id(self) -> str:
        """The name under which figures cite it."""
        basis = self.basis.partition(",")[0]
        of = "" if self.subject == ELECTRICITY else f"{self.subject}:{basis}:"
        return f"{self.indicator}:{of}{self.zone}:{self.method}:{self.valid_from}:{self.published}"

    @property
    def validity(self) -> tuple[str, str, str, str, date, str]:
        """What a later word on the same thing has in common with it."""
        return (
            self.indicator,
            self.subject,
            self.zone,
            self.method,
            self.valid_from,
            self.basis,
        )


def flaw(factor: Factor) -> str:
    """Why a factor cannot be applied, with column and remedy; empty where it can."""
    for column in ("value", "uncertainty_percent", "low", "high"):
        number = getattr(factor, column)
        if number is not None and not _plausible(number):
            return f"{column} {number} is not 0 or between {SMALLEST} and {LARGEST}; check its unit"
    return _spread_flaw(factor) or _parts_flaw(factor) or _unit_flaw(factor)


def _unit_flaw(factor: Factor) -> str:
    if factor.subject.startswith(HARDWARE):
        return _hardware_flaw(factor)
    if (unit := UNITS.get(factor.indicator)) and factor.unit != unit:
        return f"unit {factor.unit!r} cannot be applied to {factor.indicator}; write {unit}"
    if factor.indicator == "pue":
        return _pue_flaw(factor)
    if factor.indicator != "gwp" or factor.unit == GWP_UNIT:
        return ""
    if factor.unit == DIRECT_UNIT and factor.basis.startswith("direct"):
        return ""
    return (
        f"unit {factor.unit!r} cannot be applied to gwp; write the value in {GWP_UNIT} "
        f"({DIRECT_UNIT} only where basis begins with direct)"
    )


def _hardware_flaw(factor: Factor) -> str:
    wanted = UNITS_OF_HARDWARE.get(factor.indicator)
    if wanted is None:
        allowed = ", ".join(UNITS_OF_HARDWARE)
        return f"indicator {factor.indicator} is not told of hardware; write one of {allowed}"
    return "" if factor.unit == wanted else f"unit {factor.unit!r} is not {wanted}"


def _pue_flaw(factor: Factor) -> str:
    for column, number in (("value", factor.value), ("low", factor.low), ("high", factor.high)):
        if number is not None and not LEAST_PUE <= number <= MOST_PUE:
            return f"{column} {number} is no PUE, which is from {LEAST_PUE} to {MOST_PUE}"
    return ""


def _spread_flaw(factor: Factor) -> str:
    if (factor.low is None) != (factor.high is None):
        return "low and high go together; give both, or uncertainty_percent"
    if factor.low is None or factor.high is None:
        return ""
    if factor.uncertainty_percent is not None:
        return "uncertainty_percent stands beside low and high; give one of them"
    if not factor.low <= factor.value <= factor.high:
        return f"value {factor.value} is not between low {factor.low} and high {factor.high}"
    return ""


def _parts_flaw(factor: Factor) -> str:
    """The parts of a published value add up to it but for its own rounding and theirs."""
    if not factor.parts:
        return ""
    total = sum(factor.parts.values(), Decimal(0))
    rounded = [_last_digit(number) for number in (factor.value, *factor.parts.values())]
    if abs(total - factor.value) > sum(rounded, Decimal(0)) / 2:
        return f"parts add up to {total}, and value is {factor.value}"
    return ""


def _last_digit(number: Decimal) -> Decimal:
    return Decimal(1).scaleb(int(number.as_tuple().exponent))


def _plausible(number: Decimal) -> bool:
    return number.is_finite() and (number == 0 or SMALLEST <= number <= LARGEST)


def applicable(
    factors: Iterable[Factor],
    indicator: str,
    zone: str,
    method: Method,
    on: date,
    *,
    as_of: datetime,
    basis: str | None = None,
    subject: str = ELECTRICITY,
) -> FactorUse:
    """The factor for a Paris day `on`, as known at `as_of`.

    The one valid on that day, of several the one whose validity began last, and of these the one
    known last; else the newest before it, else the oldest, `provisional` until the day's own is
    published. Only factors whose basis begins with `basis` count (for the headline
    indicator: life-cycle, consumption mix). Raises FactorError where the zone has none.
    """
    if basis is None:
        basis = HEADLINE_BASIS if (indicator, method) == HEADLINE else ""
    of = (indicator, subject, zone, method)
    known = _known(factors, of, basis=basis, as_of=as_of)
    if not known:
        raise FactorError(lacking(zone, indicator, method, basis))
    valid = [f for f in known if f.valid_from <= on and (f.valid_to is None or on < f.valid_to)]
    if valid:
        return use(max(valid, key=_newest), provisional=False)
    before = [f for f in known if f.valid_from <= on]
    chosen = max(before, key=_newest) if before else min(known, key=_newest)
    return use(chosen, provisional=True)


def lacking(
    zone: str,
    indicator: str = HEADLINE[0],
    method: str = HEADLINE[1],
    basis: str = HEADLINE_BASIS,
) -> str:
    """What to say of a zone without a factor (of the headline indicator): which, and the remedy."""
    return (
        f"no {indicator} factor for zone {zone} ({method}{', ' + basis if basis else ''}): "
        'import one with: footprint import factors FILE.csv (README, "Factors")'
    )


def _known(
    factors: Iterable[Factor], of: tuple[str, str, str, str], *, basis: str, as_of: datetime
) -> list[Factor]:
    """The latest word on each validity, as known at `as_of`."""
    latest: dict[tuple[date, str], Factor] = {}
    for factor in sorted(factors, key=lambda factor: factor.known_from):
        if (
            factor.validity[:4] == of
            and factor.basis.startswith(basis)
            and factor.known_from <= as_of
        ):
            latest[factor.valid_from, factor.basis] = factor
    return list(latest.values())


def _newest(factor: Factor) -> tuple[date, datetime, str]:
    return factor.valid_from, factor.known_from, factor.published


def use(factor: Factor, *, provisional: bool) -> FactorUse:
    """The factor as it is applied and cited."""
    return FactorUse(
        id=factor.id,
        indicator=factor.indicator,
        zone=factor.zone,
        value=factor.value,
        unit=factor.unit,
        valid_from=factor.valid_from.isoformat(),
        valid_to=factor.valid_to.isoformat() if factor.valid_to else None,
        basis=factor.basis,
        method=factor.method,
        uncertainty_percent=factor.uncertainty_percent,
        source=factor.source,
        published=factor.published,
        provisional=provisional,
        subject=factor.subject,
        low=factor.low,
        high=factor.high,
        resolution=factor.resolution,
        licence=factor.licence,
        parts=factor.parts,
    )


def headline(factors: Iterable[Factor], zone: str, on: date, as_of: datetime) -> FactorUse:
    """The factor of every headline figure: gwp, by location, life-cycle, consumption mix."""
    return applicable(factors, "gwp", zone, "location", on, as_of=as_of)


def cut_at(interval: Interval, days: Iterable[date]) -> list[Interval]:
    """`interval` cut at the Paris midnights that begin `days`."""
    midnights = {paris_midnight(day) for day in days}
    inner = sorted(at for at in midnights if interval.start < at < interval.end)
    edges = [interval.start, *inner, interval.end]
    return [Interval(start, end) for start, end in pairwise(edges)]
