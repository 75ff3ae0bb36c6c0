"""How busy simulated hosts are: the minutes of a real request trace on an office week.

In: `trace_minutes.csv` (see trace_minutes.LICENSE) and the pages' instants. Out: permille of a
host's power range. The trace is of one hour, so bursts are real; the week's rhythm is an office's,
assumed, in Europe/Paris.
"""

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from footprint.interval import PARIS

TRACE = Path(__file__).with_name("trace_minutes.csv")
GENERATED_UNITS = 7
"""What a generated token costs, in prompt tokens: the guess of `footprint-agent twin --serving`."""
DAY_PERMILLE = (
    *(150, 150, 150, 150, 150, 200, 260, 380, 520, 620, 650, 640),
    *(520, 560, 650, 650, 610, 540, 430, 340, 270, 230, 190, 160),
)
"""An office day by hour: mean use."""
WEEKEND_PERMILLE = 350
"""What a day of the weekend is of it."""
MOST_PERMILLE = 1000
_MIX = 0x9E3779B97F4A7C15
_WORD = 2**64 - 1


class Load:
    """The use of hosts at the start of each page; `page_seconds` is a page's length."""

    def __init__(self, starts: Sequence[datetime], page_seconds: int) -> None:
        self._rhythm = [_of_week(start) for start in starts]
        self._bursts = _bursts(trace_minutes(), max(1, page_seconds // 60))

    def permille(self, page: int, salt: int) -> int:
        """Use of the host that `salt` stands for in page number `page`, 0 to 1000."""
        burst = self._bursts[(salt + page * 7) % len(self._bursts)]
        return min(self._rhythm[page] * burst // 1000, MOST_PERMILLE)


def _of_week(instant: datetime) -> int:
    local = instant.astimezone(PARIS)
    mean = DAY_PERMILLE[local.hour]
    return mean * WEEKEND_PERMILLE // 1000 if local.weekday() >= 5 else mean


def trace_minutes() -> list[int]:
    """Work in each minute of the trace, in prompt tokens."""
    with TRACE.open(newline="", encoding="ascii") as file:
        return [
            int(row["prompt_tokens"]) + GENERATED_UNITS * int(row["generated_tokens"])
            for row in csv.DictReader(file)
        ]


def _bursts(minutes: Sequence[int], length: int) -> list[int]:
    """Work of each `length` minutes on end, round the end, in permille of the mean."""
    mean = sum(minutes) * length
    return [
        sum(minutes[(first + step) % len(minutes)] for step in range(length))
        * 1000
        * len(minutes)
        // mean
        for first in range(len(minutes))
    ]


def mix(*numbers: int) -> int:
    """64 bits that depend on every one of `numbers`, in order, and look like chance (the finalizer
    of SplitMix64, public domain, Steele and others 2014): what is drawn for a host and page is the
    same however often and in whatever order it is drawn."""
    word = 0
    for number in numbers:
        word = (word + number + _MIX) & _WORD
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
        word ^= word >> 31
    return word
