"""A month's figures beside those of earlier months, as they were closed.

In: `Figures`, and the publications of the month before and of the same month a year before (None:
not closed). Out: the same figures with `Comparisons`. Only what has exactly the same members is
compared.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from footprint.publication import Amount, Compared, Comparisons, Group, Publication, Unit
from footprint.publication_figures import Figures

Named = TypeVar("Named", Group, Unit)


class Earlier(msgspec.Struct, frozen=True):
    """The publications that a month is compared with."""

    month_before: Publication | None = None
    year_before: Publication | None = None

    def of(self, now: Amount, found: Callable[[Publication], Amount | None]) -> Comparisons:
        """An amount beside what `found` finds in them."""

        def beside(one: Publication | None) -> Compared | None:
            return None if one is None else _compared(one.month, found(one), now)

        return Comparisons(beside(self.month_before), beside(self.year_before))


def with_comparisons(figures: Figures, earlier: Earlier) -> tuple[Figures, Comparisons]:
    """The figures, and the comparisons of their total."""

    def beside(one: Named, of: Callable[[Publication], Sequence[Group | Unit]]) -> Named:
        compared = earlier.of(one.told.amount, lambda held: _by(of(held), one.id))
        return msgspec.structs.replace(one, compared=compared)

    compared = earlier.of(figures.total.amount, lambda held: held.total.amount)
    return msgspec.structs.replace(
        figures,
        directorates=[beside(one, lambda held: held.directorates) for one in figures.directorates],
        projects=[beside(one, lambda held: held.projects) for one in figures.projects],
        units=[beside(one, lambda held: held.units) for one in figures.units],
    ), compared


def _by(groups: Sequence[Group | Unit], id_: str) -> Amount | None:
    return next((one.told.amount for one in groups if one.id == id_), None)


def _compared(month: str, was: Amount | None, now: Amount) -> Compared | None:
    if was is None:
        return None
    known = was.emissions_ug is not None and now.emissions_ug is not None
    return Compared(
        month,
        was.site_energy_uj,
        was.emissions_ug,
        now.site_energy_uj - was.site_energy_uj,
        (now.emissions_ug or 0) - (was.emissions_ug or 0) if known else None,
    )
