"""What a site adds to the energy of its hosts: which PUE holds where, and what stands in for none.

In: the PUE that a site declares for a day (None: none is known), and the registry's factor for
sites of its zone. Out: `PueUse`, with its state said, and `Terms`: all that turns the energy of a
site over a time into impacts. METHOD.md, "Sites", has the words and worked numbers.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from footprint import factors
from footprint.applied import FactorUse, PueUse
from footprint.factors import Factor, FactorError
from footprint.impact import NO_OVERHEAD

NO_SITE = ""
"""Where hosts stand of which the register says no site."""
SITE = "site"
"""The subject of the factor that stands in for a PUE nobody declared."""


def unknown(site: str = NO_SITE) -> PueUse:
    """Where neither the site nor the registry says anything: what it adds is in no figure."""
    return PueUse(id=f"pue:unknown:{site}", site=site or None, state="unknown")


class Terms(msgspec.Struct, frozen=True):
    """What turns a site's energy into impacts over a time in which nothing of it changes. `factor`
    is None where none applies."""

    factor: FactorUse | None
    pue: PueUse = unknown()

    @property
    def key(self) -> tuple[str, bool, str]:
        """What energies have in common that are rounded together."""
        factor = self.factor
        return (factor.id, factor.provisional, self.pue.id) if factor else ("", False, self.pue.id)

    @property
    def pue_value(self) -> Decimal:
        """By what the energy of hosts is multiplied; 1 where nothing is known, which `pue` says."""
        return NO_OVERHEAD if self.pue.value is None else self.pue.value


def declared(
    site: str,
    value: Decimal,
    document: str,
    category: int | None,
    valid: tuple[date | None, date | None],
) -> PueUse:
    """A PUE that a site declares, over Paris days [from, to)."""
    valid_from, valid_to = valid
    return PueUse(
        id=f"pue:{site}:{valid_from or ''}",
        site=site,
        state="declared",
        value=value,
        category=category,
        source=document,
        valid_from=valid_from.isoformat() if valid_from else None,
        valid_to=valid_to.isoformat() if valid_to else None,
    )


def assumed(known: Iterable[Factor], site: str, zone: str, on: date, *, as_of: datetime) -> PueUse:
    """What stands in on a Paris day for the PUE that `site` (`NO_SITE`: hosts of none) does not
    declare: the registry's own for sites of the zone, with its range; where it has none, unknown.
    """
    try:
        use = factors.applicable(known, "pue", zone, "location", on, as_of=as_of, subject=SITE)
    except FactorError:
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
    )


def spread(use: FactorUse) -> tuple[Decimal | None, Decimal | None]:
    """The least and the most that a factor may be by what its source says; None: it does not."""
    if use.low is not None or use.uncertainty_percent is None:
        return use.low, use.high
    off = use.value * use.uncertainty_percent / 100
    return use.value - off, use.value + off
