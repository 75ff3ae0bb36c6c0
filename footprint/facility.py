"""What a site adds to the energy of its hosts: which PUE holds where, and what stands in for none.

In: the PUE that a site declares for a day (None: none is known), and the registry's factor for
sites of its zone. Out: `PueUse`, with its state said, and `Terms`: all that turns the energy of a
site over a time into impacts. METHOD.md, "Sites", has the words and worked numbers.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from footprint.applied import ContractUse, FactorUse, Impact, MarketUse, PueUse, WueUse
from footprint.impact import NO_OVERHEAD, emissions_ug, impact, overhead_uj
from footprint.units import micrograms

NO_SITE = ""
"""Where hosts stand of which the register says no site."""
SITE = "site"
"""The subject of the factor that stands in for a PUE nobody declared."""


def unknown(site: str = NO_SITE) -> PueUse:
    """Where neither the site nor the registry says anything: what it adds is in no figure."""
    return PueUse(id=f"pue:@unknown:{site}", site=site or None, state="unknown")


class Terms(msgspec.Struct, frozen=True):
    """What turns a site's energy into impacts over a time in which nothing of it changes. `factor`
    is None where none applies; `others` has those of other impacts of the electricity of `zone`.
    """

    factor: FactorUse | None
    pue: PueUse = unknown()
    others: Mapping[Impact, FactorUse] = {}
    wue: WueUse | None = None
    zone: str = ""
    market: MarketUse | None = None

    def key(self, use: FactorUse | None) -> str:
        """What terms have in common under which a factor makes the same of the same energy."""
        return f"{use.id} {use.provisional} {self.pue.id}" if use else ""

    def market_ug(self, energy_uj: int) -> int | None:
        """Direct CO2 of `energy_uj` of the site's hosts by what is bought; None where the rest of
        it has no residual mix."""
        if self.market is None:
            return None
        return micrograms(energy_uj, self.market.g_per_kwh * Fraction(self.pue_value))

    @property
    def market_key(self) -> str:
        """As `key`, of what is bought."""
        return f"{self.market.id} {self.pue.id}" if self.market else ""

    def impact_key(self, name: Impact) -> str:
        """The same of an impact beside greenhouse gases."""
        if name == "water_site_ul":
            return self.wue.id if self.wue else ""
        return self.key(self.others.get(name))

    def emissions_ug(self, energy_uj: int) -> int | None:
        """Greenhouse gases that `energy_uj` of the site's hosts causes; None where no factor
        applies."""
        return emissions_ug(energy_uj, self.factor, self.pue_value) if self.factor else None

    def overhead_uj(self, energy_uj: int) -> int | None:
        """What the site uses for `energy_uj` of its hosts beside it; None where that is unknown."""
        return None if self.pue.value is None else overhead_uj(energy_uj, self.pue.value)

    def impact(self, energy_uj: int, name: Impact) -> int | None:
        """What `energy_uj` of the site's hosts causes of impact `name`; None where that is not
        available."""
        if name == "water_site_ul":
            return impact(energy_uj, name, self.wue.value) if self.wue else None
        use = self.others.get(name)
        return impact(energy_uj, name, use.value, self.pue_value) if use else None

    @property
    def pue_value(self) -> Decimal:
        """By what the energy of hosts is multiplied; 1 where nothing is known, which `pue` says."""
        return NO_OVERHEAD if self.pue.value is None else self.pue.value


Valid = tuple[date | None, date | None]
"""Paris days [from, to) over which something is declared."""


def declared(
    site: str,
    value: Decimal,
    document: str,
    category: int | None,
    valid: Valid,
) -> PueUse:
    """A PUE that a site declares."""
    first, last = _days(valid)
    return PueUse(
        id=f"pue:{site}:{first or ''}",
        site=site,
        state="declared",
        value=value,
        category=category,
        source=document,
        valid_from=first,
        valid_to=last,
    )


def declared_wue(
    site: str, value: Decimal, document: str, category: int | None, valid: Valid
) -> WueUse:
    """A WUE that a site declares."""
    first, last = _days(valid)
    return WueUse(f"wue:{site}:{first or ''}", site, value, category, document, first, last)


WHOLE = 1000
"""Permille of a site's electricity."""


def contract(
    site: str, permille: int, g_per_kwh: Decimal, document: str, valid: Valid
) -> ContractUse:
    """A contract that a site declares; several may hold at once, told apart by their documents."""
    first, last = _days(valid)
    name = f"contract:{site}:{first or ''}:{permille}@{g_per_kwh}:{document}"
    return ContractUse(name, site, permille, g_per_kwh, document, first, last)


def market(contracts: Sequence[ContractUse], residual: FactorUse | None) -> MarketUse | None:
    """What is bought where and while these contracts hold: the rest is of the residual mix; None
    where there is a rest and no residual mix is known."""
    rest = WHOLE - sum(one.permille for one in contracts)
    if not rest:
        return MarketUse([*contracts], 0, None)
    return MarketUse([*contracts], rest, residual) if residual else None


def _days(valid: Valid) -> tuple[str | None, str | None]:
    first, last = (day.isoformat() if day else None for day in valid)
    return first, last


def assumed(site: str, use: FactorUse | None) -> PueUse:
    """What stands in for the PUE that `site` (`NO_SITE`: hosts of none) does not declare: the
    registry's own for sites of its zone, with its range; where it has none, unknown."""
    if use is None:
        return unknown(site)
    low, high = spread(use)
    return PueUse(
        id=f"{use.id}:{site}" if site else use.id,
        site=site or None,
        state="assumed",
        value=use.value,
        low=max(low, NO_OVERHEAD) if low is not None else None,
        high=high,
        source=use.source,
        valid_from=use.valid_from,
        valid_to=use.valid_to,
        provisional=use.provisional,
    )


def spread(use: FactorUse) -> tuple[Decimal | None, Decimal | None]:
    """The least (never below zero) and the most that a factor may be by what its source says;
    None: it does not."""
    if use.low is not None or use.uncertainty_percent is None:
        return use.low, use.high
    off = use.value * use.uncertainty_percent / 100
    return max(use.value - off, Decimal(0)), use.value + off
