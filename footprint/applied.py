"""What was applied to energy, as figures cite it: factors, and what sites add.

In: nothing. Out: plain structs with everything that is needed to dispute a figure (law 5).
"""

from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec


class FactorUse(msgspec.Struct, frozen=True):
    """A factor as it was applied: everything needed to dispute it (`factors.Factor`)."""

    id: str
    indicator: str
    zone: str
    value: Decimal
    unit: str
    valid_from: str
    valid_to: str | None
    basis: str
    method: str
    uncertainty_percent: Decimal | None
    source: str
    published: str
    provisional: bool
    subject: str = "electricity"
    low: Decimal | None = None
    high: Decimal | None = None
    resolution: str = "year"
    licence: str = ""
    parts: dict[str, Decimal] = {}


Impact = Literal["primary_energy_uj", "water_grid_ul", "water_site_ul", "adpe_pg"]
"""What energy causes beside greenhouse gases, with its unit: primary energy in microjoules, water
that generating it and that the site itself uses in microlitres, abiotic depletion in picograms of
antimony equivalent."""


View = Literal["market", "hourly_direct", "hourly_life_cycle"]
"""Other views of the greenhouse gases of electricity than the headline's, never added to it nor to
each other: by what is bought (GHG Protocol, scope 2, market-based; direct CO2), and by what was
generated in each quarter-hour, direct and over the life cycle."""


Measure = Literal["energy_uj", "site_energy_uj", "emissions_ug", Impact, View]
"""What a figure says: energy of hosts, the same with what sites use, and what it causes."""


class Viewed(msgspec.Struct, frozen=True):
    """What so much of a figure's energy emits in a view, in micrograms; of the rest it is not
    known."""

    emissions_ug: int
    energy_uj: int


class GridUse(msgspec.Struct, frozen=True):
    """What is known of a zone's grid over the time of the figures: quarter-hours by how final the
    operator says they are (real-time, consolidated, definitive); `generation_sha256` stands for
    what they were told to have generated."""

    zone: str
    quarters: dict[str, int]
    generation_sha256: str = ""


class ContractUse(msgspec.Struct, frozen=True):
    """A contract as it was applied: permille of a site's electricity at grams of direct CO2 for
    each kilowatt-hour, with its document."""

    id: str
    site: str
    permille: int
    g_per_kwh: Decimal
    source: str
    valid_from: str | None
    valid_to: str | None


class MarketUse(msgspec.Struct, frozen=True):
    """What a site's kilowatt-hour emits by what is bought for it: contracts, and for the
    `residual_permille` that none covers the residual mix of its zone (None: none is needed)."""

    contracts: list[ContractUse]
    residual_permille: int
    residual: FactorUse | None

    @property
    def id(self) -> str:
        """The same where and when the same is bought."""
        residual = [f"{self.residual.id}@{self.residual_permille}"] if self.residual else []
        return " ".join([*(one.id for one in self.contracts), *residual])

    @property
    def g_per_kwh(self) -> Fraction:
        """The mean, exact."""
        parts = [one.permille * Fraction(one.g_per_kwh) for one in self.contracts]
        if self.residual:
            parts.append(self.residual_permille * Fraction(self.residual.value))
        return sum(parts, Fraction(0)) / 1000


class WueUse(msgspec.Struct, frozen=True):
    """A water usage effectiveness as a site declares it, with its document: litres for each
    kilowatt-hour of its IT."""

    id: str
    site: str
    value: Decimal
    category: int | None
    source: str
    valid_from: str | None
    valid_to: str | None


class PueUse(msgspec.Struct, frozen=True):
    """A power usage effectiveness as it was applied to the energy of a site (None: of hosts of no
    site): declared by the site with a document, `assumed` where it declares none, or unknown: then
    what the site adds is in no figure. `low` and `high` are the range that an assumption implies;
    it is `provisional` where its factor is that of another year.
    """

    id: str
    site: str | None
    state: Literal["declared", "assumed", "unknown"]
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    category: int | None = None
    source: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    provisional: bool = False


class ImpactUse(msgspec.Struct, frozen=True):
    """What an impact or a view rests on: the ids of its factors, WUE or contracts; and for what
    they lack, so that it is not available (zones; sites, "" for hosts of none). `includes`: what a
    view of greenhouse gases counts (combustion, upstream; imports and losses are in none)."""

    impact: Impact | View
    factors: list[str]
    without_zones: list[str]
    without_sites: list[str]
    includes: list[str] = []
