"""What generated the grid's electricity in a quarter-hour, as its operator publishes it.

In: rows of a published file, read by `eco2mix`. Out: `Series`, the quarter-hours by their start,
and what was found in the file on the way.
"""

from typing import Literal

import msgspec

Technology = Literal["fuel_oil", "coal", "gas", "nuclear", "wind", "solar", "hydro", "bioenergy"]
TECHNOLOGIES: tuple[Technology, ...] = (
    "fuel_oil",
    "coal",
    "gas",
    "nuclear",
    "wind",
    "solar",
    "hydro",
    "bioenergy",
)
Nature = Literal["real-time", "consolidated", "definitive"]
NATURES: tuple[Nature, ...] = ("real-time", "consolidated", "definitive")
"""How final a published value is; the later ones stand instead of the earlier ones."""
QUARTER_S = 900
MAX_QUARTERS = 500_000
"""Rows of one file: fourteen years, some hundred megabytes."""


class GridError(ValueError):
    """A file that cannot be read; the message says line, column and the remedy."""


class Quarter(msgspec.Struct, frozen=True):
    """A quarter-hour from `start_s` (seconds since 1970): mean generation in MW by technology, in
    the order of `TECHNOLOGIES` (pumping and exports are not in it), and the direct CO2 rate in
    g/kWh that the operator publishes; None where it says nothing.

    A row of half an hour is two quarters of the same power.
    """

    start_s: int
    nature: Nature
    generation_mw: tuple[int | None, ...]
    published_g_per_kwh: int | None

    @property
    def blank(self) -> bool:
        """Whether nothing is said: a time to come, or a slot that a coarser file leaves out."""
        return self.published_g_per_kwh is None and set(self.generation_mw) == {None}


class Series(msgspec.Struct):
    """Quarter-hours by their start, and how many rows were read, without values (`blank`), the
    same again (`duplicates`), against each other (`conflicts`: neither is kept) and of a time that
    the clock leaps over in spring (`unreal`); `not_known` cells were marked as such."""

    quarters: dict[int, Quarter] = {}
    read: int = 0
    blank: int = 0
    duplicates: int = 0
    conflicts: int = 0
    unreal: int = 0
    not_known: int = 0
    doubtful: set[int] = set()

    def count(self) -> None:
        """A row is read. Raises GridError where there are more than `MAX_QUARTERS`."""
        if self.read >= MAX_QUARTERS:
            raise GridError(f"more than {MAX_QUARTERS:,} rows; import them in parts")
        self.read += 1

    def add(self, quarter: Quarter) -> None:
        """Take a quarter-hour in."""
        held = self.quarters.get(quarter.start_s)
        if quarter.blank:
            self.blank += 1
        elif quarter.start_s in self.doubtful:
            self.conflicts += 1
        elif held is None:
            self.quarters[quarter.start_s] = quarter
        elif held == quarter:
            self.duplicates += 1
        else:
            self.conflicts += 1
            self.doubtful.add(quarter.start_s)
            del self.quarters[quarter.start_s]

    def missing(self) -> int:
        """Quarter-hours between the first and the last of which nothing is said."""
        if not self.quarters:
            return 0
        return (max(self.quarters) - min(self.quarters)) // QUARTER_S + 1 - len(self.quarters)
