"""The demonstration's tables: aligned plain text, redrawn in place on a terminal.

In: what the service's API says of now, and what the drivers counted. Out: lines of text.
"""

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TextIO

UNKNOWN = "-"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right; the first row is the
    header and has a rule below it."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return lines


def joules(energy_uj: int) -> str:
    """Joules with two decimals."""
    return f"{Decimal(energy_uj) / 1_000_000:,.2f}"


def watts(power_uw: int | None) -> str:
    """Watts with two decimals, `-` where unknown."""
    return UNKNOWN if power_uw is None else f"{Decimal(power_uw) / 1_000_000:.2f}"


def grams(mass_ug: int | None) -> str:
    """Grams with six decimals, `-` where no factor applies."""
    return UNKNOWN if mass_ug is None else f"{Decimal(mass_ug) / 1_000_000:.6f}"


def live(overview: dict[str, Any], counts: dict[str, dict[str, Any]]) -> list[str]:
    """The live table: a line per consumer, the SIA with what they have done, then the sum."""
    rows = [["consumer", "W now", "J", "g CO2e", "quality", "requests", "tokens in", "tokens out"]]
    for line in sorted(overview["consumers"], key=_sia_first):
        rows.append(
            [
                line["consumer"] + (f" ({line['name']})" if line["name"] else ""),
                watts(line["power_uw"]),
                joules(line["today"]["energy_uj"]),
                grams(line["today"]["emissions_ug"]),
                quality(line["today"]),
                *work(counts.get(line["consumer"])),
            ]
        )
    total = overview["total"]
    amounts = [joules(total["energy_uj"]), grams(total["emissions_ug"])]
    rows.append(["sum", "", *amounts, quality(total), *work(None)])
    return aligned(rows)


def quality(figure: dict[str, Any]) -> str:
    """How the energy is known (`modelled`, `counter`), and `provisional` where its factor is."""
    known = "+".join(sorted(figure["quality_uj"]))
    return known + ", provisional" if figure["provisional"] else known


def _sia_first(line: dict[str, Any]) -> tuple[bool, str]:
    return line["kind"] != "sia", line["consumer"]


def work(counts: dict[str, Any] | None) -> list[str]:
    """Requests, tokens in, tokens out; blank for who takes no requests."""
    if counts is None:
        return ["", "", ""]
    return [f"{sum(counts[name]):,}" for name in ("requests", "tokens_in", "tokens_out")]


class Screen:
    """Where tables are shown: drawn over the last one on a terminal, else one after the other."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream, self._drawn = stream, 0
        self.redraws = stream.isatty()
        self.every_s = 1 if self.redraws else 10

    def draw(self, lines: Sequence[str]) -> None:
        """Show a table in the last one's place."""
        if self.redraws and self._drawn:
            self._stream.write(f"\x1b[{self._drawn}A\x1b[J")
        elif not self.redraws:
            self._stream.write("\n")
        self._stream.write("\n".join(lines) + "\n")
        self._stream.flush()
        self._drawn = len(lines)

    def keep(self) -> None:
        """What was drawn last stays; the next table comes below."""
        self._drawn = 0
