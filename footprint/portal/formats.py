"""Figures, instants and text of others as people read them, by the customs of a locale.

In: integers of the ledger (microjoules, microwatts, micrograms, microseconds), instants, strings
nobody vetted. Out: text. A column of a table shares one `Scale`, so that its figures compare.
"""

import unicodedata
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import msgspec
from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal

from footprint import units
from footprint.interval import PARIS, paris_date, paris_month
from footprint.portal.languages import LOCALE_OF

NARROW_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"
MOST_DECIMALS = 3
MOST_PLACES = 9
LARGEST_READABLE = 1_000_000


class Family(msgspec.Struct, frozen=True):
    """Units of one quantity, small to large: symbol, and power of ten from the base unit."""

    base: Callable[[int], Decimal]
    units: tuple[tuple[str, int], ...]


def _kwh(energy_uj: int) -> Decimal:
    """Kilowatt-hours to 15 places: one microjoule (2.8e-13 kWh) is not nothing."""
    return units.kwh(energy_uj, 15)


ENERGY = Family(_kwh, (("mWh", 6), ("Wh", 3), ("kWh", 0), ("MWh", -3), ("GWh", -6)))
POWER = Family(units.watts, (("mW", 3), ("W", 0), ("kW", -3), ("MW", -6)))
WATER = Family(units.litres, (("mL", 3), ("L", 0), ("m³", -3)))
SMALL_MASS = Family(units.grams_of_picograms, (("µg", 6), ("mg", 3), ("g", 0), ("kg", -3)))
MASS = Family(units.grams, (("mg", 3), ("g", 0), ("kg", -3), ("t", -6)))


class Scale(msgspec.Struct, frozen=True):
    """One unit and one number of decimals, for a whole column."""

    family: Family
    symbol: str
    shift: int
    decimals: int

    def value(self, raw: int) -> Decimal:
        """`raw` in this scale's unit, not rounded."""
        return self.family.base(raw).scaleb(self.shift)


def scale(family: Family, raws: Iterable[int | None]) -> Scale:
    """The scale in which all of `raws` can be read: unknown ones and zeros ask for nothing.

    The largest decides the unit; a smaller unit is taken where the smallest would vanish behind
    three decimals and the largest still has no more than six digits before them.
    """
    amounts = sorted(family.base(raw) for raw in raws if raw)
    smallest, largest = (amounts[0], amounts[-1]) if amounts else (Decimal(0), Decimal(0))
    place = _unit_of(family, largest)
    while place and smallest.scaleb(family.units[place][1]) < Decimal("0.001"):
        if largest.scaleb(family.units[place - 1][1]) >= LARGEST_READABLE:
            break
        place -= 1
    symbol, shift = family.units[place]
    wanted = (2 - largest.scaleb(shift).adjusted(), -smallest.scaleb(shift).adjusted())
    decimals = min(MOST_DECIMALS, max(0, *wanted)) if amounts else 0
    return Scale(family, symbol, shift, decimals)


def _unit_of(family: Family, amount: Decimal) -> int:
    place = 0
    while place + 1 < len(family.units) and amount.scaleb(family.units[place + 1][1]) >= 1:
        place += 1
    return place


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def plain(text: str) -> str:
    """`text` with every character shown that would otherwise act unseen (controls, direction
    marks, line separators), as `[U+202E]`: a name must not rewrite the page around it."""
    return "".join(
        f"[U+{ord(char):04X}]" if unicodedata.category(char) in _HIDDEN else char for char in text
    )


class Formats:
    """The customs of one language."""

    energy, power, mass = ENERGY, POWER, MASS
    water, small_mass = WATER, SMALL_MASS
    scale = staticmethod(scale)
    plain = staticmethod(plain)

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.locale = Locale.parse(LOCALE_OF[lang])
        self.space = NARROW_SPACE if lang == "fr" else NO_BREAK_SPACE

    def decimal(self, value: Decimal, decimals: int) -> str:
        """`value` with exactly `decimals` decimals; what would show as zero is `< 0.001`,
        below zero `> -0.001`."""
        step = Decimal(1).scaleb(-decimals)
        if 0 < abs(value) <= step / 2:  # half a step rounds to an even zero
            sign, edge = ("<", step) if value > 0 else (">", -step)
            return f"{sign}{self.space}{self._fixed(edge, decimals)}"
        return self._fixed(value.quantize(step, ROUND_HALF_EVEN), decimals)

    def _fixed(self, value: Decimal, decimals: int) -> str:
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, pattern, self.locale)

    def integer(self, value: int) -> str:
        """A count."""
        return self._fixed(Decimal(value), 0)

    def exact(self, value: Decimal) -> str:
        """A published value with all its decimals."""
        places = max(0, -int(value.as_tuple().exponent))
        if places > MOST_PLACES:
            digits = value.scaleb(-value.adjusted())
            power = str(value.adjusted()).translate(_RAISED)
            return f"{self.exact(digits)}{self.space}×{self.space}10{power}"
        return self._fixed(value, places)

    def significant(self, value: Decimal, digits: int = 3) -> str:
        """A value, small or large, with that many digits that say something."""
        if not value:
            return self.integer(0)
        return self._fixed(value, min(MOST_PLACES, max(0, digits - 1 - value.adjusted())))

    def amount(self, raw: int, column: Scale) -> str:
        """A figure without its unit, as a column headed by the unit shows it."""
        return self.decimal(column.value(raw), column.decimals)

    def with_unit(self, raw: int, column: Scale, suffix: str = "") -> str:
        """A figure with its unit; `suffix` follows the unit (such as CO2e)."""
        return f"{self.amount(raw, column)}{self.space}{column.symbol}{suffix}"

    def ratio(self, part: Decimal) -> str:
        """A ratio in percent, rounded down to a tenth: 100 % means all of it."""
        percent = (part * 100).quantize(Decimal("0.1"), ROUND_DOWN)
        if not percent and part:
            return f"<{self.space}{self._percent(Decimal('0.1'))}"
        return self._percent(percent)

    def percent(self, whole: int) -> str:
        """A whole number of percent."""
        return self._percent(Decimal(whole))

    def percent_of(self, part: int, whole: int) -> str:
        """Part of a whole in percent, rounded down to a tenth; more than the whole is more."""
        return self.ratio(Decimal(part) / whole)

    def permille(self, part: int) -> str:
        """A whole number of permille, in percent."""
        return self.ratio(Decimal(part) / 1000)

    def share(self, part_uj: int, whole_uj: int) -> str:
        """Part of a whole in percent to the nearest tenth; 0 % and 100 % mean none and all."""
        percent = (Decimal(100 * part_uj) / whole_uj).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
        if not percent and part_uj:
            return f"<{self.space}{self._percent(Decimal('0.1'))}"
        if percent == 100 and part_uj != whole_uj:
            return f">{self.space}{self._percent(Decimal('99.9'))}"
        return self._percent(percent)

    def signed_share(self, difference: int, before: int) -> str:
        """A difference in percent of what was before, to the nearest tenth, with its sign."""
        percent = (Decimal(100 * difference) / before).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
        if not percent:
            return self._percent(Decimal(0))
        sign = "+" if percent > 0 else "\N{MINUS SIGN}"
        return f"{sign}{self._percent(abs(percent))}"

    def _percent(self, percent: Decimal) -> str:
        text = self._fixed(percent, 0 if percent == percent.to_integral_value() else 1)
        return f"{text}{self.space}%" if self.lang == "fr" else f"{text}%"

    def day(self, day: date) -> str:
        """A calendar day in full."""
        text = format_date(day, "long", locale=self.locale)
        return f"1er{text[1:]}" if self.lang == "fr" and day.day == 1 else text

    def day_or_text(self, text: str) -> str:
        """A date of a table of factors: in full where it is a day, else as it was written."""
        day = _day(text)
        return self.day(day) if day else plain(text)

    def last_day(self, text: str) -> str:
        """The last day before the exclusive end `text` (YYYY-MM-DD)."""
        day = _day(text)
        return self.day(day - timedelta(days=1)) if day and day > date.min else plain(text)

    def duration(self, microseconds: int) -> str:
        """A duration in its two largest units, hours, minutes or seconds (SI symbols)."""
        seconds = microseconds // 1_000_000
        if not seconds and microseconds:
            return f"<{self.space}1{self.space}s"
        sizes = (("s", 60), ("min", 60), ("h", seconds + 1))
        parts = []
        for symbol, size in sizes:
            seconds, rest = divmod(seconds, size)
            if rest:
                parts.append(f"{self.integer(rest)}{self.space}{symbol}")
        return " ".join(reversed(parts[-2:])) or f"0{self.space}s"

    def month(self, month: str) -> str:
        """A month `YYYY-MM` in words."""
        first = paris_date(paris_month(month).start)
        return format_skeleton("yMMMM", first, locale=self.locale)

    def clock(self, instant: datetime) -> str:
        """Hour and minute in Paris, with seconds where it is not a whole minute."""
        pattern = "HH:mm:ss" if instant.second else "HH:mm"
        return format_time(_paris(instant), pattern, tzinfo=None, locale=self.locale)

    def paris_day(self, instant: datetime) -> str:
        """The day in Paris that `instant` falls on."""
        return self.day(_paris(instant).date())

    def offset(self, instant: datetime) -> str:
        """How far Paris is ahead of UTC at `instant`, such as UTC+1."""
        offset = _paris(instant).utcoffset() or timedelta(0)
        return f"UTC+{offset // timedelta(hours=1)}"

    def unit(self, unit: str) -> str:
        """A factor's unit as it is written by hand: `gCO2e/kWh` becomes `g CO₂e/kWh`."""
        return plain(unit).replace("gCO2", f"g{self.space}CO2").replace("CO2", "CO₂")

    def territory(self, zone: str) -> str:
        """A country's name where `zone` is its code, else the zone as it is."""
        return self.locale.territories.get(zone) or plain(zone)


def _paris(instant: datetime) -> datetime:
    """`instant` in Paris; in UTC where the calendar ends before Paris's offset can be added."""
    try:
        return instant.astimezone(PARIS)
    except OverflowError:
        return instant


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not an instant
    except ValueError:
        return None
