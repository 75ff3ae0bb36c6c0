"""The golden tables of METHOD.md, as rows."""

from collections.abc import Iterator
from pathlib import Path

import footprint

METHOD = Path(footprint.__file__).with_name("METHOD.md").read_text(encoding="utf-8")
Row = dict[str, str]
HOUR_US = 3_600_000_000


def golden(name: str) -> list[Row]:
    """The rows of the table marked `name`, by its column headings."""
    _, mark, rest = METHOD.partition(f"<!-- golden: {name} -->\n")
    assert mark, f"METHOD.md has no golden table {name}"
    lines = rest.split("\n\n")[0].strip().split("\n")
    header, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def number(text: str) -> int:
    """An integer written with commas."""
    return int(text.replace(",", ""))


def weights(rows: list[Row], column: str) -> dict[str, int]:
    """A column of integers by consumer, sums and zeros left out."""
    named = {row["consumer"]: number(row[column]) for row in rows if row["consumer"] != "sum"}
    return {consumer: value for consumer, value in named.items() if value}


def summed(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Each numeric column's printed sum beside the sum of its rows."""
    for column in rows[0]:
        if column != "consumer":
            *parts, total = (number(row[column]) for row in rows)
            yield total, sum(parts)
